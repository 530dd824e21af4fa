"""`check` on a suite that moved as a whole: the second comparison, and what happens when there can be none."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bench.cli import check
from bench.errors import GitError
from bench.model import Baseline, BaselineEntry, Comparison, Host, Report, RunVerdict, Side, Verdict
from bench.progress import SilentProgress
from bench.settings import Settings

COMMIT = "c" * 40
NAMES = [f"b.py::case{number}" for number in range(6)]
SETTINGS = Settings(Path("/p"), (), Path("/p/b"), Path("/p/r"), installed=True, metrics=("time", "peak"))


def compared(verdict, change, kind):
    rows = tuple(
        Comparison(name, "time", "s", verdict, change=change, tolerance=0.1, base=1.0, head=1 + change)
        for name in NAMES
    )
    base = Side(kind, "ref", COMMIT, None, "machine")
    return Report(RunVerdict.REGRESSED, 1, base, Side("working tree"), Host(), rows, 1.0, ())


class Stored:
    def load(self):
        return Baseline({}, tuple(BaselineEntry(name, "machine", "h", {}, COMMIT) for name in NAMES))


@dataclass
class Edges:
    baselines: Stored
    progress: SilentProgress


@dataclass(frozen=True)
class Both:
    only: frozenset = frozenset()


@pytest.fixture
def edges(monkeypatch):
    def first(report):
        monkeypatch.setattr(check.guard, "check", lambda settings, ports: report)
        return Edges(Stored(), SilentProgress())

    return first


def test_one_comparison_is_enough_where_few_moved(edges, monkeypatch):
    report = compared(Verdict.OK, 0.0, "baseline")
    monkeypatch.setattr(check, "opened_revisions", None)

    assert check._check(SETTINGS, edges(report)) is report


def test_the_red_ones_are_measured_beside_the_baselines_commit(edges, monkeypatch):
    asked = []

    @contextmanager
    def opened(settings, ports, request):
        asked.append((settings, request.base))
        yield settings, Both()

    def compare(settings, ports, revisions):
        asked.append(revisions.only)
        return compared(Verdict.OK, 0.0, "git")

    monkeypatch.setattr(check, "opened_revisions", opened)
    monkeypatch.setattr(check, "compare_revisions", compare)

    report = check._check(SETTINGS, edges(compared(Verdict.REGRESSED, 0.2, "baseline")))

    assert report.exit_code == 0
    assert asked == [(replace(SETTINGS, installed=False, metrics=("time",)), COMMIT), frozenset(NAMES)]


def test_a_commit_that_is_not_there_leaves_it_red_and_says_why(edges, monkeypatch):
    def opened(settings, ports, request):
        raise GitError("cccccccccc is not in this shallow clone")

    monkeypatch.setattr(check, "opened_revisions", opened)

    report = check._check(SETTINGS, edges(compared(Verdict.REGRESSED, 0.2, "baseline")))

    assert report.exit_code == 1
    assert any("shallow clone" in message for message in report.messages)
