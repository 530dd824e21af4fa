"""The expander: a plan into a dict, pattern texts into a dict, patterns as a stream."""

from collections import deque

from workloads import DOMAINS, literal_patterns, wildcard_patterns

from bench import benchmark
from strataregula.core.pattern_expander import PatternExpander, expand
from strataregula.core.planner import clear_caches


def make_plan():
    return PatternExpander(DOMAINS).plan(wildcard_patterns(40))


@benchmark(setup=make_plan, items=40, budgets=["throughput >= 1000/s"])
def expand_wildcards(plan):
    return expand(plan)


def make_pattern_texts():
    return wildcard_patterns(40)


@benchmark(setup=make_pattern_texts, items=40, budgets=["throughput >= 1000/s"])
def compile_texts(patterns):
    clear_caches()
    return expand(PatternExpander(DOMAINS).plan(patterns))


def make_literals():
    return PatternExpander(), literal_patterns(1_000)


@benchmark(setup=make_literals, items=1_000, budgets=["throughput >= 1000/s", "peak <= 10MB"])
def stream_literals(work):
    expander, patterns = work
    deque(expander.expand_pattern_stream(patterns), maxlen=0)


def make_wildcards():
    return PatternExpander(DOMAINS), wildcard_patterns(22)


@benchmark(setup=make_wildcards, items=22 * 47, budgets=["throughput >= 1000/s", "peak <= 10MB"])
def stream_wildcards(work):
    expander, patterns = work
    deque(expander.expand_pattern_stream(patterns), maxlen=0)
