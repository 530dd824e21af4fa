"""Advice on fast Python as pairs that are measured: each promise says how much the advised way must win by.

Where a promise is below 1x the advice does not hold on current CPython, and the promise only bounds the
damage; `docs/practices.md` has the figures and says what to do instead.
"""

import operator
import re
from array import array
from bisect import bisect_left
from collections import deque
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import chain

from bench import benchmark

COUNT = 1_000
NUMBERS = list(range(COUNT))
WORDS = [f"word{number}" for number in NUMBERS]
NAMES = [f"service.{number}.latency" for number in NUMBERS]

# Data structures


@benchmark
def member_of_list():
    return sum([number in NUMBERS for number in range(0, 2_000, 20)])


MEMBERS = frozenset(NUMBERS)


@benchmark(budgets=["speed >= 40x member_of_list"])
def member_of_set():
    return sum([number in MEMBERS for number in range(0, 2_000, 20)])


FEW_LIST, FEW_SET = ["alpha", "beta", "gamma"], frozenset({"alpha", "beta", "gamma"})


@benchmark
def first_of_three_in_list():
    return sum([word in FEW_LIST for word in ("alpha",) * 500])


@benchmark(budgets=["speed >= 0.7x first_of_three_in_list"])
def first_of_three_in_set():
    return sum([word in FEW_SET for word in ("alpha",) * 500])


PAIRS = [(name, number) for number, name in enumerate(NAMES[:200])]
TABLE = dict(PAIRS)


@benchmark
def value_from_pairs():
    return [next(value for key, value in PAIRS if key == name) for name in NAMES[:200:10]]


@benchmark(budgets=["speed >= 15x value_from_pairs"])
def value_from_dict():
    return [TABLE[name] for name in NAMES[:200:10]]


@benchmark
def queue_as_list():
    queue = list(range(20_000))
    while queue:
        queue.pop(0)


@benchmark(budgets=["speed >= 5x queue_as_list"])
def queue_as_deque():
    queue = deque(range(20_000))
    while queue:
        queue.popleft()


# Loops


def even(number):
    return number % 2 == 0


@benchmark
def loop_with_append():
    results = []
    for number in NUMBERS:
        if number % 2 == 0:
            results.append(number * 3)  # noqa: PERF401  -- this is what the other one is measured against
    return results


@benchmark(budgets=["speed >= 1x loop_with_append"])
def list_comprehension():
    return [number * 3 for number in NUMBERS if number % 2 == 0]


@benchmark
def comprehension_of_len():
    return [len(word) for word in WORDS]


@benchmark(budgets=["speed >= 1.1x comprehension_of_len"])
def map_of_len():
    return list(map(len, WORDS))


@benchmark
def comprehension_of_str():
    return [str(number) for number in NUMBERS]


@benchmark(budgets=["speed >= 0.5x comprehension_of_str"])
def map_of_str():
    return list(map(str, NUMBERS))


@benchmark(budgets=["speed >= 0.3x list_comprehension"])
def map_and_filter_of_lambdas():
    return list(map(lambda number: number * 3, filter(even, NUMBERS)))  # noqa: C417  -- measured


@benchmark
def flatten_in_a_loop():
    flat = []
    for row in [NUMBERS[:20]] * 50:
        for item in row:
            flat.append(item)  # noqa: PERF402  -- this is what the other one is measured against
    return flat


@benchmark(budgets=["speed >= 1.5x flatten_in_a_loop"])
def flatten_with_chain():
    return list(chain.from_iterable([NUMBERS[:20]] * 50))


# Text


@benchmark
def text_by_adding():
    text = ""
    for word in WORDS:
        text += word
    return text


@benchmark(budgets=["speed >= 3x text_by_adding"])
def text_by_join():
    return "".join(WORDS)


class Lines:
    """Holds a text in an attribute."""

    text = ""


@benchmark
def attribute_by_adding():
    lines = Lines()
    for word in WORDS * 10:
        lines.text += word
    return lines.text


@benchmark(budgets=["speed >= 10x attribute_by_adding"])
def attribute_by_join():
    lines = Lines()
    lines.text = "".join(WORDS * 10)
    return lines.text


@benchmark(budgets=["speed >= 0.75x text_by_join_of_list"])
def text_by_join_of_generator():
    return "".join(str(number) for number in NUMBERS)


@benchmark
def text_by_join_of_list():
    return "".join([str(number) for number in NUMBERS])


@benchmark
def format_method():
    return ["{} has {} items".format(word, number) for word, number in zip(WORDS, NUMBERS, strict=True)]  # noqa: UP032


@benchmark
def percent_format():
    return ["%s has %s items" % (word, number) for word, number in zip(WORDS, NUMBERS, strict=True)]  # noqa: UP031


@benchmark(budgets=["speed >= 1.4x format_method", "speed >= 0.85x percent_format"])
def f_string():
    return [f"{word} has {number} items" for word, number in zip(WORDS, NUMBERS, strict=True)]


# Memory


@benchmark
def total_of_list():
    return sum([number * 2 for number in range(100_000)])


@benchmark(budgets=["peak <= 10kB", "speed >= 0.6x total_of_list"])
def total_of_generator():
    return sum(number * 2 for number in range(100_000))


@benchmark(budgets=["peak <= 100kB"])
def total_in_chunks():
    total = 0
    for start in range(0, 100_000, 1_000):
        total += sum([number * 2 for number in range(start, start + 1_000)])
    return total


class Point:
    """Keeps its attribute in a dict of its own."""

    def __init__(self, x):
        self.x = x


class SlimPoint:
    """Keeps its attribute in a slot."""

    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


@benchmark
def objects_with_dict():
    return [Point(number) for number in NUMBERS]


@benchmark(budgets=["peak <= 100kB", "speed >= 0.9x objects_with_dict"])
def objects_with_slots():
    return [SlimPoint(number) for number in NUMBERS]


@benchmark(budgets=["peak <= 20kB"])
def numbers_in_array():
    return array("q", NUMBERS)


class Parser:
    """Something that takes time to build: a table of 200 names."""

    def __init__(self):
        self.table = {name: number for number, name in enumerate(NAMES[:200])}
        self.found = 0

    def reset(self):
        """Forget what was found."""
        self.found = 0

    def look(self, name):
        """Add the number of a name."""
        self.found += self.table.get(name, 0)
        return self.found


@benchmark
def new_object_each_time():
    return [Parser().look(name) for name in NAMES[:20]]


class Pool:
    """The least that a pool does: hand out, take back, reset."""

    def __init__(self, factory):
        self.factory, self.free = factory, []

    def acquire(self):
        """Return a free object, or a new one."""
        return self.free.pop() if self.free else self.factory()

    def release(self, thing):
        """Take an object back."""
        thing.reset()
        self.free.append(thing)


PARSERS = Pool(Parser)


@benchmark(budgets=["speed >= 5x new_object_each_time"])
def object_from_a_pool():
    found = []
    for name in NAMES[:20]:
        parser = PARSERS.acquire()
        try:
            found.append(parser.look(name))
        finally:
            PARSERS.release(parser)
    return found


class Counter:
    """Something that takes no time to build."""

    def __init__(self):
        self.found = 0

    def reset(self):
        """Start again."""
        self.found = 0

    def add(self, number):
        """Add a number."""
        self.found += number
        return self.found


COUNTERS = Pool(Counter)


@benchmark
def new_cheap_object_each_time():
    return [Counter().add(number) for number in range(200)]


@benchmark(budgets=["speed >= 0.3x new_cheap_object_each_time"])
def cheap_object_from_a_pool():
    found = []
    for number in range(200):
        counter = COUNTERS.acquire()
        try:
            found.append(counter.add(number))
        finally:
            COUNTERS.release(counter)
    return found


# Algorithms and caches


def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


@lru_cache(maxsize=128)
def cached_fibonacci(number):
    return number if number < 2 else cached_fibonacci(number - 1) + cached_fibonacci(number - 2)


@benchmark
def uncached():
    return fibonacci(15)


@benchmark(budgets=["speed >= 100x uncached"])
def cached():
    return cached_fibonacci(15)


def add_one(number):
    return number + 1


cached_add_one = lru_cache(maxsize=128)(add_one)


@benchmark
def cheap_call():
    return [add_one(number) for number in NUMBERS]


@benchmark(budgets=["speed >= 0.1x cheap_call"])
def cheap_call_cached_in_vain():
    return [cached_add_one(number) for number in NUMBERS]


@benchmark
def position_by_scan():
    return [NUMBERS.index(number) for number in range(0, COUNT, 50)]


@benchmark(budgets=["speed >= 8x position_by_scan"])
def position_by_bisection():
    return [bisect_left(NUMBERS, number) for number in range(0, COUNT, 50)]


@benchmark
def patterns_one_by_one():
    patterns = [f"service.{number}.*" for number in range(200)]
    return [name for name in NAMES[:20] if any(fnmatchcase(name, pattern) for pattern in patterns)]


@benchmark(budgets=["speed >= 2x patterns_one_by_one"])
def patterns_by_prefix():
    prefixes = {f"service.{number}" for number in range(200)}
    return [name for name in NAMES[:20] if name.rpartition(".")[0] in prefixes]


NUMBER = re.compile(r"\d+")


@benchmark
def expression_by_text():
    return [re.search(r"\d+", name) is not None for name in NAMES]


@benchmark(budgets=["speed >= 1.4x expression_by_text"])
def expression_compiled():
    return [NUMBER.search(name) is not None for name in NAMES]


# Names, calls and exceptions

SETTINGS = {"multiplier": 2}


@benchmark
def global_in_a_loop():
    results = []
    for number in NUMBERS:
        results.append(number * SETTINGS["multiplier"])  # noqa: PERF401  -- the same loop as its partner
    return results


@benchmark(budgets=["speed >= 1.1x global_in_a_loop"])
def local_in_a_loop():
    results = []
    multiplier = SETTINGS["multiplier"]
    for number in NUMBERS:
        results.append(number * multiplier)  # noqa: PERF401  -- the same loop as its partner
    return results


@benchmark
def attribute_in_a_loop():
    return [operator.neg(number) for number in NUMBERS]


@benchmark(budgets=["speed >= 0.95x attribute_in_a_loop"])
def bound_name_in_a_loop():
    negated = operator.neg
    return [negated(number) for number in NUMBERS]


def by_exception(table, key):
    try:
        return table[key]
    except KeyError:
        return None


def by_test(table, key):
    if key in table:
        return table[key]
    return None


@benchmark
def exception_that_is_raised():
    return [by_exception(TABLE, "absent") for _ in NUMBERS]


@benchmark(budgets=["speed >= 3x exception_that_is_raised"])
def test_for_what_is_absent():
    return [by_test(TABLE, "absent") for _ in NUMBERS]


@benchmark
def exception_that_never_is():
    return [by_exception(TABLE, "service.7.latency") for _ in NUMBERS]


@benchmark(budgets=["speed >= 0.5x exception_that_never_is"])
def test_for_what_is_present():
    return [by_test(TABLE, "service.7.latency") for _ in NUMBERS]


@benchmark(budgets=["speed >= 1x exception_that_never_is"])
def get_for_what_is_present():
    return [TABLE.get("service.7.latency") for _ in NUMBERS]
