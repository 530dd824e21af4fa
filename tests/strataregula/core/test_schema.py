"""``schema:``: what values may be, and that nothing written there is passed over."""

import datetime as dt

import pytest

from strataregula import CompilationError, ConfigCompiler
from strataregula.core.schema import KEYWORDS, violations


def compiled(schema, rules=None, **options):
    document = {"domains": {"role": ["api", "web"]}, "schema": schema, "s": rules or {"a.{role}": 1}}
    return ConfigCompiler().compile(document, **options)


def problems(schema, rules=None, **options):
    with pytest.raises(CompilationError) as caught:
        compiled(schema, rules, **options)
    return [(problem.code, problem.message) for problem in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [1, 2.0], [1.5, True, "1", None]),
        ({"type": "number"}, [1, 1.5], [False, "1"]),
        ({"type": "string"}, ["", dt.date(2024, 1, 1)], [1, [], b"x"]),
        ({"type": ["null", "boolean"]}, [None, True], [0, "x"]),
        ({"type": "array"}, [[]], [{}]),
        ({"type": "object"}, [{}], [[]]),
        ({"enum": [1, "a", [1]]}, [1, "a", [1]], [True, 1.0, "b", [True]]),
        ({"const": {"a": 1}}, [{"a": 1}], [{"a": 2}, {}]),
        ({"minimum": 1, "maximum": 3}, [1, 3, "x"], [0, 4, 0.5]),
        ({"exclusiveMinimum": 1, "exclusiveMaximum": 3}, [2], [1, 3]),
        ({"minLength": 1, "maxLength": 2}, ["a", "ab", 5], ["", "abc"]),
        ({"minItems": 1, "maxItems": 2}, [[1], "abc"], [[], [1, 2, 3]]),
        ({"minProperties": 1, "maxProperties": 1}, [{"a": 1}], [{}, {"a": 1, "b": 1}]),
        ({"items": {"type": "integer"}}, [[1, 2], []], [["x"]]),
        ({"uniqueItems": True}, [[1, True, 1.0]], [[1, 1]]),
        ({"required": ["a"]}, [{"a": None}, 3], [{}]),
        ({"properties": {"a": {"type": "integer"}}}, [{"a": 1, "b": "x"}, {}], [{"a": "x"}]),
        ({"properties": {"a": {}}, "additionalProperties": False}, [{"a": 1}], [{"b": 1}]),
        ({"additionalProperties": {"type": "integer"}}, [{"a": 1}], [{"a": "x"}]),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, ["a", 5], [4]),
        ({"title": "t", "description": "d", "default": 1, "examples": []}, [1], []),
        ({}, [1, None], []),
    ],
)
def test_keywords(schema, good, bad):
    for value in good:
        frozen = ConfigCompiler().compile({"s": {"x": value}})["x"]
        assert list(violations(schema, frozen)) == []
    for value in bad:
        frozen = ConfigCompiler().compile({"s": {"x": value}})["x"]
        ((_, message),) = list(violations(schema, frozen))
        assert message
    assert compiled({"s.x": schema}, {"x": good[0]})["x"] == good[0]


def test_every_schema_whose_path_fits_holds():
    schema = {"s.**": {"type": "integer"}, "s.a.api": {"minimum": 5}}
    assert problems(schema, {"a.{role}": 1}) == [("schema", "the value of 'a.api': 1 is not at least 5")]
    assert compiled(schema, {"a.web": 1, "a.api": 5})["a.web"] == 1


def test_a_fault_inside_a_value_names_its_path_and_a_rule_is_told_once():
    schema = {"s.**": {"properties": {"env": {"items": {"type": "string"}}}, "additionalProperties": False}}
    found = problems(schema, {"a.{role}": {"env": ["x", 1], "envv": 1}})
    assert found == [
        ("schema", "the value of 'a.api' at 'env.1': 1 is not of type string"),
        ("schema", "the value of 'a.api': 'envv' is not expected, did you mean 'env'?"),
    ]


def test_merged_and_interpolated_values_are_what_is_checked():
    schema = {"s.**": {"maxLength": 3}}
    assert compiled(schema, {"a.{role}": "${role}"})["a.api"] == "api"
    assert problems(schema, {"a.{role}": "${role}x"})[0][0] == "schema"


def test_the_fault_stands_at_the_rule_that_wins(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("schema: {s.*: {maximum: 5}}\ns:\n  a: 1\n  b: 9\n")
    with pytest.raises(CompilationError) as caught:
        ConfigCompiler().compile(path)
    assert [one.place.line for one in caught.value.diagnostics] == [4]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("schema.json", "a schema in a file of its own is not supported"),
        ({"s.*": 3}, "where a mapping of keywords is meant"),
        ({"s.*": {"pattern": "a+"}}, "'pattern' is not supported"),
        ({"s.*": {"mimimum": 1}}, "did you mean 'minimum'?"),
        ({"s.*": {"type": "int"}}, "type is 'int', not one or a list of"),
        ({"s.*": {"type": [[]]}}, "type is [[]]"),
        ({"s.*": {"minimum": "1"}}, "not a number"),
        ({"s.*": {"minItems": -1}}, "not a whole number"),
        ({"s.*": {"enum": []}}, "not a list of values"),
        ({"s.*": {"required": [1]}}, "not a list of names"),
        ({"s.*": {"properties": []}}, "not a mapping of names"),
        ({"s.*": {"anyOf": {}}}, "not a list of schemas"),
        ({"s.*": {"uniqueItems": 1}}, "not true or false"),
        ({"s.*": {"properties": {"a": {"items": {"nope": 1}}}}}, "'nope' is not supported"),
        ({"s.*": {"additionalProperties": 3}}, "where a mapping of keywords is meant"),
        (
            {"s.*": {"enum": [1], "properties": {str(n): {"type": "null"} for n in range(10_001)}}},
            "more than 10,000",
        ),
        ({"!s.*": {}}, "cannot remove"),
    ],
)
def test_what_is_no_schema_is_refused(schema, words):
    with pytest.raises(CompilationError) as caught:
        compiled(schema)
    (problem,) = caught.value.diagnostics
    assert problem.code == "schema-form"
    assert words in problem.message + problem.hint


def test_a_schema_that_fits_no_key_is_an_error():
    assert problems({"t.**": {}}) == [("no-effect", "the schema of 't.**' fits no key")]


def test_a_bad_path_is_a_syntax_error():
    assert problems({"s.[": {}})[0][0] == "pattern-syntax"


def test_a_lazy_compilation_does_not_pretend_to_check():
    ((code, message),) = problems({"s.**": {"type": "integer"}}, lazy=True)
    assert code == "unsupported"
    assert "schema" in message


def test_every_keyword_is_read():
    assert len(set(KEYWORDS)) == len(KEYWORDS)
    assert not {"pattern", "$ref"} & set(KEYWORDS)
