"""Compiled, streamed and lazy are one meaning: that of the slow reference beside this file."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from strataregula import CompilationError, ConfigCompiler, MissingKey

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
sys.modules["reference"] = reference
_spec.loader.exec_module(reference)
Rule = reference.Rule

texts = st.sampled_from(["a", "b", "x", "n", "ab"]).map(lambda text: ("text", text))
globs = st.sampled_from([(), (), (), (("star",), ("text", "b")), (("any",),), (("class", "ac"),)])
captures = st.builds(
    lambda name, glob: ("capture", name, glob),
    st.sampled_from(["city", "role", "city.zone", "zone", "odd"]),
    globs,
)
choices = st.sampled_from([("a", "x"), ("b", "n", "ab")]).map(lambda options: ("choice", options))
wild = st.sampled_from([("star",), ("any",), ("class", "ab")])


def joined(pieces):
    """No two texts and no two stars beside each other: they would be one piece in the pattern."""
    kept = []
    for piece in pieces:
        if not kept or piece[0] not in {"text", "star"} or kept[-1][0] != piece[0]:
            kept.append(piece)
    return tuple(kept)


segments = st.one_of(
    st.one_of(texts, texts, captures, captures, choices, wild).map(lambda piece: (piece,)),
    st.lists(st.one_of(texts, captures, choices, wild), min_size=2, max_size=3).map(joined),
    st.just(()),
)
making = st.one_of(texts, captures, choices)
making_segments = st.one_of(
    making.map(lambda piece: (piece,)), st.lists(making, min_size=2, max_size=2).map(joined)
)
plain_patterns = st.lists(segments, min_size=1, max_size=3).map(lambda parts: Rule(tuple(parts)))


@st.composite
def rule_of(draw, pieces):
    """A rule with conditions on captures that it has, sometimes with an exception that begins like it does."""
    found = Rule(tuple(draw(st.lists(pieces, min_size=1, max_size=4 if pieces is segments else 3))))
    names = reference.names_of(found)
    conditions = [(), ("city", ("b", "c")), ("role", ("x",)), ("zone", ("s",))]
    condition = draw(st.sampled_from([one for one in conditions if not one or one[0] in names]))
    excluded = ()
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(found.segments) - 1))
        excluded = (Rule((*found.segments[:at], draw(segments), *found.segments[at + 1 :])),)
    return dataclasses.replace(
        found,
        value=draw(st.integers(0, 2)),
        priority=draw(st.sampled_from([0, 0, 0, 1])),
        layer=draw(st.sampled_from([0, 0, 1])),
        negated=pieces is segments and draw(st.integers(0, 3)) == 0,
        where=(condition,) if condition else (),
        excluded=excluded,
    )


rule_sets = st.tuples(
    st.lists(rule_of(making_segments), min_size=1, max_size=3), st.lists(rule_of(segments), max_size=3)
).map(lambda both: sorted(both[0] + both[1], key=lambda rule: rule.layer))


def written_twice(rules):
    return len({(rule.layer, reference.pattern_text(rule)) for rule in rules}) < len(rules)


def codes_or(function):
    try:
        return function()
    except CompilationError as error:
        return {diagnostic.code for diagnostic in error.diagnostics}


COMPILER = ConfigCompiler()
LENIENT = ConfigCompiler(strict=False)


@settings(max_examples=250, deadline=None)
@given(rule_sets)
def test_compiled_streamed_and_lazy_mean_what_the_reference_says(drawn):
    assume(not written_twice(drawn))
    sources = reference.document(drawn)
    eager = codes_or(lambda: LENIENT.compile(*sources))
    assume(not isinstance(eager, set))
    expected, problems = reference.expanded(drawn)
    event(", ".join(sorted(problems)) or "sound")
    keys = {reference.key_text(key): value for key, value in expected.items()}
    lazy = LENIENT.compile(*sources, lazy=True)
    assert dict(eager) == keys
    assert list(eager.items()) == [(entry.key, entry.value) for entry in LENIENT.stream(*sources)]
    assert list(eager.items()) == list(lazy.items())
    assert len(lazy) == len(keys)
    for key, value in keys.items():
        assert lazy[key] == value
        assert key in lazy
        assert lazy.explain(key) == eager.explain(key)
    if problems:
        assert codes_or(lambda: COMPILER.compile(*sources)) == problems
        assert codes_or(lambda: COMPILER.compile(*sources, lazy=True)) == problems
        assert codes_or(lambda: list(COMPILER.stream(*sources))) == problems


probes = st.lists(st.sampled_from(["a", "b", "c", "x", "n", "ab", '"1.2"']), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None)
@given(rule_sets, st.lists(probes, min_size=1, max_size=8), plain_patterns)
def test_a_lazy_result_knows_what_is_absent_and_finds_what_matches(drawn, probed, pattern):
    assume(not written_twice(drawn))
    sources = reference.document(drawn)
    eager = codes_or(lambda: LENIENT.compile(*sources))
    assume(not isinstance(eager, set))
    lazy = LENIENT.compile(*sources, lazy=True)
    for key in map(".".join, probed):
        assert (key in lazy) is (key in eager)
        assert lazy.get(key, "none") == eager.get(key, "none")
        if key not in eager:
            with pytest.raises(MissingKey):
                lazy[key]
            ours, theirs = lazy.explain(key), eager.explain(key)
            assert (ours.reason, ours.winner, ours.nearest) == (theirs.reason, theirs.winner, theirs.nearest)
    text = reference.pattern_text(pattern)
    assert sorted(lazy.match(text), key=str) == sorted(eager.match(text), key=str)
