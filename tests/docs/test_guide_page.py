"""What docs/guide.md says of decorator, budgets, settings and messages is what the program takes and says."""

import inspect
import re
from pathlib import Path

import pytest

from bench import benchmark
from bench.model import Verdict
from bench.settings import load_settings
from bench.units import parse_budget

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
VARIABLE = re.compile(r"\.\.\.|'[^']*'|[\d%]+|[:;] |\bX\b")


def section(title):
    return re.search(rf"^##+ {re.escape(title)}$(.*?)(?=^##+ |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]


def first_cells(title):
    """The code spans in the first column of a section's table."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")][1:]
    return [re.findall(r"`([^`]+)`", line.split(" | ")[0]) for line in lines]


def source():
    """All texts of the program, neighbouring literals joined."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "bench").rglob("*.py")))
    return re.sub(r"\"\s*\n\s*f?\"", "", text)


def test_every_keyword_of_the_decorator_is_explained():
    named = {name for cell in first_cells("Write benchmarks") for name in cell}
    parameters = inspect.signature(benchmark).parameters.values()
    assert named == {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}


def test_the_budgets_are_understood():
    texts = [text for cell in first_cells("Budgets") for text in cell if " " in text]
    assert len(texts) == 7
    assert {parse_budget(text).metric for text in texts} >= {
        "time",
        "p95",
        "p99",
        "throughput",
        "peak",
        "rss",
        "speed",
    }


def test_every_verdict_is_explained():
    assert {name for cell in first_cells("Read a report") for name in cell} == {
        each.value for each in Verdict
    }


@pytest.mark.parametrize("block", re.findall(r"^ *```toml\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
def test_the_settings_are_understood(tmp_path, block):
    (tmp_path / "pyproject.toml").write_text(inspect.cleandoc(block), encoding="utf-8")
    settings = load_settings(tmp_path, {}, {})
    assert settings.overrides or settings.origins["metrics"].startswith("pyproject.toml")


@pytest.mark.parametrize("message", [text for cell in first_cells("Troubleshooting") for text in cell])
def test_the_messages_are_those_of_the_program(message):
    fixed = max((part.strip(" :,()?") for part in VARIABLE.split(message)), key=len)
    assert len(fixed) >= 8
    assert fixed in source()
