"""The shipped suites: every benchmark runs, none does nothing, the named ones are there."""

import importlib.util
import itertools
import sys
from pathlib import Path

import pytest

from bench.authoring import ATTRIBUTE
from bench.units import parse_budget

SUITES = Path(__file__).parents[3] / "bench" / "suites"
REQUIRED = {
    "parse_patterns",
    "load_yaml",
    "plan_rules",
    "expand_wildcards",
    "stream_literals",
    "look_up",
    "explain_key",
    "emit_json",
    "emit_python",
    "match_text",
    "compile_texts",
}


LARGE = 100_000


def benchmarks(folder, files="bench_*.py"):
    """Return ``(name, function, declaration, parameters)`` of every case in a folder, loaded as the guard loads it."""
    found = []
    sys.path.insert(0, str(SUITES / folder))
    try:
        for path in sorted((SUITES / folder).glob(files)):
            spec = importlib.util.spec_from_file_location(f"suite_{path.stem}", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            for name, function in vars(module).items():
                declaration = getattr(function, ATTRIBUTE, None)
                if declaration is not None:
                    combinations = itertools.product(*declaration.params.values())
                    found += [
                        (name, function, declaration, dict(zip(declaration.params, one, strict=True)))
                        for one in combinations
                        if not any(isinstance(value, int) and value > LARGE for value in one)
                    ]
    finally:
        sys.path.remove(str(SUITES / folder))
        sys.modules.pop("workloads", None)
    return found


CORE, GOALS, PRACTICES = benchmarks("core"), benchmarks("goals"), benchmarks(".", "practices.py")


def test_the_core_suite_is_small_and_complete():
    assert {name for name, *_ in CORE} >= REQUIRED
    assert len(CORE) <= 20


@pytest.mark.parametrize(
    "case", CORE + GOALS + PRACTICES, ids=lambda case: f"{case[0]}{list(case[3].values()) or ''}"
)
def test_a_benchmark_runs_and_its_budgets_parse(case):
    _, function, declaration, parameters = case
    given = [declaration.setup(**parameters)] if declaration.setup else []
    first = function(*given)
    assert comparable(function(*given)) == comparable(first)
    for budget in declaration.budgets:
        parse_budget(budget)


def comparable(result):
    """Lists of objects without equality are compared by what they hold."""
    objects = isinstance(result, list) and result and type(result[0]).__module__.startswith("suite_")
    return [one.x for one in result] if objects else result


@pytest.mark.parametrize("suite", [GOALS, PRACTICES], ids=["goals", "practices"])
def test_a_budget_of_speed_names_a_neighbour(suite):
    names = {name for name, *_ in suite}
    others = [parse_budget(text).other for _, _, declaration, _ in suite for text in declaration.budgets]
    assert {other for other in others if other} <= names
    assert any(others)


def test_every_pair_of_practices_has_a_promise_and_its_result_a_twin():
    promised = {name: declaration.budgets for name, _, declaration, _ in PRACTICES if declaration.budgets}
    measured_against = {parse_budget(text).other for budgets in promised.values() for text in budgets} - {
        None
    }
    assert {name for name, *_ in PRACTICES} == promised.keys() | measured_against
    results = {name: function() for name, function, *_ in PRACTICES}
    for name, budgets in promised.items():
        for other in {parse_budget(text).other for text in budgets} - {None}:
            if not isinstance(results[name], list) or not isinstance(results[other], list):
                continue
            assert len(results[name]) == len(results[other])


@pytest.mark.parametrize(("name", "items"), [("expand_wildcards", 40 * 47), ("compile_texts", 40 * 47)])
def test_the_expansions_make_one_key_a_rule_and_site(name, items):
    function, declaration = next(
        (function, declaration) for known, function, declaration, _ in CORE if known == name
    )
    (section,) = function(declaration.setup()).values()
    assert len(section) == items


def test_what_is_matched_is_found_mostly_but_not_always():
    function, declaration = next(
        (function, declaration) for name, function, declaration, _ in CORE if name == "match_text"
    )
    found = [match is not None for match in function(declaration.setup())]
    assert 0.5 < sum(found) / len(found) < 1
