"""A simulated machine whose noise is known: spread of processes and pairs, shift between sittings."""

import math
import random
from dataclasses import replace

import pytest

from bench.clock import FakeClock
from bench.executor import FakeExecutor
from bench.guard import Ports
from bench.model import BenchmarkSpec, Block, Environment, FailureKind, Method, ProcessFailure, ProcessRun
from bench.progress import SilentProgress
from bench.settings import Settings
from bench.store.baselines import MemoryBaselineStore
from bench.store.calibrations import MemoryCalibrationStore
from bench.store.runs import MemoryRunLog

HERE = Environment({"os": "linux", "cpu": "fast", "implementation": "cpython", "python": "3.11"})


def spec(name, **more):
    return BenchmarkSpec(f"bench_x.py::{name}", "bench_x.py", name, 0, more.pop("source_hash", "h"), **more)


class Lab:
    """Ports over simulated processes; ``next_sitting`` moves the clock and shifts every benchmark.

    ``spread`` and ``pair_spread`` are standard deviations of process logs, ``tau`` of the shift of a sitting.
    ``sees``: the share of an injected slowdown that the measurements show.
    """

    def __init__(self, root, names=("alpha", "beta")):
        (root / "bench_x.py").write_text("")
        self.settings = Settings(
            root=root, suites=("bench_x.py",), baseline=root / "baselines", reports=root / "reports"
        )
        self.specs = [spec(name) for name in names]
        self.random = random.Random(20)
        self.spread, self.pair_spread, self.tau, self.sees = 0.02, 0.015, 0.0, 1.0
        self.wide = {}
        self.failing = set()
        self.factor = dict.fromkeys(names, 1.0)
        self.shift = dict.fromkeys(names, 0.0)
        self.seconds = 1e-4
        self.method = Method.BLOCKS
        self.clock = FakeClock()
        self.calibrations = MemoryCalibrationStore()
        self.baselines = MemoryBaselineStore()
        self.progress = SilentProgress()
        self.problems = ()
        self.pairs_too = True

    @property
    def ports(self):
        self.stored = FakeExecutor(self.specs, self.process, self.problems)
        self.pairs = FakeExecutor(self.specs, self.pair)
        return Ports(
            executor=self.stored,
            baselines=self.baselines,
            runs=MemoryRunLog(),
            clock=self.clock,
            progress=self.progress,
            environment=HERE,
            commit="abc123",
            notices=("busy host",),
            pairs=self.pairs if self.pairs_too else None,
            calibrations=self.calibrations,
        )

    def next_sitting(self, seconds=3600):
        self.clock.elapsed += seconds
        self.shift = {name: self.random.gauss(0, self.tau) for name in self.shift}

    def process(self, spec, task):
        spread = self.wide.get(spec.function, self.spread)
        log = self.shift[spec.function] + self.random.gauss(0, spread)
        blocks = [self._block(spec, log, task, 2e-5) for _ in range(60)]
        return self._run(spec, task, blocks, 0.5)

    def pair(self, spec, task):
        log = self.random.gauss(0, self.pair_spread)
        blocks = [self._block(spec, log, task, self.seconds) for _ in range(60)]
        return self._run(spec, task, blocks, 1.5, paired=True)

    def _block(self, spec, log, task, reference):
        noise = math.exp(log + self.random.gauss(0, 0.003)) * (1 + self.sees * task.slowdown)
        return Block(self.seconds * self.factor[spec.function] * noise, reference)

    def _run(self, spec, task, blocks, duration_s, *, paired=False):
        if spec.function in self.failing:
            return ProcessFailure(spec.id, task.metric, task.process, FailureKind.RAISED, "ValueError: no")
        return ProcessRun(
            spec.id, task.metric, task.process, 0, task.method or self.method, tuple(blocks),
            duration_s=duration_s, paired=paired,
        )  # fmt: skip

    def configured(self, **values):
        return replace(self.settings, **values)


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


@pytest.fixture
def make_lab(tmp_path):
    return lambda *names: Lab(tmp_path, names)
