"""Sources as documents: positions of everything, and one located diagnostic for every way in which input can be bad."""

import os

import pytest

from strataregula.core.documents import (
    MAX_FILE_BYTES,
    MemoryFiles,
    SystemFiles,
    read_sources,
)
from strataregula.core.nodes import plain
from strataregula.diagnostics import DiagnosticLog


def read(name, content, *, lenient=False):
    log = DiagnosticLog(lenient=lenient)
    content = content if isinstance(content, bytes) else content.encode()
    documents = read_sources((name,), log, MemoryFiles({name: content}))
    return documents, log


def problem(name, content):
    documents, log = read(name, content)
    assert not documents or log.errors
    assert len(log.errors) == 1, [error.render() for error in log.errors]
    return log.errors[0]


def values(name, content):
    documents, log = read(name, content)
    assert not log.errors, [error.render() for error in log.errors]
    return plain(documents[0].root)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  b: 1\n", {"a": {"b": 1}}),
        ("a: {b: [1, 2.5, x, null, true]}", {"a": {"b": [1, 2.5, "x", None, True]}}),
        ("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}", {"base": {"x": 1, "y": 2}, "use": {"y": 3, "x": 1}}),
        (
            "p: &p {x: 1}\nq: &q {x: 2, z: 3}\nm: {<<: [*p, *q]}",
            {"p": {"x": 1}, "q": {"x": 2, "z": 3}, "m": {"x": 1, "z": 3}},
        ),
        ("\ufeffa: 1", {"a": 1}),
        ("a: !!str 1\nb: !!int '2'", {"a": "1", "b": 2}),
        ("'*.b': 1", {"*.b": 1}),
    ],
)
def test_yaml_values(text, expected):
    assert values("a.yaml", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"a": {"b": [1, 2.5, -3e2, "x\\u00e9", null, true, false, [], {}]}}',
            {"a": {"b": [1, 2.5, -300.0, "xé", None, True, False, [], {}]}},
        ),
        (' {"a" : 1 , "b" : { } } ', {"a": 1, "b": {}}),
        ('{"on": 1, "1": 2}', {"on": 1, "1": 2}),
    ],
)
def test_json_values(text, expected):
    assert values("a.json", text) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "s:\n  edge.a: 1\n  edge.b:\n    - 2\n"),
        ("a.json", '{"s":\n  {"edge.a": 1,\n  "edge.b": [2]}}'),
    ],
)
def test_every_key_knows_its_line_and_column(name, text):
    documents, _ = read(name, text)
    section = documents[0].root.entries[0]
    lines = text.split("\n")
    for entry in section.node.entries:
        line, column = entry.mark
        assert lines[line - 1][column - 1 :].lstrip('"').startswith(entry.key)


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\na: 2\n", "duplicate-key", 2, 1),
        ("s:\n  x: {k: 1, k: 2}", "duplicate-key", 2, 13),
        ("s:\n  on: 1", "key-type", 2, 3),
        ("s:\n  1: 1", "key-type", 2, 3),
        ("s:\n  2024-01-01: 1", "key-type", 2, 3),
        ("s:\n  null: 1", "key-type", 2, 3),
        ("s:\n  deep:\n    list:\n    - {yes: 1}", "key-type", 4, 8),
        ("s:\n  ? [a]\n  : 1", "key-type", 2, 5),
        ("s:\n  {a}: 1", "key-type", 2, 3),
        ("s:\n  x: !thing 1", "unknown-tag", 2, 6),
        ("s:\n  !edge.a: 1", "unknown-tag", 2, 3),
        ("s:\n  x: !!python/object:os.system {}", "unknown-tag", 2, 6),
        ("s:\n  x: !!set {a}", "unknown-tag", 2, 6),
        ("s:\n  x: !!omap []", "unknown-tag", 2, 6),
        ("s:\n  !thing x: 1", "unknown-tag", 2, 3),
        ("s:\n  x: !!int abc", "yaml-value", 2, 6),
        ("s:\n  x: 2024-13-45", "yaml-value", 2, 6),
        ("s:\n  x: [1, 2\n  y: 3", "yaml-syntax", 3, 4),
        ("s:\n  x: *nowhere", "yaml-syntax", 2, 6),
        ("s:\n  *.b: 1", "yaml-syntax", 2, 4),
        ("s:\n  x: a: b", "yaml-syntax", 2, 7),
        ("s:\n\tx: 1", "yaml-syntax", 2, 1),
        ("s:\n  x: &a [*a]", "alias-cycle", 2, 6),
        ("a: 1\n---\nb: 1", "multi-document", 3, 1),
        ("- a\n- b", "document-type", 1, 1),
        ("just text", "document-type", 1, 1),
        ("", "empty-document", 1, 1),
        ("# nothing\n", "empty-document", 1, 1),
        ("null", "empty-document", 1, 1),
        ("s: {<<: 3}", "merge-key", 1, 9),
    ],
)
def test_bad_yaml(text, code, line, column):
    found = problem("a.yaml", text)
    assert (found.code, found.place.line, found.place.column) == (code, line, column), found.render()
    assert found.place.file == "a.yaml"
    assert found.source_line == text.split("\n")[line - 1]


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ('{"a": 1,\n "a": 2}', "duplicate-key", 2, 2),
        ('{"a": 1,}', "json-syntax", 1, 9),
        ('{"a": [1,]}', "json-syntax", 1, 10),
        ('{"a": 1 "b": 2}', "json-syntax", 1, 9),
        ('{"a" 1}', "json-syntax", 1, 6),
        ("{'a': 1}", "json-syntax", 1, 2),
        ('{"a": NaN}', "json-syntax", 1, 7),
        ('{"a": 01}', "json-syntax", 1, 7),
        ('{"a": 1e999}', "json-syntax", 1, 7),
        ('{"a": -}', "json-syntax", 1, 7),
        ('{"a": "x\ny"}', "json-syntax", 1, 9),
        ('{"a": "x', "json-syntax", 1, 7),
        ('{"a": "\\ud800"}', "json-syntax", 1, 14),
        ('{"a": 1} x', "json-syntax", 1, 10),
        ('{"a": // c\n 1}', "json-syntax", 1, 7),
        ('{"a": ', "json-syntax", 1, 6),
        ('{"a": {"b": 1}', "json-syntax", 1, 14),
        ("[1]", "document-type", 1, 1),
        ("3", "document-type", 1, 1),
        ("", "empty-document", 1, 1),
        ('{"a": ' + "9" * 5_000 + "}", "json-syntax", 1, 7),
    ],
)
def test_bad_json(text, code, line, column):
    found = problem("a.json", text)
    assert (found.code, found.place.line, found.place.column) == (code, line, column), found.render()


def test_a_key_that_yaml_reads_as_a_boolean_gets_the_hint_to_quote_it():
    found = problem("a.yaml", "s:\n  on: 1")
    assert found.hint == 'quote it: "on"'
    assert "bool" in found.message


@pytest.mark.parametrize("start", ["*.b", "{a}.b", "[a].b", "&x.b", '"a.b".c', "!edge.a"])
def test_an_unquoted_pattern_gets_the_hint_to_quote_it(start):
    found = problem("a.yaml", f"s:\n  {start}: 1\n")
    assert "quote" in found.hint, found.render()


def test_a_diagnostic_shows_the_line_with_a_caret():
    lines = problem("a.yaml", "s:\n  on: 1").render().splitlines()
    assert lines[0].startswith("a.yaml:2:3: error[key-type]: ")
    assert lines[1] == "      on: 1"
    assert lines[2] == "      ^^"
    assert lines[3].strip().startswith("hint: ")


def test_aliases_may_not_make_the_document_explode():
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert problem("a.yaml", "\n".join(levels)).code == "alias-growth"


def test_honest_aliases_are_fine():
    text = "base: &b {x: [1, 2, 3]}\nuses:\n" + "".join(f"  u{n}: *b\n" for n in range(200))
    assert values("a.yaml", text)["uses"]["u7"] == {"x": [1, 2, 3]}


@pytest.mark.parametrize("depth", [101, 20_000])
@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_deep_nesting_is_an_error_and_not_a_crash(name, depth):
    text = '{"a": ' + "[" * depth + "]" * depth + "}"
    assert problem(name, text).code == "nesting"


def test_deep_indentation_is_an_error_and_not_a_crash():
    text = "\n".join(" " * level + "a:" for level in range(500))
    assert problem("a.yaml", text).code == "nesting"


def test_nesting_through_aliases_counts():
    text = "l0: &l0 [x]\n" + "".join(f"l{n}: &l{n} [*l{n - 1}]\n" for n in range(1, 150))
    assert problem("a.yaml", text).code == "nesting"


def test_ninety_levels_are_fine():
    assert values("a.yaml", "a: " + "[" * 90 + "]" * 90)
    assert values("a.json", '{"a": ' + "[" * 90 + "]" * 90 + "}")


def test_bytes_that_are_not_utf8():
    found = problem("a.yaml", b"s:\n  k: \xff\n")
    assert (found.code, found.place.line, found.place.column) == ("encoding", 2, 6)


def test_control_characters_are_refused_and_never_reach_a_terminal():
    found = problem("a.yaml", "s: \x01\n")
    assert found.code == "yaml-syntax"
    assert "\x1b" not in problem("a.yaml", 'a: 1\n"\x1b[31mred": 1\n').render()


def test_a_file_over_the_limit(monkeypatch):
    log = DiagnosticLog()

    class Endless:
        def children(self, _path):
            return None

        def read(self, _path, limit):
            assert limit == MAX_FILE_BYTES + 1
            return bytes(limit)

    assert not read_sources(("big.yaml",), log, Endless())
    assert [error.code for error in log.errors] == ["file-size"]


def test_an_unknown_suffix_is_refused():
    found = problem("settings.toml", "a = 1")
    assert found.code == "unknown-format"
    assert "settings.toml.yaml" in found.hint


def test_a_missing_file_is_a_failure_of_input(tmp_path):
    log = DiagnosticLog()
    assert not read_sources((str(tmp_path / "none.yaml"),), log, SystemFiles())
    assert log.errors[0].is_input_failure
    assert "No such file" in log.errors[0].message


def test_a_name_with_a_null_character_is_a_failure_of_input():
    log = DiagnosticLog()
    assert not read_sources(("a\0.yaml",), log, SystemFiles())
    assert log.errors[0].is_input_failure


def test_a_folder_is_one_layer_of_its_files_in_order(tmp_path):
    (tmp_path / "b.yaml").write_text("t: {x: 1}")
    (tmp_path / "a.json").write_text('{"s": {"y": 2}}')
    (tmp_path / "notes.txt").write_text("not a source")
    (tmp_path / ".draft.yaml").write_text("hidden")
    (tmp_path / "sub").mkdir()
    log = DiagnosticLog()
    documents = read_sources((os.fsencode(tmp_path),), log, SystemFiles())
    assert [document.name.rpartition("/")[2] for document in documents] == ["a.json", "b.yaml"]
    assert {document.layer.index for document in documents} == {0}


def test_a_folder_without_sources(tmp_path):
    log = DiagnosticLog()
    assert not read_sources((tmp_path,), log, SystemFiles())
    assert log.errors[0].is_input_failure


def test_a_folder_in_memory():
    files = MemoryFiles({"conf/a.yaml": b"s: {x: 1}", "other.yaml": b"s: {y: 1}"})
    documents = read_sources(("conf", "other.yaml"), DiagnosticLog(), files)
    assert [document.name for document in documents] == ["conf/a.yaml", "other.yaml"]
    with pytest.raises(FileNotFoundError):
        files.read("none", 1)


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({"s": {1: 2}}, "key-type"),
        ({"s": {"a": object()}}, "value-type"),
        ({"s": {"a": {"b": [complex(1, 2)]}}}, "value-type"),
    ],
)
def test_bad_mappings(mapping, code):
    log = DiagnosticLog()
    read_sources((mapping,), log, MemoryFiles({}))
    assert [error.code for error in log.errors] == [code]
    assert log.errors[0].place.file == "<mapping 1>"


def test_a_mapping_that_contains_itself():
    endless = {}
    endless["s"] = endless
    log = DiagnosticLog()
    read_sources((endless,), log, MemoryFiles({}))
    assert [error.code for error in log.errors] == ["nesting"]


def test_a_source_of_the_wrong_type():
    with pytest.raises(TypeError):
        read_sources((3,), DiagnosticLog(), MemoryFiles({}))


def test_lenient_keys_become_text_with_a_warning():
    documents, log = read("a.yaml", "s:\n  on: 1\n  x: 1\n  x: 2", lenient=True)
    assert plain(documents[0].root) == {"s": {"on": 1, "x": 2}}
    assert [warning.code for warning in log.warnings] == ["key-type", "duplicate-key"]
