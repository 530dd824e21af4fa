"""Pattern texts: parsing them, matching texts against many."""

from workloads import match_patterns, match_texts, mixed_patterns

from bench import benchmark
from strataregula.core.matcher import PatternMatcher
from strataregula.core.pattern import clear_pattern_cache, parse_pattern


def make_pattern_texts():
    return mixed_patterns(60)


@benchmark(setup=make_pattern_texts, items=60, budgets=["throughput >= 1000/s"])
def parse_patterns(texts):
    clear_pattern_cache()
    return [parse_pattern(text) for text in texts]


def make_matcher():
    return PatternMatcher(match_patterns(1_000)).match, match_texts(1_000, 100)


@benchmark(setup=make_matcher, items=100)
def match_text(work):
    match, texts = work
    return [match(text) for text in texts]
