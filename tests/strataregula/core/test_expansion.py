"""How much a section may compare, and that choosing by the shared keys chooses the same."""

import pytest

from strataregula import CompilationError, ConfigCompiler
from strataregula.core import expansion, planner

DOMAINS = {name: [f"{name}{number}" for number in range(40)] for name in "abc"}


def codes(function):
    with pytest.raises(CompilationError) as caught:
        function()
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


def test_rules_that_choose_are_limited_in_what_they_compare(monkeypatch):
    monkeypatch.setattr(expansion, "MAX_TESTS", 5_000)
    rules = {"{a}.{b}": 1, **{f"**.b{number}": {"value": 2, "priority": number} for number in range(30)}}
    assert len(ConfigCompiler().compile({"domains": DOMAINS, "s": rules})) == 1_600
    many = {**rules, **{f"*{number}.*.**": {"value": 3, "priority": number} for number in range(30)}}
    assert codes(lambda: ConfigCompiler().compile({"domains": DOMAINS, "s": many})) == ["limit"]


def test_exceptions_are_limited_in_what_they_compare(monkeypatch):
    monkeypatch.setattr(planner, "MAX_EXCLUDED", 6_000)
    few = {"{a}.{b}": {"value": 1, "except": [f"a{number}.*" for number in range(30)]}}
    assert len(ConfigCompiler().compile({"domains": DOMAINS, "s": few})) == 400
    monkeypatch.setattr(planner, "MAX_EXCLUDED", 1_000)
    many = {"{a}.{b}": {"value": 1, "except": [f"a*.*{number}" for number in range(9)]}}
    assert codes(lambda: ConfigCompiler().compile({"domains": DOMAINS, "s": many})) == ["limit"]


@pytest.mark.parametrize("pattern", ["**.b7", "a1*.**", "*.b[0-3]", "**", "**.?7.**", "*.{b:b3*}", "!*.b7"])
def test_the_keys_that_are_chosen_do_not_depend_on_how_they_are_looked_for(pattern, monkeypatch):
    value = None if pattern.startswith("!") else 2
    rules = {"{a}.{b}": 1, "{a}.x.{b}": 3, "a7.b7": 4, pattern: {"value": value, "priority": 1}}
    document = {"domains": DOMAINS, "s": rules}
    found = dict(ConfigCompiler().compile(document))
    monkeypatch.setattr(expansion, "_KEYS_A_RULE", 10**9)
    assert dict(ConfigCompiler().compile(document)) == found
    monkeypatch.setattr(expansion, "_MANY", 0)
    assert dict(ConfigCompiler().compile(document)) == found
    assert 0 < len([key for key, given in found.items() if given == 2] or [1]) <= len(found)
