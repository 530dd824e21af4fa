"""docs/diagnostics.md names every code, triggers each with its example, and says what is said.

``pytest --update-golden tests/docs/test_diagnostics_page.py`` writes the real texts into the page.
"""

import ast
import re
from pathlib import Path

import pytest

from strataregula import CompilationError, ConfigCompiler
from strataregula.diagnostics import CODES, LENIENT_CODES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "diagnostics.md"
ENTRY = re.compile(
    r"^### `(?P<code>[a-z-]+)`\n\n(?P<prose>.*?)\n\n```(?P<kind>\w+)\n(?P<source>.*?)```\n\n```text\n(?P<text>.*?)```$",
    re.DOTALL | re.MULTILINE,
)
ENTRIES = {found["code"]: found for found in ENTRY.finditer(PAGE.read_text(encoding="utf-8"))}
REPORTING = {"report", "fail", "BindError", "Unresolved", "_YamlError", "_JsonError"}


def used_codes():
    """The codes that stand as literals in the package where problems are made."""
    for path in (ROOT / "strataregula").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                value = node.args[0].value
                if name in REPORTING and isinstance(value, str) and re.fullmatch(r"[a-z]+(-[a-z]+)*", value):
                    yield value


def raised_by(kind, source, folder):
    try:
        if kind == "python":
            exec(compile(source, "example.py", "exec"), {})
        else:
            names = []
            for part in re.split(r"(?m)^(?=# file: )", source):
                if part.strip():
                    found = re.match(r"# file: (\S+)\n", part)
                    names.append(found[1] if found else f"example.{kind}")
                    (folder / names[-1]).write_text(part[found.end() :] if found else part, encoding="utf-8")
            ConfigCompiler().compile(names[-1])
    except CompilationError as error:
        return error.diagnostics
    return ()


def test_the_page_has_exactly_the_codes_of_the_program():
    titles = re.findall(r"^### `([a-z-]+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(titles) == sorted(CODES)
    assert len(ENTRIES) == len(titles)


def test_every_code_that_is_reported_is_declared():
    assert set(used_codes()) <= set(CODES)
    assert set(CODES) >= LENIENT_CODES


@pytest.mark.parametrize("code", ENTRIES)
def test_the_example_shows_its_code(code, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = ENTRIES[code]
    found = raised_by(entry["kind"], entry["source"], tmp_path)
    assert code in {diagnostic.code for diagnostic in found}
    shown = next(diagnostic for diagnostic in found if diagnostic.code == code)
    assert shown.hint, "every problem says what to write instead"
    if request.config.getoption("--update-golden"):
        page = PAGE.read_text(encoding="utf-8")
        old = entry[0]
        new = old[: old.rindex("```text\n")] + f"```text\n{shown.render()}\n```"
        PAGE.write_text(page.replace(old, new), encoding="utf-8")
        return
    assert f"{shown.render()}\n" == entry["text"]


@pytest.mark.parametrize("code", ENTRIES)
def test_lenient_codes_are_marked(code):
    assert ("*Lenient*:" in ENTRIES[code]["prose"]) == (code in LENIENT_CODES)
