"""Inputs made to be slow or large: each is answered at once, by a result or by a limit that names itself."""

import resource
import signal
import sys

import pytest

from strataregula import (
    CompilationError,
    CompiledPatternCache,
    ConfigCompiler,
    PatternExpander,
    PatternMatcher,
)
from strataregula.core.documents import MemoryFiles

SECONDS = 2.0 if sys.gettrace() is None else 10.0
"""Processor time; counting branches for coverage makes the code several times slower."""
BYTES = 200 * 1024 * 1024
NAMES = {name: [f"{name}{number}" for number in range(100)] for name in "abc"}
FAMILY = {"h": {"by": "p", "values": {f"p{one}": [f"v{two}" for two in range(300)] for one in range(300)}}}
BOMB = "s:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


class Late(BaseException):
    """Raised inside what takes too long; nothing that is tried catches it."""


@pytest.fixture(autouse=True)
def bounded():
    """Two seconds of processor time and 200 MB for each test of this file."""

    def late(*_):
        raise Late

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    handler = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, handler)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < BYTES


def outcome(document, **options):
    """The keys of a document, or the codes of what is wrong with it."""
    try:
        return len(ConfigCompiler().compile(document, **options))
    except CompilationError as error:
        return {diagnostic.code for diagnostic in error.diagnostics}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"{a}.{b}": 1, "**.**.**": {"value": 2, "priority": 1}}, 10_000),
        ({"{a}.{b}": 1, **{f"**.b*{n}*": n for n in range(300)}}, {"no-keys"}),
        ({"{a}.{b}": 1, **{f"**.b{n}": {"value": n, "priority": n} for n in range(100)}}, 10_000),
        ({"{a}.{b}": 1, **{f"**.*{n % 10}.**": {"value": n, "priority": n} for n in range(100)}}, 10_000),
        ({"{a}.{b}": {"value": 1, "except": [f"**.b{n}" for n in range(99)]}}, 100),
        ({f"k{n}.x": 1 for n in range(3_000)} | {f"**.*{n}*": 2 for n in range(99)}, {"no-keys"}),
        ({"{a}{b}{1..9}": 1, "*.x": 2}, {"no-keys"}),
        ({".".join("a" * 64): 1, ".".join(["**", "a"] * 31): 2, ".".join(["**", "?"] * 31 + ["b"]): 3}, {"no-keys"}),
        ({"a" * 8_000: 1, "a*" * 30 + "b": 2}, {"no-keys"}),
        ({"{a,{b,{c,{d}}}}": 1}, {"pattern-syntax"}),
        ({"{" * 4_000: 1}, {"pattern-syntax"}),
        ({"{1..999999999}": 1}, {"limit"}),
        ({"{a}.{b}.{c}.{1..9}": 1}, {"limit"}),
        ({"[" + "a-z" * 2_000 + "]": 1}, {"no-keys"}),
        ({".".join(["{a}"] * 64): 1}, 100),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_rules_made_to_be_slow(rules, expected):
    assert outcome({"domains": NAMES, "s": rules}) == expected


@pytest.mark.parametrize("rule", ["{h}.{h.p}", "{p}.{h}.x", "{h}-{h.p}"])
def test_hierarchies_are_joined_once(rule):
    assert outcome({"domains": FAMILY, "s": {rule: 1}}) in (90_000, {"limit"})


@pytest.mark.parametrize("rules", [
    {"{a}.{b}.{c}.{1..999999999}": 1, "**.x": 2},
    {"{a}.{b}.{c}": 1, **{f"**.b{n}.**": n for n in range(100)}},
    {"{a}{b}{c}{1..99999}": 1, "a1b1c11": 2},
    {f"{{{one}}}.{{{two}}}.{{{three}}}": 1 for one in "abc" for two in "abc" for three in "abc"},
    {f"{{1..{n + 900_000}}}.x": n for n in range(60)},
])  # fmt: skip
def test_lazy_results_stand_at_once(rules):
    document = {"domains": NAMES, "s": {text: {"value": 1, "priority": at} for at, text in enumerate(rules)}}
    compiled = ConfigCompiler(strict=False).compile(document, lazy=True)
    assert next(compiled.entries()).section == "s"
    compiled.explain("a1.b1.c1").render()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (BOMB, "alias-growth"),
        ("s: " + "[" * 5_000 + "]" * 5_000, "nesting"),
        ("s: " + "{a: " * 5_000 + "1" + "}" * 5_000, "nesting"),
        ("a: &a [*a]\n", None),
        ("s:\n" + "".join(f"  {'x' * 50}{n % 7}: 1\n" for n in range(20_000)), "duplicate-key"),
        ("- " * 3_000, None),
        ("s: {? " * 2_000, None),
        ("&a " * 3_000, None),
        ("s: !!python/object/apply:os.system [true]", None),
    ],
    ids=["bomb", "lists", "maps", "self", "twice", "dashes", "questions", "anchors", "tag"],
)  # fmt: skip
def test_documents_made_to_be_slow(content, code):
    with pytest.raises(CompilationError) as caught:
        ConfigCompiler(files=MemoryFiles({"a.yaml": content.encode()})).compile("a.yaml")
    codes = {diagnostic.code for diagnostic in caught.value.diagnostics}
    assert code is None or code in codes
    assert all(len(diagnostic.render()) < 4_000 for diagnostic in caught.value.diagnostics)


def test_json_made_to_be_deep():
    for content in ("[" * 100_000, '{"s":' * 50_000, '{"s": ' + "[" * 50_000 + "]" * 50_000 + "}"):
        with pytest.raises(CompilationError):
            ConfigCompiler(files=MemoryFiles({"a.json": content.encode()})).compile("a.json")


@pytest.mark.parametrize(
    "pattern",
    [
        "*a*a*a*b",
        "*a" * 31 + "*b",
        "**." * 30 + "b",
        "*?" * 30 + "*b",
        "{x}*{y}*{z}b",
        "{a,aa}{a,aa}{a,aa}*b",
    ],
)
def test_patterns_made_to_be_slow_to_match(pattern):
    text = "a" * 4_000
    texts = [text, ".".join(["a" * 60] * 64), text + "b"]
    matcher = PatternMatcher([pattern, "x." + pattern])
    function = CompiledPatternCache().get_compiled_function(pattern)
    assert [function(one) for one in texts] == [matcher.match(one) is not None for one in texts]


def test_thousands_of_patterns_with_deep_wildcards_are_matched_at_once():
    matcher = PatternMatcher([f"**.*{number}*.**" for number in range(500)])
    assert matcher.match(".".join(["x"] * 60)) is None
    assert len(matcher.all(".".join(["x"] * 30 + ["17"] + ["x"] * 30))) == 3


def test_a_stream_of_overlapping_rules_begins_at_once():
    expander = PatternExpander(NAMES, max_keys=10**12, max_keys_per_rule=10**12)
    rules = {"{a}.{b}.{c}.{1..9999}": 1, "**.7": 2, "a1.**": 3, **{f"*.b{n}.**.{n}": n for n in range(1, 60)}}
    stream = expander.expand_pattern_stream(rules)
    assert len([key for key, _ in zip(stream, range(2_000), strict=False)]) == 2_000
