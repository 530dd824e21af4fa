"""match, diff, explain and the options of a compilation: what they print and exit with."""

import json

import pytest
import yaml

from strataregula.cli.main import main

BASE = """\
domains:
  site: {by: region, values: {north: [oslo, turku], south: [rome]}}
  role: [gateway, api]
timeouts:
  edge.{site}.{role}: 20
  edge.{site}.gateway: 5
  edge.turku.api: {value: 9, priority: 1}
limits:
  edge.{site}.{role}: {cpu: 1, tags: [a]}
"""
PROD = """\
timeouts:
  edge.rome.api: 25
  "!edge.oslo.gateway":
  edge.extra: "${env:LIMIT:-none} for ${edge.rome.api}"
limits:
  edge.rome.{role}: {value: {mem: 2, tags: [b]}, merge: deep}
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "prod.yaml").write_text("layers: [base.yaml]\n" + PROD)
    (tmp_path / "top.yaml").write_text(PROD)

    def call(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_match_prints_keys_with_values_and_sections(run):
    code, out, err = run("match", "edge.{site:[or]*}.gateway", "base.yaml")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "edge.oslo.gateway = 5  (section timeouts)",
        "edge.rome.gateway = 5  (section timeouts)",
        "edge.oslo.gateway = {'cpu': 1, 'tags': ['a']}  (section limits)",
        "edge.rome.gateway = {'cpu': 1, 'tags': ['a']}  (section limits)",
    ]


def test_match_as_json_in_one_section(run):
    code, out, _ = run("match", "**.api", "base.yaml", "--section", "timeouts", "--json")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()][1] == {
        "section": "timeouts",
        "key": "edge.turku.api",
        "value": 9,
    }


def test_match_of_nothing_says_so(run):
    assert run("match", "core.*", "base.yaml") == (1, "", "no key matches core.*\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["match", "edge.[", "base.yaml"], "the class is never closed"),
        (["match", "{sit}", "base.yaml"], "no domain is called 'sit'"),
        (["match", "!edge.*", "base.yaml"], "leave out the !"),
        (["match", "*", "base.yaml", "--section", "timeout"], "the sections are: timeouts, limits"),
        (["diff", "base.yaml", "base.yaml", "--section", "x"], "the sections are: timeouts, limits"),
        (["compile", "base.yaml", "--env", "1A"], "'1A' is no NAME or NAME=VALUE"),
        (["compile", "base.yaml", "--max-keys", "0"], "x>=1"),
        (["compile", "base.yaml", "--nested", "--format", "python"], "python is not written nested"),
        (["compile", "base.yaml", "--nested", "--stream"], "leave out --stream"),
    ],
)
def test_misuse_exits_2_and_says_what_is_right(run, arguments, words):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_diff_names_the_rules_on_both_sides(run):
    code, out, err = run("diff", "base.yaml", "prod.yaml", "--env", "LIMIT", "--section", "timeouts")
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "added    timeouts  edge.extra: 'none for 25'  (prod.yaml:5:3)",
        "removed  timeouts  edge.oslo.gateway: 5  (base.yaml:6:3 -> prod.yaml:4:3)",
        "changed  timeouts  edge.rome.api: 20 -> 25  (base.yaml:5:3 -> prod.yaml:3:3)",
        "1 added, 1 removed, 1 changed",
    ]


def test_diff_over_a_common_base(run):
    code, out, _ = run("diff", "base.yaml", "top.yaml", "--base", "base.yaml", "--env", "LIMIT=9", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert {(line["change"], line["key"]) for line in lines} == {
        ("added", "edge.extra"),
        ("removed", "edge.oslo.gateway"),
        ("changed", "edge.rome.api"),
        ("changed", "edge.rome.gateway"),
    }
    merged = next(line for line in lines if line["section"] == "limits" and line["key"] == "edge.rome.api")
    assert merged["after"] == {"cpu": 1, "tags": ["b"], "mem": 2}
    assert merged["after_rule"]["merge"] == "deep"
    assert next(line for line in lines if line["change"] == "added")["after"] == "9 for 25"


def test_diff_of_the_same_is_0(run):
    assert run("diff", "base.yaml", "base.yaml") == (0, "0 added, 0 removed, 0 changed\n", "")
    assert run("diff", "base.yaml", "base.yaml", "--json") == (0, "", "")


def test_a_section_that_only_one_side_has_is_added_or_removed(run, tmp_path):
    (tmp_path / "other.yaml").write_text("other: {a: 1}")
    code, out, _ = run("diff", "other.yaml", "base.yaml", "--section", "other")
    assert (code, out.splitlines()[0]) == (1, "removed  other  a: 1  (other.yaml:1:9)")


def test_explain_as_json_is_an_object_for_each_section(run):
    code, out, _ = run("explain", "edge.rome.api", "prod.yaml", "--json", "--env", "LIMIT")
    timeouts, limits = map(json.loads, out.splitlines())
    assert code == 0
    assert timeouts["winner"]["file"] == "prod.yaml"
    assert [rule["line"] for rule in timeouts["losers"]] == [5]
    assert limits["merged"][0]["bindings"] == {"site": "rome", "role": "api"}
    code, out, _ = run("explain", "edge.roma.api", "base.yaml", "--json")
    absent = json.loads(out)
    assert (code, absent["found"], absent["stopped"]) == (1, False, 2)
    assert absent["nearest"]["pattern"] == "edge.{site}.{role}"
    assert "edge.rome.api" in absent["near"]


def test_explain_as_json_holds_any_value(run, tmp_path):
    (tmp_path / "odd.yaml").write_text("s: {a: .inf, b: 2024-01-02, c: !!binary aGk=}")
    shown = [json.loads(run("explain", key, "odd.yaml", "--json")[1])["value"] for key in "abc"]
    assert shown == ["inf", "2024-01-02", "b'hi'"]


def test_explain_shows_merges_and_references(run, monkeypatch):
    monkeypatch.setenv("LIMIT", "7")
    _, out, _ = run("explain", "edge.extra", "prod.yaml", "--env", "LIMIT")
    assert out.splitlines() == [
        "edge.extra = '7 for 25'  (section timeouts)",
        "  winner  prod.yaml:5:3  edge.extra: '${env:LIMIT:-none} for ${edge.rome.api}'",
        "  with    ${env:LIMIT:-none} = '7'  from the environment",
        "  with    ${edge.rome.api} = 25  from edge.rome.api at prod.yaml:3:3",
    ]


def test_a_variable_that_is_not_allowed_is_never_shown(run, monkeypatch):
    monkeypatch.setenv("LIMIT", "secret")
    code, out, err = run("compile", "prod.yaml")
    assert code == 1
    assert "prod.yaml:5:3: error[env-not-allowed]: ${env:LIMIT:-none}: " in err
    assert "hint: allow it: --env LIMIT" in err
    assert "secret" not in out + err


@pytest.mark.parametrize("target", ["base.yaml", "./base.yaml", "prod.yaml"])
def test_a_layer_that_a_document_names_is_not_overwritten(run, tmp_path, target):
    code, _, err = run("compile", "prod.yaml", "--env", "LIMIT", "--out", target)
    assert code == 2
    assert "is one of the sources and would be overwritten" in err
    assert (tmp_path / "base.yaml").read_text() == BASE


def test_nested_output(run):
    _, out, _ = run("compile", "base.yaml", "--nested")
    data = json.loads(out)
    assert data["timeouts"]["edge"]["turku"] == {"gateway": 5, "api": 9}
    assert data["limits"]["edge"]["rome"]["api"] == {"cpu": 1, "tags": ["a"]}
    _, out, _ = run("compile", "base.yaml", "--nested", "--format", "yaml")
    assert yaml.safe_load(out) == data


@pytest.mark.parametrize("text", ["s: {a: 1, a.b.c: 2}", "s: {a.b.c: 2, a: 1}", "s: {a.b: {c: 1}, a.b.c: 2}"])
def test_a_key_below_a_value_cannot_be_nested(run, tmp_path, text):
    (tmp_path / "clash.yaml").write_text(text)
    code, _, err = run("compile", "clash.yaml", "--nested")
    assert code == 1
    assert "goes on below it" in err


@pytest.mark.parametrize("form", ["json", "ndjson", "yaml", "python"])
def test_a_stream_writes_the_same_entries(run, form):
    plain, streamed = (
        run("compile", "prod.yaml", "--env", "LIMIT", "--format", form, *option)
        for option in ([], ["--stream"])
    )
    assert plain == streamed


def test_max_keys_counts_for_both_limits(run, tmp_path):
    code, _, err = run("compile", "base.yaml", "--max-keys", "5")
    assert code == 1
    assert "error[limit]" in err
    (tmp_path / "many.yaml").write_text("s: {'a{1..1500}.b{1..1000}': 1}")
    assert run("check", "many.yaml")[0] == 1
    assert run("compile", "many.yaml", "--max-keys", "2000000", "--out", "x.json")[0] == 0
