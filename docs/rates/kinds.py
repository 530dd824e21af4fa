"""Workloads of different kinds, 10 microseconds to 50 milliseconds a call, each the same unit ``SIZE`` times.

The slower revisions of the rates change this one number: 115 is exactly +15 %.
"""

import itertools
import json
import re
import zlib

SIZE = 100

_ORDER = {"id": 17, "sku": "item-017", "price": 21.25, "tags": ["new", "sale"], "note": None}
_LINE = re.compile(r"(?P<level>[A-Z]+) +(?P<name>[\w.]+): (?P<ms>\d+)ms")
_NAMES = [f"user{i * 7919 % 211:03d}@example.org" for i in range(8)]
_PAGE = bytes(i * 31 % 251 for i in range(28_000))
_TEXT = "alpha = 12 ; beta = alpha * ( 3 + 4 ) ; gamma = beta - alpha / 2 ; delta = gamma + beta * 2 ; " * 6
_TOKEN = re.compile(r"\s*(?:(\d+)|([a-z]+)|(.))")


class _Account:
    __slots__ = ("balance", "moves")

    def __init__(self) -> None:
        self.balance = 0
        self.moves = 0

    def post(self, amount: int) -> int:
        self.moves += 1
        self.balance += amount
        return self.balance


class _Node:
    def __init__(self, name: str, parent: "_Node | None") -> None:
        self.name = name
        self.parent = parent
        self.children: list[_Node] = []


def integer_loop() -> int:
    """Interpreter: arithmetic on small integers."""
    total = 0
    for i in range(SIZE):
        total += i * i % 7 ^ i
        total -= (i | 5) * 3 >> 1
    return total


def method_calls() -> int:
    """Interpreter: method calls and attributes."""
    account = _Account()
    for amount in range(SIZE):
        account.post(amount)
    return account.balance


def string_dicts() -> int:
    """Allocation: short strings and small dictionaries."""
    count = 0
    for i in range(SIZE):
        count += len({f"edge.{i}.{j}": j for j in range(4)})
    return count


def node_trees() -> int:
    """Allocation: objects that refer to each other, which only the collector can free."""
    count = 0
    for i in range(SIZE):
        root = _Node("root", None)
        root.children = [_Node(f"child{i}", root), _Node("leaf", root)]
        count += len(root.children)
    return count


def regex_lines() -> int:
    """C code in small pieces: a regular expression over log lines."""
    found = 0
    for i in range(SIZE):
        match = _LINE.match(f"INFO  svc.edge{i}.gateway: {i}ms")
        found += match is not None and int(match["ms"])
    return found


def json_orders() -> int:
    """C code in larger pieces: JSON there and back."""
    count = 0
    for _ in range(SIZE):
        count += len(json.loads(json.dumps(_ORDER)))
    return count


def sort_names() -> int:
    """C code that calls back: sorting strings by a key."""
    count = 0
    for _ in range(SIZE):
        count += len(sorted(_NAMES, key=str.swapcase))
    return count


def checksums() -> int:
    """C code alone: a checksum of pages, about a millisecond."""
    total = 0
    for _ in range(SIZE):
        total ^= zlib.crc32(_PAGE, total)
    return total


def make_table() -> tuple[dict[int, int], "itertools.cycle[int]"]:
    """A dictionary far larger than the caches, and the endless order in which it is read."""
    table = {i * 2_654_435_761 % 2**32: i for i in range(400_000)}
    keys = list(table)
    return table, itertools.cycle([keys[i * 7919 % len(keys)] for i in range(len(keys))])


def memory_walk(table: tuple[dict[int, int], "itertools.cycle[int]"]) -> int:
    """Memory: look-ups all over a table larger than the caches."""
    mapping, keys = table
    total = 0
    for key in itertools.islice(keys, SIZE * 6):
        total += mapping[key]
    return total


def tokens_5ms() -> int:
    """A call of some milliseconds: splitting a text into tokens."""
    return _tokens(_TEXT[:190] * 4, SIZE)


def tokens_50ms() -> int:
    """A call of some fifty milliseconds: splitting a text into tokens and counting them."""
    return _tokens(_TEXT * 7, SIZE * 2)


def _tokens(text: str, rounds: int) -> int:
    count = 0
    for _ in range(rounds):
        seen: dict[str, int] = {}
        for number, name, other in _TOKEN.findall(text):
            seen[number or name or other] = seen.get(name, 0) + 1
        count += len(seen)
    return count
