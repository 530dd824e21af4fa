"""The page on advice names the benchmarks and promises that the suite really has."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "practices.md").read_text(encoding="utf-8")
SUITE = ast.parse((ROOT / "bench" / "suites" / "practices.py").read_text(encoding="utf-8"))


def promises():
    """Benchmark -> {other benchmark: factor}, read from the declarations."""
    found = {}
    for function in SUITE.body:
        if isinstance(function, ast.FunctionDef) and "benchmark" in ast.dump(
            ast.Tuple(function.decorator_list)
        ):
            budgets = re.findall(
                r"speed >= ([\d.]+)x (\w+)", ast.unparse(ast.Tuple(function.decorator_list, ast.Load()))
            )
            found[function.name] = {other: float(factor) for factor, other in budgets}
    return found


def test_every_promise_of_the_first_table_is_the_one_of_the_suite():
    known = promises()
    rows = re.findall(r"\| `(\w+)`, `(\w+)` \| ([\d.]+)x \| ([\d.]+)x \|", PAGE)
    assert len(rows) >= 10
    for name, other, measured, promised in rows:
        assert known[name][other] == float(promised), name
        assert float(measured) > float(promised)


def test_every_benchmark_that_the_page_names_exists():
    tables = PAGE.split("## The checklist")[0]
    named = set(re.findall(r"`(\w+_\w+|\w+cached)`", tables)) - {
        "lru_cache",
        "from_iterable",
        "__slots__",
    }
    assert named <= promises().keys()
    assert len(named) > 20


def test_advice_that_does_not_hold_is_not_promised_to_win():
    losing = {
        name: other for name, others in promises().items() for other, factor in others.items() if factor < 1
    }
    assert len(losing) >= 6


def test_the_command_of_the_page_names_files_that_exist():
    commands = re.findall(r"^\$ bench-guard run (\S+)$", PAGE, re.MULTILINE)
    assert commands
    assert all((ROOT / path).is_file() for path in commands)
