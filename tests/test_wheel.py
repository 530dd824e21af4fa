"""What a user gets: the wheel's contents and its entry points, and that the tests run against it."""

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import bench
import strataregula

ROOT = Path(__file__).parents[1]
SOURCES = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "bench",
    "strataregula",
    "tests",
    "docs",
    "examples",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built once from a copy, so that nothing is left behind in the repository."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(ROOT / name, copy / name)
    command = [
        sys.executable,
        "-P",
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(copy / "out"),
        str(copy),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (copy / "out").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.mark.wheel
def test_it_holds_every_module_of_both_packages_and_nothing_else(wheel):
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    suites = ROOT / "bench" / "suites"
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in ("bench", "strataregula")
        for path in (ROOT / package).rglob("*")
        if path.is_file()
        and suites not in path.parents
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(ROOT).parts)
    }
    assert held == expected
    assert {"bench/py.typed", "strataregula/py.typed"} <= held


@pytest.mark.wheel
def test_it_holds_no_suites_no_tests_and_no_byte_code(wheel):
    names = wheel.namelist()
    assert not [
        name for name in names if name.startswith(("bench/suites", "tests", "docs", "examples", "baselines"))
    ]
    assert not [name for name in names if name.endswith((".pyc", ".json"))]


@pytest.mark.wheel
def test_it_installs_both_programs(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    entries = configparser.ConfigParser()
    entries.read_string(wheel.read(name).decode())
    assert dict(entries["console_scripts"]) == {
        "bench-guard": "bench.cli.main:main",
        "strataregula": "strataregula.cli.main:main",
    }


@pytest.mark.wheel
def test_its_metadata_agree_with_the_packages(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = message_from_string(wheel.read(name).decode())
    assert metadata["Name"] == "strataregula"
    assert metadata["Version"] == bench.__version__ == strataregula.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]


@pytest.mark.wheel
def test_it_works_from_where_another_package_is_called_bench(wheel, tmp_path):
    wheel.extractall(tmp_path / "site")
    (tmp_path / "project" / "bench").mkdir(parents=True)
    (tmp_path / "project" / "bench" / "__init__.py").write_text("raise RuntimeError('the wrong bench')")
    program = "import bench; from bench.cli.main import main; print(bench.__file__); main(['--version'])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path / "project",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert str(tmp_path / "site" / "bench") in done.stdout, done.stderr
    assert bench.__version__ in done.stdout


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="outside of tox the working tree may be tested")
def test_under_tox_the_installed_wheel_is_what_is_tested():
    for package in (bench, strataregula):
        assert Path(package.__file__).is_relative_to(sys.prefix)
