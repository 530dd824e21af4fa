"""How fast the compiler promises to be, as ratios to bare Python in the same run.

A plan of 500 rules x 47 values expands as fast as a bare loop makes the same dict, its pattern texts at 0.4
of that speed. A section is read in at most 1.5 times the time of a dict, the whole configuration in 2.5, from
10 keys to a million. A text finds its pattern among 8,192 in at most 1.5 times the time of 8, and 50 times
faster than `fnmatch` tries 1,000. Literals stream at 2 million a second, and what is streamed is not held.
A configuration of 10^9 keys that is compiled lazily stands after a second and answers in 10 microseconds.
"""

from collections import deque
from fnmatch import fnmatchcase
from random import Random

from bench import benchmark
from strataregula import ConfigCompiler
from strataregula.core.matcher import PatternMatcher
from strataregula.core.pattern_expander import PatternExpander, expand
from strataregula.core.planner import clear_caches

SITES = [f"site{number:02d}" for number in range(47)]
DOMAINS = {"site": SITES}
RULES = 500
KEYS = RULES * len(SITES)


def rules():
    return {f"svc{number:03d}.{{site}}.latency": number for number in range(RULES)}


def make_parts():
    return [(f"svc{number:03d}", number) for number in range(RULES)]


@benchmark(setup=make_parts, items=KEYS)
def bare_loop(parts):
    entries = {}
    for name, value in parts:
        for site in SITES:
            entries[f"{name}.{site}.latency"] = value
    return entries


def make_plan():
    return PatternExpander(DOMAINS).plan(rules())


@benchmark(setup=make_plan, items=KEYS, budgets=["speed >= 1.0x bare_loop"])
def expand_plan(plan):
    return expand(plan)


@benchmark(setup=rules, items=KEYS, budgets=["speed >= 0.4x bare_loop"])
def expand_texts(patterns):
    clear_caches()
    return expand(PatternExpander(DOMAINS).plan(patterns))


def make_literals():
    return PatternExpander(), {
        f"svc{number:04d}.{SITES[number % 47]}.latency": number for number in range(1_000)
    }


@benchmark(setup=make_literals, items=1_000, budgets=["throughput >= 2M/s"])
def stream_literals(work):
    expander, patterns = work
    deque(expander.expand_pattern_stream(patterns), maxlen=0)


def make_compiled(n):
    """A configuration of n keys and 200 of them in any order; the keys are other objects than its own."""
    choose = Random(n)  # noqa: S311  -- a workload, not a secret
    hosts = n // 10
    compiled = ConfigCompiler().compile({"latency": {f"host{{1..{hosts}}}.disk{{0..9}}": 5}})
    return compiled, [f"host{choose.randint(1, hosts)}.disk{choose.randrange(10)}" for _ in range(200)]


def make_section(n):
    compiled, keys = make_compiled(n)
    return compiled.section("latency"), keys


def make_entries(n):
    compiled, keys = make_compiled(n)
    return dict(compiled.section("latency")), keys


SIZES = [100, 10_000, 1_000_000]


@benchmark(params={"n": SIZES}, setup=make_entries, items=200)
def look_up_dict(work):
    entries, keys = work
    for key in keys:
        entries[key]


@benchmark(params={"n": SIZES}, setup=make_section, items=200, budgets=["speed >= 0.667x look_up_dict"])
def look_up_section(work):
    entries, keys = work
    for key in keys:
        entries[key]


@benchmark(params={"n": SIZES}, setup=make_compiled, items=200, budgets=["speed >= 0.4x look_up_dict"])
def look_up_compiled(work):
    entries, keys = work
    for key in keys:
        entries[key]


def make_matcher(count):
    texts = [f"svc{number * count // 20:04d}.tokyo.timeout" for number in range(20)]
    return PatternMatcher([f"svc{number:04d}.*.t*" for number in range(count)]), texts


def make_matcher_of_8():
    return make_matcher(8)


def make_matcher_of_1000():
    return make_matcher(1_000)


def make_matcher_of_8192():
    return make_matcher(8_192)


@benchmark(setup=make_matcher_of_8, items=20)
def match_8(work):
    matcher, texts = work
    for text in texts:
        matcher.match(text)


@benchmark(setup=make_matcher_of_8192, items=20, budgets=["speed >= 0.667x match_8"])
def match_8192(work):
    matcher, texts = work
    for text in texts:
        matcher.match(text)


def make_fnmatch_patterns():
    return [f"svc{number:04d}.*.t*" for number in range(1_000)], [
        f"svc{number * 50:04d}.tokyo.timeout" for number in range(20)
    ]


@benchmark(setup=make_fnmatch_patterns, items=20)
def fnmatch_1000(work):
    patterns, texts = work
    for text in texts:
        for pattern in patterns:
            fnmatchcase(text, pattern)


@benchmark(setup=make_matcher_of_1000, items=20, budgets=["speed >= 50x fnmatch_1000"])
def match_1000(work):
    matcher, texts = work
    for text in texts:
        matcher.match(text)


def make_large_stream():
    return PatternExpander(DOMAINS), {"{site}.{1..5000}.latency": 5, "site00.{1..9}.latency": 7}


@benchmark(setup=make_large_stream, items=47 * 5_000, budgets=["throughput >= 100k/s", "peak <= 1MB"])
def stream_a_quarter_million(work):
    expander, patterns = work
    deque(expander.expand_pattern_stream(patterns), maxlen=0)


def make_large_sources():
    names = {name: [f"{name}{number}" for number in range(1_000)] for name in ("zone", "host", "disk")}
    rules = {
        "{zone}.{host}.{disk}": 5,
        "zone7.{host}.{disk}": 6,
        "zone7.host7.disk7": 7,
        "*.*.disk99*": {"value": 8, "priority": 1},
        "!*.host9.disk1": None,
    }
    return {"domains": names, "latency": rules}


@benchmark(setup=make_large_sources, budgets=["time <= 1s", "peak <= 100MB"])
def compile_a_billion_lazily(sources):
    return ConfigCompiler().compile(sources, lazy=True)


def make_lazy():
    choose = Random(7)  # noqa: S311  -- a workload, not a secret
    keys = [
        f"zone{choose.randrange(9)}.host{choose.randrange(9)}.disk{choose.randrange(999)}" for _ in range(99)
    ]
    return ConfigCompiler().compile(make_large_sources(), lazy=True), keys


@benchmark(setup=make_lazy, items=99, budgets=["throughput >= 100k/s"])
def look_up_lazy(work):
    lazy, keys = work
    for key in keys:
        lazy.get(key)
