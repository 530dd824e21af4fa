"""From sources to a compiled configuration through the public names: meaning, strictness, determinism."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from strataregula import CompilationError, ConfigCompiler
from strataregula.core.documents import MemoryFiles
from strataregula.errors import UsageError

EXAMPLE = """\
domains:
  prefecture: {by: region, values: {kanto: [tokyo, kanagawa], kansai: [osaka]}}
  role: [gateway, api]
shapes: ["edge.{prefecture}.{role}"]
service_times:
  edge.*.gateway: 5
  edge.{prefecture}.api: {value: 7, where: {region: kanto}, priority: 10}
  edge.tokyo.gateway: 3
"""

DOMAINS = {
    "prefecture": {"by": "region", "values": {"kanto": ["tokyo", "kanagawa"], "kansai": ["osaka"]}},
    "role": ["gateway", "api"],
}


def compile_text(*texts, strict=True):
    files = {f"{number}.yaml": text.encode() for number, text in enumerate(texts)}
    return ConfigCompiler(strict=strict, files=MemoryFiles(files)).compile(*files)


def compile_rules(rules, shapes=(), strict=True, **domains):
    document = {"domains": {**DOMAINS, **domains}, "shapes": list(shapes), "s": rules}
    return dict(ConfigCompiler(strict=strict).compile(document).section("s"))


def problems(*texts, strict=True):
    with pytest.raises(CompilationError) as caught:
        compile_text(*texts, strict=strict)
    return caught.value.diagnostics


def codes(*texts):
    return [diagnostic.code for diagnostic in problems(*texts)]


def rule_codes(rules, shapes=(), **domains):
    with pytest.raises(CompilationError) as caught:
        compile_rules(rules, shapes, **domains)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


def test_the_example_expands_to_what_it_says():
    compiled = compile_text(EXAMPLE)
    assert dict(compiled) == {
        "edge.tokyo.gateway": 3,
        "edge.kanagawa.gateway": 5,
        "edge.osaka.gateway": 5,
        "edge.tokyo.api": 7,
        "edge.kanagawa.api": 7,
    }


def test_a_file_and_the_same_mapping_mean_the_same(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(EXAMPLE)
    rules = {"edge.{prefecture}.gateway": 5, "edge.tokyo.gateway": 3}
    rules["edge.{prefecture}.api"] = {"value": 7, "where": {"region": "kanto"}, "priority": 10}
    assert dict(ConfigCompiler().compile(path)) == compile_rules(rules)
    as_json = tmp_path / "a.json"
    as_json.write_text(json.dumps({"domains": DOMAINS, "s": rules}))
    assert dict(ConfigCompiler().compile(str(as_json)).section("s")) == compile_rules(rules)


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("a.b", ["a.b"]),
        ('a."b.c"', ['a."b.c"']),
        (r"a\*", ["a*"]),
        ("{role}", ["gateway", "api"]),
        ("{prefecture.region}", ["kanto", "kansai"]),
        ("{region}", ["kanto", "kansai"]),
        ("{prefecture.region}.{prefecture}", ["kanto.tokyo", "kanto.kanagawa", "kansai.osaka"]),
        ("{region}.{prefecture}", ["kanto.tokyo", "kanto.kanagawa", "kansai.osaka"]),
        ("{prefecture}.{region}", ["tokyo.kanto", "kanagawa.kanto", "osaka.kansai"]),
        ("{role}.{role}", ["gateway.gateway", "api.api"]),
        ("{region}.{role}", ["kanto.gateway", "kanto.api", "kansai.gateway", "kansai.api"]),
        ("x.{a,b}.{1..3}", ["x.a.1", "x.a.2", "x.a.3", "x.b.1", "x.b.2", "x.b.3"]),
        ("n{08..10}", ["n08", "n09", "n10"]),
        ("{role}-{a,b}.x", ["gateway-a.x", "gateway-b.x", "api-a.x", "api-b.x"]),
        ("v{1.2,1.3}.x", ['"v1.2".x', '"v1.3".x']),
        (
            "100%.{role}.{prefecture}.{region}.%s",
            [
                f"100%.{role}.{place}.%s"
                for role in ("gateway", "api")
                for place in ("tokyo.kanto", "kanagawa.kanto", "osaka.kansai")
            ],
        ),
        ("{prefecture:to*}", ["tokyo"]),
        ("{prefecture:?????}", ["tokyo", "osaka"]),
        ("{prefecture:[!t]*}", ["kanagawa", "osaka"]),
        ("{prefecture.region:kan?o}.{prefecture}", ["kanto.tokyo", "kanto.kanagawa"]),
        ("{prefecture}-{prefecture.region}", ["tokyo-kanto", "kanagawa-kanto", "osaka-kansai"]),
    ],
)
def test_the_keys_of_a_pattern(pattern, keys):
    assert list(compile_rules({pattern: 1})) == keys


@pytest.mark.parametrize(
    ("shape", "pattern", "keys"),
    [
        ("edge.{prefecture}.{role}", "edge.*.api", ["edge.tokyo.api", "edge.kanagawa.api", "edge.osaka.api"]),
        ("edge.{prefecture}.{role}", "edge.t*.?pi", ["edge.tokyo.api"]),
        ("edge.{prefecture}.{role}", "edge.tokyo.*", ["edge.tokyo.gateway", "edge.tokyo.api"]),
        ("{prefecture.region}.{prefecture}", "*.*", ["kanto.tokyo", "kanto.kanagawa", "kansai.osaka"]),
        ("{region}.{prefecture}", "*.*", ["kanto.tokyo", "kanto.kanagawa", "kansai.osaka"]),
        ("{region}.{prefecture}", "kansai.*", ["kansai.osaka"]),
        ("{prefecture.region}.{prefecture}", "kansai.*", ["kansai.osaka"]),
        ("{prefecture.region}.{prefecture}", "*.tokyo", ["kanto.tokyo"]),
        ("{role}.to.{role}", "*.to.*", ["gateway.to.gateway", "api.to.api"]),
        ("{role}.to.{role}", "api.to.*", ["api.to.api"]),
    ],
)
def test_a_shape_lends_its_domains_to_anonymous_wildcards(shape, pattern, keys):
    assert list(compile_rules({pattern: 1}, [shape])) == keys


def test_the_shape_with_more_captures_agreeing_is_no_tie():
    shapes = ["edge.{prefecture}.{role}", "edge.{region}.summary"]
    assert list(compile_rules({"edge.*.summary": 1}, shapes)) == ["edge.kanto.summary", "edge.kansai.summary"]


def test_two_shapes_that_fit_alike_are_an_error():
    assert rule_codes({"edge.*.x": 1}, ["edge.{prefecture}.x", "edge.{role}.x"]) == ["ambiguous-shape"]


def test_two_wildcards_of_one_hierarchy_correlate_through_three_levels():
    district = {"by": "prefecture", "values": {"tokyo": ["ginza", "ueno"], "osaka": ["umeda"]}}
    keys = compile_rules(
        {"{district.prefecture.region}.{district}": 1, "x.{region}.{prefecture}.{district}": 2},
        district=district,
    )
    assert list(keys)[:3] == ["kanto.ginza", "kanto.ueno", "kansai.umeda"]
    assert "x.kanto.tokyo.ginza" in keys
    assert "x.kanto.tokyo.umeda" not in keys


def test_two_hierarchies_under_one_parent_meet_in_it():
    office = {"by": "region", "values": {"kanto": ["east"], "kansai": ["west"]}}
    keys = compile_rules({"{region}.{prefecture}.{office}": 1}, office=office)
    assert list(keys) == ["kanto.tokyo.east", "kanto.kanagawa.east", "kansai.osaka.west"]


def test_one_child_may_stand_under_several_parents():
    access = {"by": "service", "values": {"web": ["read"], "db": ["read", "write"]}}
    keys = compile_rules({"{service}.{access}": 1, "all.{access}": 2}, access=access)
    assert list(keys) == ["web.read", "db.read", "db.write", "all.read", "all.write"]


def test_a_wildcard_without_domain_selects_among_existing_keys():
    rules = {"edge.{role}.x": 1, "edge.fix.x": 2, "other.api.y": 3, "edge.a*.x": {"value": 9, "priority": 1}}
    assert compile_rules(rules) == {"edge.gateway.x": 1, "edge.api.x": 9, "edge.fix.x": 2, "other.api.y": 3}


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("**", {"a", "a.b", "a.b.c", "z.b.c"}),
        ("a.**", {"a", "a.b", "a.b.c"}),
        ("**.c", {"a.b.c", "z.b.c"}),
        ("**.b.**", {"a.b", "a.b.c", "z.b.c"}),
        ("?.b.*", {"a.b.c", "z.b.c"}),
        ("[!a]*.**", {"z.b.c"}),
    ],
)
def test_globs_and_depth_choose_keys(pattern, chosen):
    rules = {"a": 1, "a.b": 1, "a.b.c": 1, "z.b.c": 1, pattern: {"value": 2, "priority": 1}}
    assert {key for key, value in compile_rules(rules).items() if value == 2} == chosen


def test_a_capture_with_a_glob_beside_it_selects():
    rules = {"api-1.x": 1, "api-2.x": 1, "web-1.x": 1, "{role}-*.x": {"value": 2, "priority": 1}}
    assert compile_rules(rules) == {"api-1.x": 2, "api-2.x": 2, "web-1.x": 1}


def test_removing_patterns():
    rules = {"edge.{role}": 1, "edge.web": 2, "!edge.a*": None}
    assert compile_rules({**rules, "!edge.api": None}) == {"edge.gateway": 1, "edge.web": 2}
    base = "s: {a.x: 1, a.y: 2, b: 3}"
    assert dict(compile_text(base, "s: {'!a.*': null}")) == {"b": 3}
    assert dict(compile_text(base, "s: {'!a.*': null}", "s: {a.x: 9}")) == {"a.x": 9, "b": 3}


def test_a_removal_that_removes_nothing_is_an_error():
    assert codes("s: {a: 1, '!b.*': null}") == ["no-keys"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"a.{role}": 1, "a.api": 2}, 2),
        ({"a.api": 2, "a.{role}": 1}, 2),
        ({"a.{role}": {"value": 1, "priority": 1}, "a.api": 2}, 1),
        ({"a.api": 1, "**.api": {"value": 2, "priority": -1}}, 1),
        ({"a.api": 1, "**.api": {"value": 3, "priority": 1}, "*.api": {"value": 2, "priority": 1}}, 2),
        ({"a.api": 1, "*.*": {"value": 3, "priority": 1}, "*.a*": {"value": 2, "priority": 1}}, 2),
        ({"a.api": 1, "*.a*": {"value": 3, "priority": 1}, "*.api": {"value": 2, "priority": 1}}, 2),
        ({"a.api": 1, "*.a*": {"value": 3, "priority": 1}, "*.ap*": {"value": 2, "priority": 1}}, 2),
    ],
)
def test_precedence_is_priority_then_specificity(rules, expected):
    assert compile_rules(rules)["a.api"] == expected


def test_a_later_layer_wins_whatever_the_priority():
    compiled = compile_text("s: {a: {value: 1, priority: 99}}", "s: {a: 2}")
    assert compiled["a"] == 2


def test_a_later_layer_redefines_a_domain_for_all_rules():
    compiled = compile_text("domains: {d: [x]}\ns: {'{d}.k': 1}", "domains: {d: [y, z]}")
    assert list(compiled) == ["y.k", "z.k"]


def test_equal_rules_with_different_values_are_a_conflict_naming_both_places():
    text = "domains: {d: [x, y]}\ns:\n  '{d}.b': 1\n  'x.{b,c}': 2\n"
    (conflict,) = problems(text)
    assert conflict.code == "conflict"
    assert str(conflict.place) == "0.yaml:4:3"
    assert "0.yaml:3:3" in conflict.message
    assert "'x.b'" in conflict.message


def test_conflicts_of_the_same_pair_are_told_once():
    (conflict,) = problems("domains: {d: [x, y, z]}\ns: {'{d}.b': 1, '{x,y,z}.b': 2}")
    assert "2 more keys" in conflict.message


@pytest.mark.parametrize(
    ("first", "second"), [("1", "'1'"), ("1", "true"), ("1", "1.0"), ("[1]", "[true]"), ("{a: 1}", "{a: 2}")]
)
def test_values_of_different_types_differ(first, second):
    assert codes(f"domains: {{d: [x]}}\ns: {{'{{d}}.b': {first}, 'x.{{b,c}}': {second}}}") == ["conflict"]


def test_equal_rules_with_the_same_value_do_not_conflict():
    compiled = compile_text("domains: {d: [x]}\ns: {'{d}.b': {a: [1, .nan]}, 'x.{b,c}': {a: [1, .nan]}}")
    assert list(compiled) == ["x.b", "x.c"]


def test_a_conflict_that_a_stronger_rule_decides_is_none():
    assert compile_text("domains: {d: [x]}\ns: {'{d}.b': 1, 'x.{b,c}': 2, x.b: 3}")["x.b"] == 3


def test_lenient_conflicts_let_the_later_rule_win_with_a_warning():
    compiled = compile_text("domains: {d: [x]}\ns: {'{d}.b': 1, 'x.{b,c}': 2}", strict=False)
    assert compiled["x.b"] == 2
    assert [warning.code for warning in compiled.warnings] == ["conflict"]


@pytest.mark.parametrize(
    ("rule", "keys"),
    [
        ("{value: 1, where: {region: kanto}}", ["tokyo", "kanagawa"]),
        ("{value: 1, where: {prefecture.region: kan*o}}", ["tokyo", "kanagawa"]),
        ("{value: 1, where: {prefecture: [tokyo, osaka]}}", ["tokyo", "osaka"]),
        ("{value: 1, where: {prefecture: '*o*', region: kansai}}", ["osaka"]),
        ("{value: 1, except: {region: kanto}}", ["osaka"]),
        ("{value: 1, except: {prefecture: [tokyo]}}", ["kanagawa", "osaka"]),
        ("{value: 1, except: tokyo}", ["kanagawa", "osaka"]),
        ("{value: 1, except: ['to*', '{prefecture:osa*}']}", ["kanagawa"]),
        ("{value: 1, where: {region: kanto}, except: ['to*'], priority: 3, merge: replace}", ["kanagawa"]),
    ],
)
def test_conditions(rule, keys):
    head = EXAMPLE.split("shapes", maxsplit=1)[0]
    assert list(compile_text(head + f"s: {{'{{prefecture}}': {rule}}}")) == keys


def test_conditions_on_a_wildcard_with_a_shape():
    rule = {"value": 1, "where": {"region": "kanto"}}
    assert list(compile_rules({"edge.*": rule}, ["edge.{prefecture}"])) == ["edge.tokyo", "edge.kanagawa"]


def test_what_a_rule_excludes_another_may_give():
    rules = {"{role}.x": {"value": 1, "except": ["api.*"]}, "{api,web}.x": 2}
    assert compile_rules(rules) == {"gateway.x": 1, "api.x": 2, "web.x": 2}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"value": 7}, 7),
        ({"value": {"value": 1}}, {"value": 1}),
        ({"value": 7, "other": 1}, {"value": 7, "other": 1}),
        ({"where": 1}, {"where": 1}),
        ({"priority": 3}, {"priority": 3}),
        ({}, {}),
        ([1, {"a": None}], [1, {"a": None}]),
    ],
)
def test_the_long_form_is_exactly_what_it_says(value, expected):
    assert compile_rules({"k": value}) == {"k": expected}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("{value: 1, priority: high}", "rule-form"),
        ("{value: 1, priority: true}", "rule-form"),
        ("{value: 1, priority: 1.5}", "rule-form"),
        ("{value: 1, priority: 99999999999}", "rule-form"),
        ("{value: 1, where: kanto}", "rule-form"),
        ("{value: 1, where: {region: 3}}", "rule-form"),
        ("{value: 1, where: {region: []}}", "rule-form"),
        ("{value: 1, where: {'a b': x}}", "rule-form"),
        ("{value: 1, where: {region: '[a'}}", "pattern-syntax"),
        ("{value: 1, where: {regio: kanto}}", "undefined-capture"),
        ("{value: 1, where: {role: api}}", "undefined-capture"),
        ("{value: 1, where: {region: kantoo}}", "undefined-value"),
        ("{value: 1, except: 3}", "rule-form"),
        ("{value: 1, except: ['[a']}", "pattern-syntax"),
        ("{value: 1, except: [nothing.like.it]}", "no-effect"),
        ("{value: 1, except: ['x.*']}", "no-keys"),
        ("{value: 1, except: ['{nope}']}", "undefined-domain"),
        ("{value: 1, merge: replce}", "rule-form"),
        ("{value: 1, merge: [1]}", "rule-form"),
    ],
)
def test_bad_long_forms(rule, code):
    assert codes(EXAMPLE + f"  'x.{{prefecture}}': {rule}\n") == [code]


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("s: {'a.[': 1}", "pattern-syntax", 1, 8),
        ("s:\n  a..b: 1", "pattern-syntax", 2, 5),
        ("s:\n  'edge.{prefectur}': 1\ndomains: {prefecture: [a]}", "undefined-domain", 2, 3),
        ("s:\n  edge.*: 1", "no-keys", 2, 3),
        ("s: [a]", "section-type", 1, 1),
        ("s: null", "section-type", 1, 1),
        ("s: text", "section-type", 1, 1),
        ("domain: {a: 1}", "questioned-name", 1, 1),
        ("domians: {a: 1}", "questioned-name", 1, 1),
        ("user: {a: 1}", "questioned-name", 1, 1),
        ("layers: [a.yaml]", "unreadable", 1, 10),
        ("settings: {lenien: true}", "setting", 1, 12),
        ("schema: a.json", "schema-form", 1, 9),
        ("shapes: edge.{a}", "list-expected", 1, 9),
        ("shapes: [3]", "list-expected", 1, 10),
        ("shapes: ['[']", "pattern-syntax", 1, 11),
        ("shapes: ['a.*']", "shape-form", 1, 10),
        ("shapes: ['a.{b}']", "undefined-domain", 1, 10),
        ("use: jp-prefectures", "list-expected", 1, 6),
        ("use: [jp-prefecture]", "unknown-pack", 1, 7),
        ("domains: [a]", "domain-type", 1, 10),
        ("domains: {a: kanto}", "domain-values", 1, 14),
        ("domains: {a: []}", "empty-domain", 1, 11),
        ("domains: {a: null}", "empty-domain", 1, 11),
        ("domains: {a: 3}", "domain-type", 1, 14),
        ("domains: {a: [x, x]}", "duplicate-value", 1, 18),
        ("domains: {a: [on]}", "key-type", 1, 15),
        ("domains: {a: [[x]]}", "domain-type", 1, 15),
        ("domains: {a: ['']}", "domain-type", 1, 15),
        ("domains: {a b: [x]}", "domain-name", 1, 11),
        ("domains: {a.b: [x]}", "domain-name", 1, 11),
        ("domains: {a: {by: b}}", "domain-type", 1, 11),
        ("domains: {a: {by: b, values: [x]}}", "domain-type", 1, 11),
        ("domains: {a: {by: b, value: {x: [y]}}}", "domain-type", 1, 22),
        ("domains: {a: {by: 3, values: {x: [y]}}}", "domain-type", 1, 19),
        ("domains: {a: {by: a, values: {x: [y]}}}", "domain-type", 1, 19),
        ("domains: {a: {by: b, values: {}}}", "empty-domain", 1, 11),
        ("domains: {a: {by: b, values: {x: []}}}", "empty-domain", 1, 31),
        ("domains: {a: {by: b, values: {x: y}}}", "domain-values", 1, 34),
        ("domains: {a: {by: b, values: {x: 3}}}", "domain-type", 1, 34),
        ("domains: {a: {by: b, values: {'': [x]}}}", "domain-type", 1, 31),
        ("domains: {b: [x], a: {by: b, values: {z: [y]}}}", "undefined-value", 1, 19),
        ("s: {'!a': 3}", "removal-value", 1, 5),
        ("s: {'!a': {value: 3}}", "removal-value", 1, 12),
        ("s: {'{1..2000000}': 1}", "limit", 1, 5),
        ("s: {'{1..1001}.{1..1001}': 1}", "limit", 1, 5),
        ("s: {'x1y': 1, '{1..1001}*': 1}", "limit", 1, 15),
    ],
)
def test_every_fault_has_a_code_and_a_place(text, code, line, column):
    found = problems(text)
    assert [diagnostic.code for diagnostic in found] == [code], [item.render() for item in found]
    assert (found[0].place.line, found[0].place.column) == (line, column), found[0].render()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("{value: 1, wehre: {role: api}}", ["questioned-name"]),
        ("{value: 1, where: {role: api}, excpt: {role: web}}", ["questioned-name"]),
        ("{value: 1, merges: deep, prioriti: 1}", ["questioned-name"] * 2),
    ],
)
def test_a_misspelled_word_of_the_long_form_is_questioned(value, code):
    text = f"domains: {{role: [api, web]}}\ns: {{'a.{{role}}': {value}}}"
    assert codes(text) == code
    lenient = compile_text(text, strict=False)
    assert isinstance(lenient["a.api"], dict)


def test_other_mappings_with_a_value_are_values():
    assert compile_text("s: {a: {value: 1, unit: ms}, b: {value: 1, where: x, unit: s}}")["a"]["unit"] == "ms"


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("egde.*", "did you mean 'edge.*'?"),
        ("!*.gatway", "did you mean '!*.gateway'?"),
        ("!egde.api", "did you mean '!edge.api'?"),
        ("core.*", "check the spelling"),
        ("edge.*.x", "check the spelling"),
        ("**.webb", "check the spelling"),
    ],
)
def test_a_rule_without_keys_is_answered_with_the_nearest_pattern(pattern, hint):
    value = "" if pattern.startswith("!") else "1"
    (problem,) = problems(
        f"domains: {{role: [gateway, api]}}\ns:\n  edge.{{role}}: 1\n  '{pattern}': {value}"
    )
    assert problem.code == "no-keys"
    assert problem.hint.endswith(hint)


def test_a_string_where_a_list_is_meant_is_never_taken_letter_by_letter():
    (found,) = problems("domains: {region: kanto}\ns: {'{region}': 1}")
    assert "'kanto'" in found.message
    assert found.hint == "write [kanto]"
    compiled = compile_text("domains: {region: kanto}\ns: {'{region}': 1}", strict=False)
    assert list(compiled) == ["kanto"]


def test_typos_are_answered_with_the_nearest_name():
    (found,) = problems("domains: {prefecture: [a]}\ns: {'{prefectur}': 1}")
    assert found.hint == "did you mean 'prefecture'?"


def test_sizes_are_named_before_anything_is_expanded():
    (found,) = problems("s: {'{1..9000}.{1..9000}': 1}")
    assert "81,000,000" in found.message
    assert "9,000 x 9,000" in found.message
    assert "1,000,000" in found.message


def test_the_size_of_the_whole_build_is_limited():
    rules = "\n".join(f"  '{name}.{{1..1000}}.{{1..1000}}': 1" for name in "abcdefghijk")
    (found,) = problems(f"s:\n{rules}\n")
    assert found.code == "limit"
    assert "11,000,000" in found.message


def test_all_problems_are_told_together():
    text = "domains: {a: kanto, b: []}\ns:\n  'x.[': 1\n  'y.{c}': 1\nt: 3\n"
    assert sorted(codes(text)) == [
        "domain-values",
        "empty-domain",
        "pattern-syntax",
        "section-type",
        "undefined-domain",
    ]


def test_at_most_two_hundred_problems_are_told():
    text = "s:\n" + "".join(f"  'k{number}.[': 1\n" for number in range(300))
    assert len(problems(text)) == 200


def test_lenient_turns_exactly_the_harmless_ones_into_warnings():
    text = (
        "domains: {a: kanto, b: [x, x], c: [y], c: [y], e: []}\nshape: {k: 1}\n"
        "s:\n  on: 1\n  '{a}.k': 2\n  '{e}': 3\n  '{nope}.k': 9\n  'zzz.*': 4\n"
    )
    compiled = compile_text(text, strict=False)
    assert dict(compiled.section("s")) == {"on": 1, "kanto.k": 2}
    assert {warning.code for warning in compiled.warnings} == {
        "domain-values", "duplicate-value", "duplicate-key", "empty-domain", "questioned-name", "key-type", "no-keys",
        "undefined-domain",
    }  # fmt: skip
    assert all(not warning.is_error for warning in compiled.warnings)


def test_lenient_never_forgives_syntax_or_limits():
    assert [item.code for item in problems("s: {'a.[': 1}", strict=False)] == ["pattern-syntax"]
    assert [item.code for item in problems("s: {'{1..2000000}': 1}", strict=False)] == ["limit"]


def test_a_domain_twice_in_one_layer_is_an_error(tmp_path):
    (tmp_path / "a.yaml").write_text("domains: {d: [x]}")
    (tmp_path / "b.yaml").write_text("domains: {d: [y]}")
    with pytest.raises(CompilationError) as caught:
        ConfigCompiler().compile(tmp_path)
    assert [item.code for item in caught.value.diagnostics] == ["duplicate-key"]


def test_the_pack_of_prefectures_is_there_when_asked_for_and_never_else():
    compiled = compile_text("use: [jp-prefectures]\ns: {'{prefecture}': 1, 'r.{prefecture.region}': 2}")
    assert len(compiled) == 47 + 8
    assert (
        compile_text("use: [jp-prefectures]\ndomains: {prefecture: [x]}\ns: {'{prefecture}': 1}").get("x")
        == 1
    )
    assert codes("s: {'{prefecture}': 1}") == ["undefined-domain"]


def test_every_section_is_compiled_and_empty_ones_stay():
    compiled = compile_text("b: {x: 1}\na: {x: 2}\nempty: {}")
    assert {name: dict(entries) for name, entries in compiled.sections.items()} == {
        "b": {"x": 1},
        "a": {"x": 2},
        "empty": {},
    }


def test_one_and_the_text_one_stay_apart():
    compiled = compile_text("s: {a: 1, b: '1', c: 1.0, d: true}")
    assert [type(compiled[key]) for key in "abcd"] == [int, str, float, bool]


@pytest.mark.parametrize(
    "text", ["'''", '": __import__("os").system("x")', "a\\b", "{{}}", "%s", "$x}", "\u2028", "é"]
)
def test_hostile_keys_and_values_pass_through_unharmed(text):
    pattern = "".join("\\" + character if character in '.*?[]{}\\"!' else character for character in text)
    (key, value), *_ = compile_rules({pattern: text}).items()
    assert value == text
    assert key.replace('\\"', '"').replace("\\\\", "\\").strip('"') == text.strip('"') or key == text


def test_no_source_at_all_is_a_misuse():
    with pytest.raises(UsageError):
        ConfigCompiler().compile()


def test_a_file_that_cannot_be_read_exits_with_three():
    with pytest.raises(CompilationError) as caught:
        ConfigCompiler().compile("/nowhere/at/all.yaml")
    assert caught.value.exit_code == 3
    with pytest.raises(CompilationError) as caught:
        compile_text("s: 3")
    assert caught.value.exit_code == 1


def test_the_fingerprint_follows_contents_and_options_alone(tmp_path):
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(EXAMPLE)
    other.write_text(EXAMPLE)
    same = ConfigCompiler().compile(one).fingerprint
    assert ConfigCompiler().compile(other).fingerprint == same
    assert len(bytes.fromhex(same)) == 32
    assert ConfigCompiler(strict=False).compile(one).fingerprint != same
    assert ConfigCompiler().compile(one, other).fingerprint != same
    other.write_text(EXAMPLE + "# a comment\n")
    assert ConfigCompiler().compile(other).fingerprint != same
    assert (
        ConfigCompiler().compile({"s": {"a": 1}}).fingerprint
        != ConfigCompiler().compile({"s": {"a": "1"}}).fingerprint
    )


PROGRAM = """
import json, sys
from strataregula import ConfigCompiler, CompilationError
compiled = ConfigCompiler(strict=False).compile(*sys.argv[1:])
print(json.dumps({name: dict(entries) for name, entries in compiled.sections.items()}))
print(compiled.fingerprint, [warning.render() for warning in compiled.warnings])
print(compiled.explain("edge.tokyo.gateway").render())
print(compiled.explain("edge.toky.gateway").render())
"""


@pytest.mark.integration
def test_the_same_bytes_under_three_hash_seeds(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        EXAMPLE
        + "  'edge.{tokyo,osaka}.{api,web}': 1\n  'edge.{osaka,tokyo}.{web,api}': 2\nother: {edge.x.y: 1, '*.x.*': 1}\n"
        + "settings: {merge: {more.**: deep, more.*.t: unique}}\n"
        + "more:\n  '{prefecture}': {t: ['${region}', b], u: '${nope}'}\n  '*o*': {t: [b, c], v: '${edge.osaka.gateway}'}\n"
    )
    outputs = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PROGRAM, str(path)]
        done = subprocess.run(
            command, capture_output=True, env=environment, check=True, cwd=Path(__file__).parents[3]
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
