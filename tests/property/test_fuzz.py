"""Random documents and patterns: a result or diagnostics, never another error, within two seconds and 200 MB.

The ordinary run tries a few hundred; ``STRATAREGULA_FUZZ=100000`` (``tox run -e fuzz``) as many as it says. Every
try has a seed of its own, which a failure names: ``STRATAREGULA_FUZZ_SEED=...`` repeats exactly that one.
"""

import contextlib
import dataclasses
import json
import os
import random
import resource
import signal
import sys
import time

import pytest
import yaml

from strataregula import (
    CompilationError,
    CompiledPatternCache,
    ConfigCompiler,
    PatternExpander,
    PatternMatcher,
    PatternSyntaxError,
    parse_pattern,
)
from strataregula.core.documents import MemoryFiles
from strataregula.errors import AmbiguousKey, UsageError

TRIES = int(os.environ.get("STRATAREGULA_FUZZ", "300"))
ONLY = os.environ.get("STRATAREGULA_FUZZ_SEED")
SEEDS = [int(ONLY)] if ONLY else range(TRIES)
MAX_SECONDS = 2.0 if sys.gettrace() is None else 10.0  # counting branches makes the code several times slower
MAX_BYTES = 200 * 1024 * 1024

PIECES = [
    "a", "b", "x", "ab", "é", "1", "{d}", "{d}", "{p.r}", "{p}", "{r}", "{none}", "{d:a*}", "{a,b}", "{a,{b,c}}", "{1..3}",
    "{01..12}", "{1..99999999999}", "{9..1}", "*", "*", "**", "?", "[a-c]", "[!x]", "[", "]", "{", "}", "!", "\\", '"', '"q.r"', "..",
    " ", "\t", "\x00", "${a}", "${", "$", ",", ":", "-", "\\*", "a*a*a*a*b", "\U0001f600", "\ud800", "x" * 300,
]  # fmt: skip
SCALARS = [
    None, True, 0, 1, -1, 2**70, 1.5, float("inf"), float("nan"), "", "on", "${a.b}", "${r}", "${env:HOME}", "${d}${d}",
    "${s.a}", "~", "2024-01-01", "a: b", "[", "é" * 50, "${a}" * 40,
]  # fmt: skip
NAMES = ["s", "t", "domains", "domain", "shapes", "use", "layers", "settings", "schema", "d", "a.b", ""]
WORDS = [
    "domains:", "s:", "shapes:", "use:", "settings:", "\n", "\n  ", "\n    ", "- ", "a", "b: ", "'{d}.*'", "'**'", "'!a'", "[", "]", "{", "}",
    ",", ":", "&x ", "*x", "<<: ", "!!python/object:os.system ", "!t ", "? ", "|", ">", "%YAML 1.1", "---", "...", "#", '"', "'", "\t", "\x00",
    "null", "1", "0x1f", "1e400", "2024-13-45", ".nan", "value: ", "where: ", "except: ", "priority: ", "merge: ", "deep", "by: ", "values: ",
]  # fmt: skip


def some(choose, options, most):
    return [choose.choice(options) for _ in range(choose.randrange(most + 1))]


def pattern(choose):
    segments = ["".join(some(choose, PIECES, 3) or ["a"]) for _ in range(choose.randrange(1, 6))]
    return choose.choice(["", "", "", "!"]) + ".".join(segments)


def value(choose, depth=0):
    kind = choose.randrange(8)
    if depth > 4 or kind < 5:
        return choose.choice(SCALARS)
    if kind == 5:
        return [value(choose, depth + 1) for _ in range(choose.randrange(4))]
    return {
        choose.choice([*NAMES, "k", "value"]): value(choose, depth + 1) for _ in range(choose.randrange(4))
    }


def rule(choose):
    if choose.randrange(3):
        return value(choose)
    conditions = [
        {},
        {"d": "a"},
        {"r": ["n", "*"]},
        {"p": "zz"},
        {"none": "x"},
        "text",
        [pattern(choose)],
        {"d": [1]},
        {"d": "["},
    ]
    extra = {
        "where": choose.choice(conditions),
        "except": choose.choice(conditions),
        "priority": choose.choice([0, 1, -1, "1", 10**12]),
        "merge": choose.choice(["replace", "deep", "append", "unique", "no", 1]),
        "other": 1,
    }
    chosen = choose.sample(sorted(extra), choose.randrange(3))
    return {"value": value(choose), **{name: extra[name] for name in chosen}}


def section(choose):
    if not choose.randrange(12):
        return value(choose)
    return {pattern(choose): rule(choose) for _ in range(choose.randrange(7))}


DOMAINS = [
    {"d": ["a", "b", "x"], "p": {"by": "r", "values": {"n": ["a", "b"], "s": ["b", "c.d"]}}},
    {"d": "text"}, {"d": []}, {"d": ["a", "a"]}, {"d": [1, None]}, {"p": {"by": "p", "values": {}}}, {"p": {"by": "q"}}, {"d": ["", "*", "{x}", '"']},
    {"d": [f"v{number}" for number in range(1_500)], "p": {"by": "r", "values": {"n": [f"w{number}" for number in range(900)]}}},
]  # fmt: skip


def tree(choose):
    found = {"domains": choose.choice([DOMAINS[0], DOMAINS[0], choose.choice(DOMAINS)])}
    if not choose.randrange(3):
        found["shapes"] = choose.choice(
            [["{d}.{p}"], ["a.{d}", "b.{d}"], "text", [1], ["{none}"], ["*"], [pattern(choose)]]
        )
    if not choose.randrange(6):
        found["settings"] = {
            "merge": {pattern(choose): choose.choice(["deep", "append", "x"])},
            "lenient": choose.choice([True, 1]),
        }
    for name in some(choose, NAMES, 2) or ["s"]:
        found[name] = section(choose)
    return found


def sources(choose):
    """One to three layers in the forms that a user could have written them in."""
    for _ in range(choose.choice([1, 1, 1, 2, 3])):
        kind = choose.randrange(5)
        if kind == 0:
            yield tree(choose)
        elif kind == 1:
            yield json.dumps(tree(choose)).encode(), "json"
        elif kind == 2:
            yield yaml.safe_dump(tree(choose), allow_unicode=True).encode("utf-8", "replace"), "yaml"
        elif kind == 3:
            yield "".join(some(choose, WORDS, 40)).encode("utf-8", "replace"), "yaml"
        else:
            text = bytearray(json.dumps(tree(choose)).encode())
            for _ in range(choose.randrange(1, 4)):
                text[choose.randrange(len(text))] = choose.randrange(256)
            yield bytes(text), choose.choice(["json", "yaml"])


def use(compiled, choose):
    """Ask a compiled or lazy configuration what a user may ask."""
    found = 0
    for name, entries in compiled.sections.items():
        for key in entries:
            found += 1
            explained = compiled.explain(key, section=name)
            assert explained.found
            explained.render()
            if found > 20:
                break
    for text in (pattern(choose), "a.b", ""):
        with contextlib.suppress(AmbiguousKey, CompilationError):
            compiled.explain(text).render()
            compiled.get(text)
        with contextlib.suppress(UsageError, CompilationError):
            compiled.match(text)


def readable(error):
    lines = [line for diagnostic in error.diagnostics for line in diagnostic.render().split("\n")]
    assert lines
    assert all(line.isprintable() for line in lines)


def compile_one(choose):
    files, names = {}, []
    for number, source in enumerate(sources(choose)):
        if isinstance(source, dict):
            names.append(source)
        else:
            names.append(f"f{number}.{source[1]}")
            files[names[-1]] = source[0]
    for lazy in (False, True):
        compiler = ConfigCompiler(strict=bool(choose.randrange(2)), files=MemoryFiles(files))
        try:
            compiled = compiler.compile(*names, lazy=lazy)
        except CompilationError as error:
            readable(error)
            continue
        try:
            use(compiled, choose)
        except CompilationError:
            assert lazy


def match_one(choose):
    texts = [pattern(choose) for _ in range(choose.randrange(1, 12))]
    keys = [".".join(some(choose, ["a", "b", "x", "ab", "é", "aaab", "12", '"', ""], 5)) for _ in range(5)]
    cache = CompiledPatternCache(4)
    good = []
    for text in texts:
        try:
            function = cache.get_compiled_function(text)
        except PatternSyntaxError as error:
            str(error)
            continue
        good.append(text)
        matcher = PatternMatcher([dataclasses.replace(parse_pattern(text), negated=False)])
        for key in keys:
            assert function(key) is (matcher.match(key) is not None)
    matcher = PatternMatcher(good)
    for key in keys:
        matcher.all(key)


def stream_one(choose):
    expander = PatternExpander(DOMAINS[0], max_keys=10**9, max_keys_per_rule=10**9)
    try:
        stream = expander.expand_pattern_stream(
            {pattern(choose): rule(choose) for _ in range(choose.randrange(1, 6))}
        )
        for _, (key, _value) in zip(range(500), stream, strict=False):
            assert key
    except CompilationError:
        pass


class Overtime(BaseException):
    """Raised inside whatever takes too long; nothing that is tried may catch it."""


def late(*_):
    raise Overtime


@pytest.fixture
def limited(request):
    """Calls a function with a time limit; the memory limit is checked for all calls together."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    handler = signal.signal(signal.SIGPROF, late)

    def call(function, seed):
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        try:
            function(random.Random(seed))
        except (Overtime, Exception) as error:
            raise AssertionError(
                f"{function.__name__} with STRATAREGULA_FUZZ_SEED={seed}: {error!r}"
            ) from error
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        assert grown < MAX_BYTES, f"{function.__name__} with STRATAREGULA_FUZZ_SEED={seed}: {grown:,} bytes"

    yield call
    signal.signal(signal.SIGPROF, handler)


@pytest.mark.parametrize("function", [compile_one, match_one, stream_one])
def test_random_input_ends_in_a_result_or_in_diagnostics(function, limited):
    started = time.monotonic()
    for number, seed in enumerate(SEEDS):
        limited(function, seed)
        if number and number % 10_000 == 0:
            print(f"{function.__name__}: {number:,} tries in {time.monotonic() - started:.0f} s")
