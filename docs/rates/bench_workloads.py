"""Six small workloads of different kinds, 10 to 35 microseconds a call, for measuring the rates of the gate.

Short calls, so that a block always holds at least 20 of them and a slowdown of 5 % or 15 % can be injected
exactly: by making 21 or 23 calls and reporting them as 20.
"""

import json
import re

from bench import benchmark

_ORDERS = [{"id": i, "sku": f"item-{i:03d}", "price": i * 1.25, "tags": ["new", "sale"]} for i in range(6)]
_LINE = re.compile(r"(?P<level>[A-Z]+) +(?P<name>[\w.]+): (?P<ms>\d+)ms")
_LOG = "\n".join(f"INFO  svc.edge{i}.gateway: {i * 37 % 251}ms" for i in range(25))
_NAMES = [f"user{i * 7919 % 211:03d}@example.org" for i in range(70)]


class _Account:
    __slots__ = ("balance", "moves")

    def __init__(self) -> None:
        self.balance = 0
        self.moves = 0

    def post(self, amount: int) -> int:
        self.moves += 1
        self.balance += amount
        return self.balance


@benchmark
def json_orders() -> object:
    return json.loads(json.dumps(_ORDERS))


@benchmark
def regex_log() -> object:
    return [match["name"] for match in _LINE.finditer(_LOG)]


@benchmark
def dict_of_keys() -> object:
    return {f"edge.{i}.gateway": i for i in range(120)}


@benchmark
def integer_loop() -> int:
    total = 0
    for i in range(320):
        total += i * i % 7
    return total


@benchmark
def sort_and_join() -> str:
    return ";".join(sorted(name.upper() for name in _NAMES))


@benchmark
def method_calls() -> int:
    account = _Account()
    for amount in range(200):
        account.post(amount)
    return account.balance
