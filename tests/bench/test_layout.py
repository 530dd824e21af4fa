import pytest

from bench.layout import default_suites, guess_subject


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
