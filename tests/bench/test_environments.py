"""Real environments, built offline by a build backend that lies in the project itself."""

import json
import os
import subprocess
import sys
import time

import pytest

from bench import environments
from bench.cache import take_lock
from bench.environments import IsolatedEnvironment, environment_for, package_differences
from bench.errors import ConfigurationError, MeasurementError, StoreError

BACKEND = """
import os, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "pk-1.0-py3-none-any.whl"
    info = "pk-1.0.dist-info/"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.write("pk/__init__.py")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: pk\\nVersion: 1.0\\nProvides-Extra: bench\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "pk"
version = "1.0"
"""


@pytest.fixture
def tree(git_world, monkeypatch):
    """A project whose build needs nothing from an index, and an index that nobody can ask."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    root = git_world / "tree"
    for name, text in {
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
        "pk/__init__.py": "VALUE = 1\n",
        ".git": "gitdir: elsewhere\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def said():
    return []


@pytest.fixture
def commands(monkeypatch):
    """Building without processes: remembers every command, makes what it would make."""
    run = []

    def pretend(command, **options):
        run.append((command, options))
        if "venv" in command:
            python = environments.Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.touch()
        return subprocess.CompletedProcess(command, 0, b"")

    monkeypatch.setattr(environments.subprocess, "run", pretend)
    return run


@pytest.mark.integration
def test_the_project_is_installed_and_workers_can_run_there(tree, said, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tree))
    monkeypatch.setenv("PIP_USER", "1")
    found = environment_for(tree, said.append)
    assert said[0].startswith("building an environment, once for this content, in ")
    assert said[1].startswith("built in ")
    assert (found.site_packages / "pk" / "__init__.py").read_text() == "VALUE = 1\n"
    home = str(environments.Path(environments.__file__).parents[1])
    program = (
        f"import sys; sys.path.insert(0, {home!r}); from bench.measure.worker import main; sys.path.remove({home!r});"
        "loaded = sorted({name.partition('.')[0] for name in sys.modules}); import json, pk, sysconfig;"
        "print(json.dumps([sys.prefix, pk.__file__, sysconfig.get_path('purelib'),"
        " loaded]))"
    )
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [found.python, "-P", "-c", program]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environ).stdout
    prefix, file, site_packages, modules = json.loads(answer)
    assert environments.Path(prefix) == found.python.parents[1]
    assert file == str(found.site_packages / "pk" / "__init__.py")
    assert site_packages == str(found.site_packages)
    assert set(modules) - set(sys.stdlib_module_names) - {"bench", "pk", "__main__"} <= {"_virtualenv"}


@pytest.mark.integration
def test_what_pip_says_last_is_shown(tree, said):
    (tree / "backend.py").write_text("raise RuntimeError('no \x1b[31mcompiler')\n")
    with pytest.raises(MeasurementError) as caught:
        environment_for(tree, said.append)
    assert "pip install failed with exit code 1" in caught.value.message
    assert "RuntimeError: no" in caught.value.message
    assert "\x1b" not in caught.value.message
    assert "pip install ." in caught.value.hint


def test_a_second_run_finds_it(tree, said, commands):
    first = environment_for(tree, said.append)
    assert len(commands) == 2
    assert environment_for(tree, said.append) == first
    assert len(commands) == 2
    assert len(said) == 2


def test_the_commands(tree, said, commands):
    environment_for(tree, said.append, extras=("test", "bench"))
    (venv, options), (pip, _) = commands
    assert venv[1:3] == ["-m", "venv"]
    assert pip[-1] == f"{tree}[test,bench]"
    assert "--no-input" in pip
    assert options["stdin"] == subprocess.DEVNULL
    assert options["env"]["PIP_USER"] == "0"


def test_without_pip_in_this_interpreter_the_environment_gets_its_own(tree, said, commands, monkeypatch):
    monkeypatch.setattr(environments.importlib.util, "find_spec", lambda name: None)
    found = environment_for(tree, said.append)
    (venv, _), (pip, _) = commands
    assert "--without-pip" not in venv
    assert pip[:3] == [str(found.python), "-m", "pip"]


def change_text(tree):
    (tree / "pk" / "__init__.py").write_text("VALUE = 2\n")


def change_name(tree):
    (tree / "pk" / "__init__.py").rename(tree / "pk" / "other.py")


def change_mode(tree):
    (tree / "backend.py").chmod(0o755)


def add_link(tree):
    (tree / "link").symlink_to("pk")


@pytest.mark.parametrize("change", [change_text, change_name, change_mode, add_link])
def test_another_content_is_another_environment(tree, said, commands, change):
    first = environment_for(tree, said.append)
    change(tree)
    assert environment_for(tree, said.append) != first
    assert len(str(environment_for(tree, said.append).site_packages)) == len(str(first.site_packages))


def test_extras_and_interpreter_are_part_of_it(tree, said, commands, monkeypatch):
    first = environment_for(tree, said.append)
    with_extras = environment_for(tree, said.append, extras=("bench",))
    monkeypatch.setattr(environments.sys, "version", "3.99")
    assert len({first, with_extras, environment_for(tree, said.append)}) == 3


def test_a_sibling_in_the_repository_is_part_of_it(tree, said, commands):
    inner = tree / "inner"
    inner.mkdir()
    (tree / "pyproject.toml").rename(inner / "pyproject.toml")
    first = environment_for(inner, said.append)
    change_text(tree)
    assert environment_for(inner, said.append) != first


def test_git_and_byte_code_are_not(tree, said, commands):
    first = environment_for(tree, said.append)
    (tree / "pk" / "__pycache__").mkdir()
    (tree / "pk" / "__pycache__" / "x.pyc").write_text("byte code")
    (tree / ".git").write_text("gitdir: somewhere else")
    os.utime(tree / "backend.py", (1, 1))
    assert environment_for(tree, said.append) == first


def test_the_place_of_the_tree_is_not(tree, said, commands):
    first = environment_for(tree, said.append)
    tree.rename(tree.with_name("moved"))
    assert environment_for(tree.with_name("moved"), said.append) == first


@pytest.mark.parametrize("error", [KeyboardInterrupt, subprocess.TimeoutExpired("pip", 1800)])
def test_one_that_was_left_half_built_is_built_again(tree, said, commands, monkeypatch, error):
    with monkeypatch.context() as patched:

        def stop(command, **_):
            environments.Path(command[-1], "bin").mkdir(parents=True)
            raise error

        patched.setattr(environments.subprocess, "run", stop)
        with pytest.raises((KeyboardInterrupt, MeasurementError)):
            environment_for(tree, said.append)
    environment_for(tree, said.append)
    assert len(commands) == 2


def test_one_whose_interpreter_is_gone_is_built_again(tree, said, commands):
    found = environment_for(tree, said.append)
    found.python.unlink()
    assert environment_for(tree, said.append).python.exists()
    assert len(commands) == 4


def test_two_runs_build_it_once(tree, said, commands, monkeypatch):
    found = environment_for(tree, said.append)
    lock = take_lock(found.python.parents[1].with_suffix(".lock"))
    real = environments.take_lock

    def other_run_ends(path, *, wait=False):
        if wait:
            os.close(lock)
        return real(path, wait=wait)

    monkeypatch.setattr(environments, "take_lock", other_run_ends)
    assert environment_for(tree, said.append) == found
    assert said[-1] == "waiting for another run that is building the same environment"
    assert len(commands) == 2


def test_the_oldest_are_removed(tree, said, commands):
    built = []
    now = time.time()
    for number in range(9):
        (tree / "pk" / "__init__.py").write_text(f"VALUE = {number}\n")
        folder = environment_for(tree, said.append).python.parents[1]
        age = 100_000 - number if number != 7 else 10  # the eighth was used a moment ago
        os.utime(folder / "complete", (now - age, now - age))
        built.append(folder)
    assert [folder.exists() for folder in built] == [False, False, False, True, True, True, True, True, True]
    assert not built[0].with_suffix(".lock").exists()


def test_one_that_may_be_in_use_is_kept(tree, said, commands):
    built = set()
    for number in range(9):
        (tree / "pk" / "__init__.py").write_text(f"VALUE = {number}\n")
        built.add(environment_for(tree, said.append).python)
    assert all(python.exists() for python in built)


def test_one_that_is_being_built_is_not_removed(tree, said, commands):
    found = environment_for(tree, said.append).python.parents[1]
    lock = take_lock(found.with_suffix(".lock"))
    environments._remove(found)
    assert found.exists()
    os.close(lock)
    environments._remove(found)
    assert not found.exists()


def test_without_a_project_there_is_nothing_to_install(git_world, said):
    with pytest.raises(ConfigurationError, match="nothing to install") as caught:
        environment_for(git_world, said.append)
    assert "--isolated" in caught.value.hint


def test_a_venv_that_cannot_be_made_says_what_to_install(tree, said, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, b"ensurepip is not available\n")
    monkeypatch.setattr(environments.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(
        MeasurementError, match="python -m venv failed with exit code 1:\n    ensurepip"
    ) as caught:
        environment_for(tree, said.append)
    assert "apt install python3-venv" in caught.value.hint


def test_a_cache_that_cannot_be_written_is_named(tree, said, git_world):
    (git_world / "cache").mkdir(mode=0o700)
    (git_world / "cache" / "environments").write_text("a file")
    with pytest.raises(StoreError, match="cache/environments: an environment cannot be built: File exists"):
        environment_for(tree, said.append)


def test_packages_that_differ_are_named(git_world):
    sides = []
    for name, distributions in {
        "base": ("numpy-1.26.4", "pk-1.0", "old-3"),
        "head": ("numpy-2.1.0", "pk-1.0"),
    }.items():
        for distribution in distributions:
            (git_world / name / f"{distribution}.dist-info").mkdir(parents=True)
        sides.append(IsolatedEnvironment(git_world / "python", git_world / name))
    assert package_differences(*sides) == ("numpy 1.26.4 -> 2.1.0", "old 3 -> absent")
    assert package_differences(sides[0], sides[0]) == ()
