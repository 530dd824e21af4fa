"""The examples in docstrings are true."""

import doctest
import importlib
import importlib.util
from pathlib import Path

import pytest


def modules_with_examples():
    for package in ("bench", "strataregula"):
        root = Path(importlib.util.find_spec(package).origin).parent
        for path in sorted(root.rglob("*.py")):
            inside = path.relative_to(root)
            if inside.parts[0] != "suites" and ">>> " in path.read_text(encoding="utf-8"):
                parts = inside.with_suffix("").parts
                yield ".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_the_examples_of_a_module_hold(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failed == 0
    assert tried > 0
