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


def benchmarks(folder):
    """Return ``(name, function, declaration, parameters)`` of every case in a folder, loaded as the guard loads it."""
    found = []
    sys.path.insert(0, str(SUITES / folder))
    try:
        for path in sorted((SUITES / folder).glob("bench_*.py")):
            spec = importlib.util.spec_from_file_location(f"suite_{folder}_{path.stem}", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            for name, function in vars(module).items():
                declaration = getattr(function, ATTRIBUTE, None)
                if declaration is not None:
                    combinations = itertools.product(*declaration.params.values())
                    found += [
                        (name, function, declaration, dict(zip(declaration.params, one, strict=True)))
                        for one in combinations
                    ]
    finally:
        sys.path.remove(str(SUITES / folder))
        sys.modules.pop("workloads", None)
    return found


CORE, GOALS = benchmarks("core"), benchmarks("goals")


def test_the_core_suite_is_small_and_complete():
    assert {name for name, *_ in CORE} >= REQUIRED
    assert len(CORE) <= 20


@pytest.mark.parametrize("case", CORE + GOALS, ids=lambda case: f"{case[0]}{list(case[3].values()) or ''}")
def test_a_benchmark_runs_and_its_budgets_parse(case):
    _, function, declaration, parameters = case
    work = declaration.setup(**parameters)
    assert function(work) == function(work)
    for budget in declaration.budgets:
        parse_budget(budget)


def test_a_budget_of_speed_names_a_neighbour():
    names = {name for name, *_ in GOALS}
    others = [parse_budget(text).other for _, _, declaration, _ in GOALS for text in declaration.budgets]
    assert {other for other in others if other} <= names
    assert any(others)


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
