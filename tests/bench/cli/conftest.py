from contextlib import contextmanager

import pytest

from bench.cli import wiring
from bench.clock import FakeClock
from bench.errors import BenchGuardError
from bench.executor import Collection
from bench.guard import Ports
from bench.model import BenchmarkSpec, Environment, FailureKind, ProcessFailure
from bench.store.baselines import FileBaselineStore
from bench.store.runs import MemoryRunLog

STABLE = {
    "os": "linux",
    "architecture": "x86_64",
    "cores": "2",
    "implementation": "cpython",
    "python": "3.11",
}


def spec(name, path="benchmarks/bench_a.py"):
    return BenchmarkSpec(f"{path}::{name}", path, name, 0, "hash")


class CollectOnly:
    """An executor that knows its benchmarks and measures none."""

    def __init__(self):
        self.found = Collection((spec("parse"), spec("expand[n=1]")), (), (("thing", "/project/thing.py"),))

    def collect(self, _suites):
        return self.found

    def break_a_suite(self):
        problem = ProcessFailure(
            "benchmarks/bench_b.py", "collect", 0, FailureKind.IMPORT, "no \x1b[31mmodule"
        )
        self.found = Collection(self.found.specs, (problem,), self.found.subject_files)


class Edges:
    """The fake edges of one command, and what the command made of them."""

    def __init__(self):
        self.executor = CollectOnly()
        self.runs = MemoryRunLog()
        self.environment = Environment(STABLE)
        self.error = None
        self.settings = None
        self.command = None
        self.progress = None

    @contextmanager
    def open(self, settings, command, progress):
        if isinstance(self.error, BenchGuardError):
            raise self.error
        self.settings, self.command, self.progress = settings, command, progress
        baselines = FileBaselineStore(settings.baseline)
        yield Ports(self.executor, baselines, self.runs, FakeClock(), progress, self.environment, "c0ffee")


@pytest.fixture
def edges(monkeypatch):
    found = Edges()
    monkeypatch.setattr(wiring, "open_ports", found.open)
    return found


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one suite file, as the working folder and in a quiet environment."""
    for name in ("CI", "GITHUB_STEP_SUMMARY", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "thing"\n')
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "__init__.py").write_text("")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_a.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path
