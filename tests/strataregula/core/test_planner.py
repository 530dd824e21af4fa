"""Planning: specificity, counts, and the short way for simple rules that must mean what the long way means."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strataregula.core.domains import DomainSet
from strataregula.core.pattern import parse_pattern
from strataregula.core.planner import clear_caches, plan_patterns, specificity
from strataregula.core.resolver import BindError, Resolver
from strataregula.core.simple_rules import SimpleRules
from strataregula.errors import CompilationError, PatternSyntaxError
from strataregula.model import Domain

DOMAINS = DomainSet(
    [
        Domain("place", ("a", "b"), "zone", ("n", "s")),
        Domain("role", ("x", "y")),
        Domain("odd", ("1.2", "z")),
        Domain("star", ("*", "{x}", "k")),
        Domain("none", ()),
        Domain("many", tuple(f"m{number}" for number in range(1_200))),
    ]
)
SHAPES = [
    [],
    ["k.{place}.{role}"],
    ["{zone}.{place}"],
    ["{role}.{role}", "k.{role}"],
    ["k.{place}", "k.{role}"],
    ["k.{star}.{odd}"],
    ["{many}.{many}", "k.{many}.{role}"],
]
texts = st.lists(
    st.sampled_from(
        [
            "k",
            "a",
            "x",
            "n",
            "*",
            "{place}",
            "{role}",
            "{zone}",
            "{odd}",
            "{star}",
            "{none}",
            "{many}",
            "{no}",
            "!k",
            "k-{role}",
            "*k",
        ]
    ),
    min_size=1,
    max_size=3,
).map(".".join)


@settings(max_examples=600)
@given(texts, st.sampled_from(SHAPES))
def test_simple_rules_mean_what_the_general_way_makes_of_them(text, shapes):
    resolver = Resolver(DOMAINS, [parse_pattern(shape) for shape in shapes])
    quick = SimpleRules(resolver).bind(text)
    if quick is None:
        return
    template, specific, size = quick
    pattern = parse_pattern(text)
    slow = resolver.bind(pattern)
    assert specific == specificity(pattern)
    assert size == slow.size
    assert list(template.iter_keys()) == list(slow.iter_keys())
    assert (template.fields, template.factors) == (slow.fields, slow.factors)


@pytest.mark.parametrize("text", ["k", "k.{role}", "k.*.x", "k.{place}.*", "{place}.{role}"])
def test_simple_rules_are_taken_for_simple(text):
    assert SimpleRules(Resolver(DOMAINS, [parse_pattern("k.{place}.{role}")])).bind(text) is not None


@pytest.mark.parametrize(
    "text", ["a..b", "", "!a", "{no}", "{place}.{zone}", ".".join("a" * 65), "x" * 9_000, "{many}.{many}"]
)
def test_what_needs_a_message_or_a_choice_takes_the_general_way(text):
    assert SimpleRules(Resolver(DOMAINS)).bind(text) is None


def test_specificity_orders_from_general_to_special():
    ladder = [
        "**.a",
        "a.**.b",
        "*.*.*",
        "a.*.*",
        "a.*.{b}",
        "a.*.x*",
        "a.*.b",
        "a.{b}.x-{c}",
        "a.{b}.{c}-xx",
        "a.{b}.x",
        "a.b.c",
        "aa.b.c",
    ]
    ranks = [specificity(parse_pattern(text)) for text in ladder]
    assert ranks == sorted(ranks)


def test_the_size_of_a_join_of_hierarchies_is_checked_before_it_is_made():
    rows = tuple(f"r{number}" for number in range(1_100))
    domains = DomainSet([Domain(name, rows, "top", ("t",) * len(rows)) for name in ("one", "two")])
    with pytest.raises(BindError) as caught:
        Resolver(domains).bind(parse_pattern("{top}.{one}.{two}"))
    assert caught.value.code == "limit"
    assert "1,210,000" in caught.value.message


def test_factors_are_shared_between_rules():
    resolver = Resolver(DOMAINS)
    first, second = (resolver.bind(parse_pattern(text)) for text in ("a.{place}", "b.{place}.c"))
    assert first.factors[0] is second.factors[0]


def test_a_plan_counts_without_expanding():
    plan = plan_patterns({"{1..1000}.{1..1000}": 1, "a.{role}": 2, "b.*": 3}, {"role": ["x", "y"]})
    assert plan.count == 1_000_002
    assert [rule.size for rule in plan.sections[0].rules] == [1_000_000, 2, 0]
    assert plan.sections[0].selects


def test_a_plan_of_faulty_texts_tells_every_fault():
    with pytest.raises(CompilationError) as caught:
        plan_patterns({"a.[": 1, "b.{c}": 2})
    assert [item.code for item in caught.value.diagnostics] == ["pattern-syntax", "undefined-domain"]


def test_clearing_the_caches_changes_no_result():
    before = plan_patterns({"a*.b": 1, "ab.b": 2})
    clear_caches()
    assert plan_patterns({"a*.b": 1, "ab.b": 2}) == before


def test_conditions_on_patterns_without_captures_are_an_error():
    with pytest.raises(CompilationError) as caught:
        plan_patterns({"a.b": {"value": 1, "where": {"region": "x"}}})
    assert [item.code for item in caught.value.diagnostics] == ["undefined-capture"]


def test_an_unknown_parent_level_is_an_error():
    with pytest.raises(CompilationError) as caught:
        plan_patterns({"{place.zon}": 1}, {"place": {"by": "zone", "values": {"n": ["a"]}}})
    assert caught.value.diagnostics[0].hint == "did you mean 'place.zone'?"


def test_syntax_errors_pass_through_the_parser_only():
    with pytest.raises(PatternSyntaxError):
        parse_pattern("[")
