import os
from pathlib import Path

import pytest

from bench.cli.wiring import RUNS_FOLDER, described, open_ports, subject_roots
from bench.errors import StoreError, SubjectError
from bench.model import FailureKind, ProcessFailure
from bench.progress import SilentProgress
from bench.settings import load_settings
from bench.store.runs import read_run

FAILURE = ProcessFailure("a::b", "time", 0, FailureKind.CRASHED, "signal 11")


def settings_of(root, **arguments):
    return load_settings(root, {}, arguments)


def test_the_real_edges_are_opened_and_closed(project):
    settings = settings_of(project, tolerance=0.2)
    with open_ports(settings, "check", SilentProgress()) as ports:
        assert ports.executor.roots == {"thing": str(project)}
        assert ports.baselines.path == project / "baselines" / "baseline.json"
        assert ports.environment.stable["implementation"]
        assert ports.commit is None
        ports.runs.record(FAILURE)
    header, outcomes = read_run(ports.runs.path)
    assert ports.runs.path.parent == project / "reports" / RUNS_FOLDER
    assert outcomes == (FAILURE,)
    assert header.command == "check"
    assert header.environment.machine == ports.environment.machine
    assert header.settings["tolerance"] == "0.2 (--tolerance)"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this platform does not pin processes")
def test_the_parent_gets_its_cpus_back(project):
    before = os.sched_getaffinity(0)
    with open_ports(settings_of(project), "check", SilentProgress()) as ports:
        if len(before) > 1:
            assert ports.executor.cpu not in os.sched_getaffinity(0)
    assert os.sched_getaffinity(0) == before


def test_an_installed_subject_is_watched_and_not_bound(project):
    with open_ports(settings_of(project, installed=True), "run", SilentProgress()) as ports:
        assert ports.executor.roots == {}
        assert ports.executor.watch == ("thing",)


def test_without_a_subject_the_reader_is_told(project):
    (project / "pyproject.toml").write_text("[tool.bench-guard]\nsubject = []\n")
    with open_ports(settings_of(project), "run", SilentProgress()) as ports:
        assert any(notice.startswith("no subject is known") for notice in ports.notices)


def test_a_subject_in_src_is_found_there(project):
    (project / "src" / "other").mkdir(parents=True)
    (project / "src" / "other" / "__init__.py").write_text("")
    (project / "pyproject.toml").write_text("[tool.bench-guard]\nsubject = ['other']\n")
    assert subject_roots(settings_of(project)) == {"other": str(project / "src")}


def test_a_subject_that_is_nowhere_is_named(project):
    (project / "pyproject.toml").write_text("[tool.bench-guard]\nsubject = ['nowhere']\n")
    with pytest.raises(SubjectError, match="nowhere"):
        subject_roots(settings_of(project))


def test_a_subject_with_our_own_name_is_refused_with_both_paths(project):
    import bench

    (project / "bench").mkdir()
    (project / "bench" / "__init__.py").write_text("")
    (project / "pyproject.toml").write_text("[tool.bench-guard]\nsubject = ['bench']\n")
    with pytest.raises(SubjectError) as caught:
        subject_roots(settings_of(project))
    assert str(project / "bench") in caught.value.message
    assert str(Path(bench.__file__).parent) in caught.value.message


def test_only_what_somebody_chose_is_described(project):
    text = described(settings_of(project, budget=5.0))
    assert text["budget"] == "5.0 (--budget)"
    assert text["subject"] == "('thing',) (guessed)"
    assert "strict" not in text


@pytest.mark.parametrize(
    ("command", "environ", "refused"),
    [
        ("baseline update", {}, True),
        ("check", {}, True),
        ("check", {"CI": "true"}, False),
        ("run", {}, False),
    ],
)
def test_a_baseline_that_could_not_be_kept_is_not_measured(project, command, environ, refused):
    (project / "baselines").write_text("")
    settings = load_settings(project, environ, {})
    if refused:
        with (
            pytest.raises(StoreError, match="baselines is not a folder"),
            open_ports(settings, command, SilentProgress()),
        ):
            pytest.fail("it was opened")
    else:
        with open_ports(settings, command, SilentProgress()) as ports:
            assert ports.baselines.path.parent == project / "baselines"
