"""``settings:`` and ``layers:`` inside documents."""

import pytest

from strataregula import CompilationError, ConfigCompiler
from strataregula.core.documents import MAX_LAYERS, MemoryFiles


def compile_files(files, *names, strict=True, **options):
    memory = MemoryFiles({name: text.encode() for name, text in files.items()})
    return ConfigCompiler(strict=strict, files=memory, **options).compile(*(names or list(files)[-1:]))


def problems(files, *names, **options):
    with pytest.raises(CompilationError) as caught:
        compile_files(files, *names, **options)
    return [(one.code, str(one.place), one.message) for one in caught.value.diagnostics]


def codes(text, **options):
    return [code for code, _, _ in problems({"a.yaml": text}, **options)]


LAYERED = {
    "conf/base.yaml": "s: {a: 1, b: 1, c: 1, d: 1}",
    "conf/regions/north.yaml": "s: {b: 2, c: 2, d: 2}",
    "conf/regions/south.yaml": "s: {c: 3, d: 3}",
    "conf/regions/.hidden.yaml": "s: {d: 9}",
    "conf/regions/notes.txt": "no configuration",
    "conf/prod.yaml": "layers: [base.yaml, regions/*.yaml]\ns: {d: 4}",
}


def test_named_layers_go_below_in_their_order_and_globs_sorted():
    compiled = compile_files(LAYERED, "conf/prod.yaml")
    assert dict(compiled) == {"a": 1, "b": 2, "c": 3, "d": 4}
    explained = compiled.explain("d")
    assert [rule.layer for rule in (explained.winner, *explained.losers)] == [3, 2, 1, 0]
    assert [rule.place.file for rule in explained.losers] == [
        "conf/regions/south.yaml",
        "conf/regions/north.yaml",
        "conf/base.yaml",
    ]


def test_the_order_of_the_directory_does_not_matter():
    reversed_files = dict(reversed(LAYERED.items()))
    one, other = compile_files(LAYERED, "conf/prod.yaml"), compile_files(reversed_files, "conf/prod.yaml")
    assert one.fingerprint == other.fingerprint
    assert list(one.items()) == list(other.items())


def test_a_glob_of_the_caller_is_a_layer_for_each_file():
    assert dict(compile_files(LAYERED, "conf/base.yaml", "conf/regions/*.yaml")) == {
        "a": 1,
        "b": 2,
        "c": 3,
        "d": 3,
    }


def test_a_folder_is_one_layer_and_may_be_named():
    files = {
        "base/x.yaml": "s: {a: 1}",
        "base/y.yaml": "s: {a: 1, b: 1}",
        "top.yaml": "layers: [base]\ns: {b: 2}",
    }
    compiled = compile_files(files)
    assert dict(compiled) == {"a": 1, "b": 2}
    files["base/y.yaml"] = "s: {a: 2}"
    assert [code for code, _, _ in problems(files)] == ["conflict"]


def test_a_glob_leaves_out_the_document_that_names_it():
    files = {"conf/a.yaml": "s: {a: 1, b: 1}", "conf/main.yaml": "layers: ['*.yaml']\ns: {b: 2}"}
    assert dict(compile_files(files)) == {"a": 1, "b": 2}


def test_a_layer_that_is_named_twice_counts_where_it_was_first():
    files = {
        "common.yaml": "s: {a: 1, b: 1}",
        "one.yaml": "layers: [common.yaml]\ns: {a: 2}",
        "two.yaml": "layers: [./common.yaml]\ns: {b: 2}",
        "top.yaml": "layers: [one.yaml, two.yaml]\ns: {c: 3}",
    }
    compiled = compile_files(files)
    assert dict(compiled) == {"a": 2, "b": 2, "c": 3}
    assert len(compiled.explain("a").losers) == 1


def test_a_mapping_names_layers_relative_to_the_current_folder():
    memory = MemoryFiles({"base.yaml": b"s: {a: 1}"})
    compiled = ConfigCompiler(files=memory).compile({"layers": ["base.yaml"], "s": {"b": 2}})
    assert dict(compiled) == {"a": 1, "b": 2}


def test_layers_that_name_each_other_are_told_as_their_path():
    files = {
        "a.yaml": "layers: [b.yaml]\ns: {a: 1}",
        "b.yaml": "layers:\n - c.yaml",
        "c.yaml": "layers: [a.yaml]",
    }
    ((code, place, message),) = problems(files, "a.yaml")
    assert (code, place) == ("layer-cycle", "c.yaml:1:10")
    assert message.endswith("a.yaml -> b.yaml -> c.yaml -> a.yaml")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("layers: base.yaml", "list-expected"),
        ("layers: [1]", "list-expected"),
        ("layers: [/etc/passwd.yaml]", "layer-path"),
        ("layers: ['']", "layer-path"),
        ("layers: [nope.yaml]", "unreadable"),
        ("layers: [nope/*.yaml]", "unreadable"),
    ],
)
def test_layers_that_cannot_be_read_are_told_where_they_are_named(text, code):
    ((found, place, _),) = problems({"a.yaml": f"s: {{a: 1}}\n{text}"})
    assert found == code
    assert place.startswith("a.yaml:2:")


def test_the_number_of_layers_is_bounded():
    files = {f"f{number}.yaml": f"layers: [f{number + 1}.yaml]" for number in range(MAX_LAYERS + 5)}
    assert problems(files, "f0.yaml")[0][0] == "limit"


def test_real_files_and_globs(tmp_path):
    for name, text in LAYERED.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    compiled = ConfigCompiler().compile(tmp_path / "conf" / "prod.yaml")
    assert dict(compiled) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert dict(ConfigCompiler().compile(str(tmp_path / "conf" / "regions" / "*.yaml")))["d"] == 3


def test_lenient_in_a_document_also_forgives_what_was_read_before():
    text = "s: {a: 1, a: 2}\nsettings: {lenient: true}"
    compiled = compile_files({"a.yaml": text})
    assert compiled["a"] == 2
    assert [warning.code for warning in compiled.warnings] == ["duplicate-key"]
    files = {"base.yaml": text, "top.yaml": "layers: [base.yaml]\nsettings: {lenient: false}"}
    assert [code for code, _, _ in problems(files)] == ["duplicate-key"]


def test_a_document_lowers_limits():
    rules = "s: {'x{1..60}': 1, 'y{1..60}': 1}\n"
    assert len(compile_files({"a.yaml": rules})) == 120
    assert codes(rules + "settings: {limits: {keys_per_rule: 50}}") == ["limit", "limit"]
    assert codes(rules + "settings: {limits: {keys: 100}}") == ["limit"]
    assert len(compile_files({"a.yaml": rules + "settings: {limits: {keys: 120}}"})) == 120


def test_the_caller_sets_limits_that_a_document_cannot_raise():
    assert codes("s: {'x{1..60}': 1}", max_keys=50) == ["limit"]
    assert codes("s: {'x{1..60}': 1}", max_keys_per_rule=50) == ["limit"]
    assert codes("settings: {limits: {keys: 60}}", max_keys=50) == ["setting"]
    assert len(compile_files({"a.yaml": "s: {'x{1..60}': 1}"}, max_keys=60)) == 60


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("settings: 1", "not a mapping"),
        ("settings: {lenint: true}", "unknown name 'lenint'"),
        ("settings: {lenient: 1}", "not true or false"),
        ("settings: {limits: {keys: 0}}", "whole number"),
        ("settings: {limits: {keys: true}}", "whole number"),
        ("settings: {limits: {keys: 10000000000}}", "whole number"),
        ("settings: {limits: [1]}", "not a mapping"),
        ("settings: {limits: {rules: 1}}", "unknown name 'rules'"),
        ("settings: {merge: {s.a: deeep}}", "unknown merge strategy"),
        ("settings: {merge: {'!s.a': deep}}", "removes"),
        ("settings: {merge: deep}", "not a mapping"),
    ],
)
def test_bad_settings(text, words):
    ((code, place, message),) = problems({"a.yaml": f"s: {{a: 1}}\n{text}"})
    assert code == "setting"
    assert place.startswith("a.yaml:2:")
    assert words in message


def test_a_path_of_no_section_is_an_error():
    ((code, _, message),) = problems({"a.yaml": "settings: {merge: {ss.a: deep}}\ns: {a: 1}"})
    assert (code, message) == ("no-effect", "'ss.a' merges nothing: no section 'ss'")
    ((code, _, message),) = problems({"a.yaml": "settings: {merge: {s: deep}}\ns: {a: 1}"})
    assert (code, message) == ("no-effect", "'s' merges nothing: it names a section and no key")
    assert compile_files({"a.yaml": "settings: {merge: {'**': deep}}\ns: {a: 1}"})["a"] == 1


def test_a_bad_path_is_a_syntax_error():
    assert codes("settings: {merge: {'s.{a': deep}}") == ["pattern-syntax"]
    assert codes("settings: {merge: {'{a}{a}': deep}}") == ["pattern-syntax"]


def test_merges_by_path():
    files = {
        "base.yaml": "settings: {merge: {'s.**': deep, 's.*.env': append}}\n"
        "s: {a: {env: [1], cpu: 1}, b: {x: 1}}\nt: {a: {env: [1]}}",
        "top.yaml": "layers: [base.yaml]\ns: {a: {env: [2]}, b: {value: {y: 2}, merge: replace}}\nt: {a: {cpu: 1}}",
    }
    compiled = compile_files(files)
    assert compiled.section("s")["a"] == {"env": [1, 2], "cpu": 1}
    assert compiled.section("s")["b"] == {"y": 2}
    assert compiled.section("t")["a"] == {"cpu": 1}
    assert compiled.explain("a", "s").winner.merge == "deep"


def test_a_later_layer_overrides_a_path():
    files = {
        "base.yaml": "settings: {merge: {s.a: append}}\ns: {a: [1]}",
        "top.yaml": "layers: [base.yaml]\nsettings: {merge: {s.a: unique}}\ns: {a: [1, 2]}",
    }
    assert compile_files(files)["a"] == [1, 2]
