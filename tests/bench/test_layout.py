import pytest

from bench.layout import default_suites, guess_subject, siblings


def plant(root, *files):
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


@pytest.mark.parametrize(
    ("files", "name", "subject"),
    [
        (["my_pkg/__init__.py"], "My-Pkg", ("my_pkg",)),
        (["src/my_pkg/__init__.py"], "my.pkg", ("my_pkg",)),
        (["single.py"], "single", ("single",)),
        (["src/single.py"], "single", ("single",)),
        (["Mixed/__init__.py"], "mixed", ("Mixed",)),
        (["src/other/__init__.py"], "my-pkg", ("other",)),
        (["other/__init__.py", "tests/__init__.py", "docs/__init__.py"], None, ("other",)),
        (["one/__init__.py", "two/__init__.py"], None, ()),
        (["one/__init__.py", "two/__init__.py"], "two", ("two",)),
        (["script.py"], None, ()),
        (["bench/__init__.py"], None, ()),
        ([], "nothing", ()),
    ],
)
def test_the_subject_is_guessed_from_the_name_and_the_layout(tmp_path, files, name, subject):
    plant(tmp_path, *files)
    assert guess_subject(tmp_path, name) == subject


def test_a_package_of_suites_is_not_the_subject(tmp_path):
    plant(tmp_path, "speed/__init__.py", "thing/__init__.py")
    assert guess_subject(tmp_path, None, ("speed",)) == ("thing",)


@pytest.mark.parametrize(
    ("files", "suites"),
    [
        (["benchmarks/bench_a.py"], ("benchmarks",)),
        (["bench/a_bench.py", "tests/benchmarks/bench_a.py"], ("bench", "tests/benchmarks")),
        (["benchmarks/__init__.py", "benchmarks/anything.py"], ("benchmarks",)),
        (["benchmarks/notes.py", "bench_b.py", "a_bench.py"], ("a_bench.py", "bench_b.py")),
        (["benchmarks/bench_a.py", "bench_b.py"], ("benchmarks",)),
        (["bench_a_bench.py"], ("bench_a_bench.py",)),
        (["module.py"], ()),
    ],
)
def test_suites_are_found_in_the_usual_places(tmp_path, files, suites):
    plant(tmp_path, *files)
    assert default_suites(tmp_path) == suites


@pytest.mark.parametrize(
    ("files", "suites", "found"),
    [
        (["face/__init__.py", "core/__init__.py", "_fast.py"], ["benchmarks"], ("_fast", "core")),
        (["face/__init__.py", "tests/__init__.py", "setup.py", "random.py"], ["benchmarks"], ()),
        (["face/__init__.py", "speed/__init__.py", "core/__init__.py"], ["speed/bench_a.py"], ("core",)),
        (["face/__init__.py", "core/__init__.py", "data.py", "bench_a.py"], ["bench_a.py"], ("core",)),
        (["face/__init__.py", "core/__init__.py"], ["../outside", "."], ("core",)),
    ],
)
def test_siblings_are_the_projects_other_code_but_not_its_suites_and_their_helpers(
    tmp_path, files, suites, found
):
    plant(tmp_path, *files)
    assert siblings(tmp_path, ["face"], [tmp_path / suite for suite in suites]) == found
