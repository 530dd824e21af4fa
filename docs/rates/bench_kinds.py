"""The suite over :mod:`kinds`."""

import kinds

from bench import benchmark


@benchmark
def integer_loop() -> object:
    return kinds.integer_loop()


@benchmark
def method_calls() -> object:
    return kinds.method_calls()


@benchmark
def string_dicts() -> object:
    return kinds.string_dicts()


@benchmark
def node_trees() -> object:
    return kinds.node_trees()


@benchmark
def regex_lines() -> object:
    return kinds.regex_lines()


@benchmark
def json_orders() -> object:
    return kinds.json_orders()


@benchmark
def sort_names() -> object:
    return kinds.sort_names()


@benchmark
def checksums() -> object:
    return kinds.checksums()


@benchmark(setup=kinds.make_table)
def memory_walk(table: object) -> object:
    return kinds.memory_walk(table)


@benchmark
def tokens_5ms() -> object:
    return kinds.tokens_5ms()


@benchmark
def tokens_50ms() -> object:
    return kinds.tokens_50ms()
