import sys

import pytest

from bench.measure.loading import load_suite, package_parts


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


def test_a_lone_file_finds_its_neighbours(tmp_path):
    write(tmp_path, bench_x="from inputs_of_x import SIZE", inputs_of_x="SIZE = 3")

    assert load_suite(tmp_path / "bench_x.py").SIZE == 3


def test_the_folder_of_a_lone_file_shadows_nothing(tmp_path):
    write(tmp_path, bench_y="import colorsys", colorsys="raise AssertionError")

    assert "rgb_to_hsv" in vars(load_suite(tmp_path / "bench_y.py").colorsys)


def test_a_file_named_like_a_loaded_module_does_not_replace_it(tmp_path):
    write(tmp_path, json="MINE = 1")

    assert load_suite(tmp_path / "json.py").MINE == 1
    assert "dumps" in vars(sys.modules["json"])


def test_relative_and_absolute_imports_work_inside_a_package(tmp_path):
    write(
        tmp_path / "speed",
        __init__="",
        data="SIZE = 4",
        expand="from .data import SIZE\nfrom speed.data import SIZE as AGAIN",
    )

    module = load_suite(tmp_path / "speed" / "expand.py")

    assert (module.__name__, module.SIZE, module.AGAIN) == ("speed.expand", 4, 4)


def test_a_package_called_bench_stays_the_harness(tmp_path):
    write(tmp_path / "bench", __init__="")
    write(tmp_path / "bench" / "suites", __init__="")

    assert package_parts(tmp_path / "bench" / "suites" / "x.py") == ("suites",)
    assert package_parts(tmp_path / "bench" / "x.py") == ()


def test_a_file_that_is_not_python_is_an_import_error(tmp_path):
    (tmp_path / "bench_z.txt").write_text("")

    with pytest.raises(ImportError, match="not a Python file"):
        load_suite(tmp_path / "bench_z.txt")
