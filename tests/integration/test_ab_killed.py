"""`ab` interrupted and killed while it works: the repository is as before, and nothing runs on or stays."""

import importlib.util
import signal
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).parents[2] / "docs" / "rates" / "killed.py"
SELECTS_NOTHING = ("-k", "selects_nothing")


@pytest.fixture(scope="module")
def killed():
    spec = importlib.util.spec_from_file_location("rates_killed", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def project(killed, tmp_path):
    return killed.make_project(tmp_path)


MOMENTS = [(signal.SIGINT, 0.7), (signal.SIGINT, 2.0), (signal.SIGKILL, 0.6), (signal.SIGKILL, 1.5)]


@pytest.mark.parametrize(("number", "moment"), MOMENTS, ids=lambda value: getattr(value, "name", value))
def test_leaves_nothing_behind(killed, project, number, moment):
    ending = killed.end_early(project, number, moment, next_run=SELECTS_NOTHING)
    assert ending.faults == ()


def test_interrupted_while_measuring_exits_130(killed, project):
    ending = killed.end_early(project, signal.SIGINT, 1.5, next_run=SELECTS_NOTHING)
    assert ending.exit_code == 130


def test_the_check_itself_sees_what_changed(killed, project):
    before = killed.snapshot(project)
    (project.root / "untracked.txt").write_text("touched\n")
    (project.root / ".git" / "index.lock").touch()
    changed = "\n".join(killed.differences(before, killed.snapshot(project), "now"))
    assert "untracked.txt" in changed
    assert "index.lock" in changed


def test_moments_are_seeded_and_signals_take_turns(killed):
    first = killed.random_moments(7, 10)
    assert first == killed.random_moments(7, 10)
    assert {number for number, _ in first} == {signal.SIGINT, signal.SIGKILL}
    assert all(0.0 <= moment <= 0.9 for _, moment in first)
