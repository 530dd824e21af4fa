"""What the public 0.3 got wrong, held from source to output; each test is one promise."""

import datetime as dt
import json
import math
import runpy

import pytest
import yaml

from strataregula import CompilationError, ConfigCompiler
from strataregula.cli.main import main

README = """\
timeouts:
  web.*.response: 200
  api.*.timeout: 30
  db.*.query: 1000
"""
DOMAINS = """\
domains: {service: [checkout, search]}
shapes: ["web.{service}.response", "api.{service}.timeout", "db.{service}.query"]
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(text, *arguments):
        (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
        code = main([*arguments, "a.yaml"])
        return code, *capsys.readouterr()

    return call


def test_a_star_expands_or_the_program_says_why_not(run):
    code, out, err = run(README, "compile")
    assert (code, out) == (1, "")
    assert err.count("error[no-keys]") == 3
    code, out, _ = run(DOMAINS + README, "compile")
    assert code == 0
    assert json.loads(out)["timeouts"]["web.search.response"] == 200
    assert len(json.loads(out)["timeouts"]) == 6
    assert "*" not in out


HOSTILE = {
    'a": __import__("os").system("touch owned"), "b': "'); raise SystemExit #",
    "back\\slash": "C:\\new\\table",
    "quotes": "'''\"\"\"",
    "null": None,
    "nested": {"yes": True, "no": [False, None, {"deep": [True]}]},
    "inf": math.inf,
    "-inf": -math.inf,
    "date": dt.date(2024, 2, 29),
    "time": dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC),
    "big": 10**30,
    "line": "\u2028\n\r\x00",
    "brace": "{0.__class__} %s",
    "bytes": b"\x00\xff",
}


def escaped(text):
    return "".join("\\" + character if character in '.*?[]{}\\"!' else character for character in text)


def test_hostile_keys_and_values_pass_from_yaml_to_an_imported_module(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    document = {
        "s": {f"k.{escaped(key)}": value for key, value in HOSTILE.items()},
        '");import os#': {"a": "$${x}"},
    }
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(document, allow_unicode=False), encoding="utf-8")
    assert main(["compile", "a.yaml", "--format", "python", "--out", "settings.py"]) == 0, (
        capsys.readouterr().err
    )
    module = runpy.run_path("settings.py")
    compiled = ConfigCompiler().compile("a.yaml")
    assert module["SECTIONS"] == compiled.sections
    assert [type(value) for value in module["SECTIONS"]["s"].values()] == [
        dict if key == "nested" else type(HOSTILE[key])
        for key in sorted(HOSTILE, key=lambda key: f"k.{escaped(key)}")
    ]
    assert module["SECTIONS"]['");import os#'] == {"a": "${x}"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "settings.py"]


def test_a_value_and_its_text_stay_apart_in_every_answer(run):
    code, out, _ = run("s: {a: 1, b: '1', c: true, d: 'true', e: 1.0}", "compile")
    assert code == 0
    assert json.loads(out)["s"] == {"a": 1, "b": "1", "c": True, "d": "true", "e": 1.0}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("domains: {region: kanto}\ns: {'hub.{region}': 1}", "domain-values"),
        ("s: {'hub.{region}': 1}", "undefined-domain"),
        ("domains: {region: []}\ns: {'hub.{region}': 1}", "empty-domain"),
        ("s: {a: 1, a: 2}", "duplicate-key"),
        ("s: {on: 1}", "key-type"),
        ("s:", "section-type"),
        ("- a", "document-type"),
        ("s: {a: 1}\n---\ns: {a: 2}", "multi-document"),
    ],
)
def test_what_0_3_passed_over_is_told_with_its_place(run, text, code):
    exit_code, out, err = run(text, "compile")
    assert (exit_code, out) == (1, "")
    assert f"error[{code}]" in err
    assert err.startswith("a.yaml:")


def test_two_stars_of_one_hierarchy_belong_together(run):
    text = "use: [jp-prefectures]\nshapes: ['{prefecture.region}.{prefecture}']\ns: {'*.*': 1}"
    keys = json.loads(run(text, "compile")[1])["s"]
    assert len(keys) == 47
    assert "kanto.tokyo" in keys
    assert "kanto.osaka" not in keys


def test_an_absent_key_is_never_answered_with_a_number():
    compiled = ConfigCompiler().compile({"s": {"edge.tokyo": 0.0}})
    with pytest.raises(KeyError, match=r"did you mean 'edge\.tokyo'"):
        compiled["edge.tokio"]


def test_all_problems_are_told_at_once_at_most_two_hundred():
    rules = {f"a{number}.*": 1 for number in range(500)}
    with pytest.raises(CompilationError) as caught:
        ConfigCompiler().compile({"s": rules})
    assert len(caught.value.diagnostics) == 200
