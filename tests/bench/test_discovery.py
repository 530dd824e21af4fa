import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import benchmark
from bench.authoring import cases
from bench.discovery import declared, find_suites, relative_id, specs_of
from bench.errors import ConfigurationError, DiscoveryError


def module_of(source, tmp_path, name="bench_made"):
    """A module whose source can be found again, as a suite's can."""
    import importlib.util

    path = tmp_path / f"{name}.py"
    path.write_text("from bench import benchmark\n" + source)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def specs(source, tmp_path, name="bench_made"):
    return specs_of(module_of(source, tmp_path, name), f"{name}.py")


def test_suite_files_are_found_by_name_at_any_depth_and_only_once(tmp_path):
    for name in ("bench_a.py", "deep/er/b_bench.py", "data.py", "__pycache__/bench_c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    found = find_suites(tmp_path, [".", "bench_a.py"])

    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["bench_a.py", "deep/er/b_bench.py"]


def test_a_package_of_suites_gives_all_its_modules(tmp_path):
    (tmp_path / "suites").mkdir()
    for name in ("__init__.py", "expand.py", "look_up.py"):
        (tmp_path / "suites" / name).write_text("")

    assert [path.name for path in find_suites(tmp_path, ["suites"])] == ["expand.py", "look_up.py"]


def test_a_place_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(DiscoveryError, match="nowhere") as caught:
        find_suites(tmp_path, ["nowhere"])
    assert caught.value.exit_code == 2


def test_ids_are_posix_paths_relative_to_the_project(tmp_path):
    assert relative_id(tmp_path / "a" / "b.py", tmp_path) == "a/b.py"
    assert relative_id(tmp_path.parent / "b.py", tmp_path) == (tmp_path.parent / "b.py").as_posix()


def test_parameters_multiply_in_product_order(tmp_path):
    found = specs("@benchmark(params={'n': [1, 2], 'kind': ['x', 'y']})\ndef work(n, kind): ...", tmp_path)

    assert [spec.id for spec in found] == [
        "bench_made.py::work[n=1,kind=x]",
        "bench_made.py::work[n=1,kind=y]",
        "bench_made.py::work[n=2,kind=x]",
        "bench_made.py::work[n=2,kind=y]",
    ]
    assert [spec.case for spec in found] == [0, 1, 2, 3]


def test_a_plain_function_is_one_case_with_its_line(tmp_path):
    (spec,) = specs("\n\n@benchmark\ndef work(): ...", tmp_path)

    assert (spec.id, spec.line, spec.is_async, spec.items) == ("bench_made.py::work", 4, False, None)


def test_async_items_budgets_and_tolerance_are_carried(tmp_path):
    (spec,) = specs(
        "@benchmark(params={'n': [50]}, items='n', budgets=['throughput >= 1000/s'], tolerance=0.2)\n"
        "async def work(n): ...",
        tmp_path,
    )

    assert (spec.is_async, spec.items, spec.budgets, spec.tolerance) == (
        True,
        50.0,
        ("throughput >= 1000/s",),
        0.2,
    )


def test_imported_benchmarks_belong_to_the_module_that_defines_them(tmp_path):
    module = module_of("@benchmark\ndef work(): ...", tmp_path)
    other = types.ModuleType("other")
    other.work = module.work

    assert [name for name, _, _ in declared(module)] == ["work"]
    assert list(declared(other)) == []


def test_the_source_hash_sees_code_but_neither_comments_nor_layout(tmp_path):
    def digest(body, name):
        return specs(
            f"def make(n=1): return n\n@benchmark(setup=make)\ndef work(x):\n{body}", tmp_path, name
        )[0].source_hash

    plain = digest("    return x + 1", "one")

    assert digest("    # why\n    return (x\n        + 1)", "two") == plain
    assert digest("    return x + 2", "three") != plain


def test_the_source_hash_sees_the_setup(tmp_path):
    def digest(value, name):
        text = f"def make(): return {value}\n@benchmark(setup=make)\ndef work(x): ..."
        return specs(text, tmp_path, name)[0].source_hash

    assert digest(1, "one") != digest(2, "two")


@pytest.mark.parametrize(
    ("declaration", "complaint"),
    [
        ("params={'n': 'abc'}", "non-empty list"),
        ("params={'n': []}", "non-empty list"),
        ("tolerance=15", "ratio such as 0.15"),
        ("growth='n'", "not one of its params"),
        ("timeout=0", "number of seconds"),
        ("timeout='x'", "number of seconds"),
        ("timeout=10**400", "number of seconds"),
        ("tolerance='x'", "ratio such as 0.15"),
        ("params=3", "params is a mapping"),
        ("setup=3", "setup is a function"),
        ("items='n'", "positive number or the name"),
        ("items=-1", "positive number or the name"),
        ("params={'n': ['a']}, items='n'", "positive number or the name"),
        ("params={'n': [1, 1]}", "two cases have this name"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_with_its_place(tmp_path, declaration, complaint):
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        specs(f"@benchmark({declaration})\ndef work(n=0): ...", tmp_path)

    assert "bench_made.py::work" in str(caught.value)


def test_objects_as_parameters_never_show_an_address(tmp_path):
    (spec,) = specs("class Thing: ...\n@benchmark(params={'x': [Thing()]})\ndef work(x): ...", tmp_path)

    assert spec.id == "bench_made.py::work[x=Thing]"


def test_functions_and_control_characters_as_parameters_read_well(tmp_path):
    first, second = specs("@benchmark(params={'x': [len, 'a\\x1b[31m\\n']})\ndef work(x): ...", tmp_path)

    assert first.id == "bench_made.py::work[x=len]"
    assert second.id == "bench_made.py::work[x=a\\x1b[31m\\n]"


@given(st.text(max_size=300))
def test_any_text_as_a_parameter_gives_a_printable_short_id(text):
    from bench.discovery import _text

    shown = _text(text)

    assert shown.isprintable()
    assert len(shown) <= 60
    assert shown == _text(text)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=3), st.lists(st.integers(), min_size=1, max_size=3), max_size=3
    )
)
def test_there_is_one_case_per_combination(params):
    def work(): ...

    found = cases(benchmark(params=params)(work).__bench_guard__)
    expected = 1
    for values in params.values():
        expected *= len(values)

    assert len(found) == expected
