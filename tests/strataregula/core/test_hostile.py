"""Whatever comes from outside ends in a configuration or in diagnostics, never in another error."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strataregula import CompilationError, ConfigCompiler, PatternExpander
from strataregula.core.documents import MemoryFiles

yaml_words = st.sampled_from(
    [
        "a", "s", "domains", "shapes", "use", "value", "where", "except", "priority", "merge", "by", "values", ":", ": ", "\n", "\n  ",
        "\n    ", "- ", "[", "]", "{", "}", ",", "*", "&x ", "*x", "<<", "!!", "!!int ", '"', "'", "|", ">", "?", "%", "#", "---", "\t", "1",
        "layers", "settings", "schema", "deep", "${", "${a}", "${env:A:-x}", "s.**: ", "null", "on", "~", "{1..9}", "'{d}'", "'a.*'", "'**'", "'!a'", "\x00", "é", "\ufeff", "2024-01-01", ".inf", "0x", "1:30",
    ]
)  # fmt: skip
yaml_texts = st.lists(yaml_words, max_size=25).map("".join)
texts = st.one_of(st.text(max_size=5), st.sampled_from(["${a}", "${a.b}x", "${d}", "deep", "append", "${"]))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
names = [
    "layers",
    "settings",
    "schema",
    "limits",
    "lenient",
    "type",
    "properties",
    "domains",
    "shapes",
    "s",
    "d",
    "a.{d}",
    "a.*",
    "value",
    "where",
    "except",
    "by",
    "values",
    "!a",
]
trees = st.recursive(
    scalars,
    lambda children: st.one_of(
        st.lists(children, max_size=3), st.dictionaries(st.sampled_from(names), children, max_size=4)
    ),
    max_leaves=15,
)


def compile_or_diagnose(name, content, strict):
    try:
        compiled = ConfigCompiler(strict=strict, files=MemoryFiles({name: content})).compile(name)
    except CompilationError as error:
        rendered = [line for diagnostic in error.diagnostics for line in diagnostic.render().split("\n")]
        assert all(line.isprintable() for line in rendered)
        return
    for section, entries in compiled.sections.items():
        for key in entries:
            assert compiled.explain(key, section=section).found


@settings(max_examples=300)
@given(st.one_of(yaml_texts.map(str.encode), st.binary(max_size=30)), st.booleans())
def test_any_bytes_as_yaml(content, strict):
    compile_or_diagnose("a.yaml", content, strict)


@settings(max_examples=200)
@given(trees, st.booleans())
def test_any_tree_as_json(tree, strict):
    compile_or_diagnose("a.json", json.dumps(tree).encode(), strict)


def refuse(name):
    raise ValueError(name)


@settings(max_examples=300)
@given(st.text(st.sampled_from('[]{},:"01.eE+-truefalsn \\u\n'), max_size=20))
def test_any_text_as_json_is_refused_when_the_standard_library_refuses_it(text):
    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        with pytest.raises(CompilationError):
            ConfigCompiler(files=MemoryFiles({"a.json": text.encode()})).compile("a.json")
        return
    compile_or_diagnose("a.json", text.encode(), strict=True)


@settings(max_examples=200)
@given(
    st.dictionaries(st.text(st.sampled_from('ab.*?[]{}!\\"d:,1'), max_size=10), st.integers(0, 1), max_size=4)
)
def test_any_texts_as_patterns(patterns):
    try:
        found = list(PatternExpander({"d": ["a", "b"]}).expand_pattern_stream(patterns))
    except CompilationError:
        return
    assert len({key for key, _ in found}) == len(found)


def test_thousands_of_the_same_mistake_cost_a_hint_for_the_first_200_only(monkeypatch):
    asked = []
    monkeypatch.setattr("strataregula.core.resolver.did_you_mean", lambda *names: asked.append(names) or "")
    rules = {f"k{number}.{{nope}}": 1 for number in range(3_000)}
    with pytest.raises(CompilationError):
        ConfigCompiler().compile({"domains": {"node": ["x"]}, "s": rules})
    assert len(asked) == 200
