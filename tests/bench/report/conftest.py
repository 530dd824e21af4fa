import pytest

from bench.model import Comparison, Host, Report, RunVerdict, Side, Verdict

FOLDER = "benchmarks/"
MACHINE = "linux-x86_64-2cpu-cpython3.11-1a2b3c4d"


def time_row(benchmark, verdict=Verdict.OK, change=0.011, **changes):
    values = {
        "metric": "time",
        "unit": "s",
        "base": 4.61e-3,
        "head": 4.61e-3 * (1 + (change or 0)),
        "interval": None if change is None else (change - 0.02, change + 0.02),
        "tolerance": 0.10,
        "detectable": 0.109,
        "processes": (20, 5),
    }
    return Comparison(benchmark=FOLDER + benchmark, verdict=verdict, change=change, **values | changes)


def alone(benchmark, verdict, **changes):
    """A row with a head or a base only: nothing to compare."""
    values = {"interval": None, "detectable": None, "processes": (0, 5)}
    return time_row(benchmark, verdict, None, **values | changes)


@pytest.fixture
def row():
    return time_row


@pytest.fixture
def single():
    return alone


@pytest.fixture
def report():
    def build(*rows, verdict=RunVerdict.PASS, exit_code=0, **changes):
        values = {
            "base": Side(
                "baseline",
                "baselines/baseline.json",
                "c0ffee1234567890",
                "2026-01-01T10:00:00+00:00",
                MACHINE,
            ),
            "head": Side("worktree", None, "dead01beef99", "2026-01-02T10:00:00+00:00", MACHINE),
            "host": Host(0.21, 1.02, ()),
            "duration_s": 41.2,
        }
        return Report(verdict, exit_code, comparisons=tuple(rows), **values | changes)

    return build


@pytest.fixture
def every_kind(report, row, single):
    """One row of every verdict, with names and notes that try to break the page."""
    peak = {"metric": "peak", "unit": "B", "base": 1.2e6, "head": 1.2e6, "interval": None, "detectable": None}
    rows = (
        row("bench_expand.py::wide[n=100]"),
        row("bench_expand.py::wide[n=100]", change=0.0, **peak, processes=(2, 2)),
        row(
            "bench_expand.py::wide[n=100]",
            change=0.03,
            **peak | {"metric": "rss", "head": 1.236e6},
            gates=False,
        ),
        row("bench_parse.py::parse", Verdict.REGRESSED, 0.258, processes=(20, 15)),
        row("bench_parse.py::parse", Verdict.REGRESSED, None, metric="budget:p95", base=1e-4, head=2e-4),
        row("bench_parse.py::maybe", Verdict.UNDECIDED, 0.13, suspect=True, note="probably slower"),
        row("bench_parse.py::calm", Verdict.UNDECIDED, 0.02, note="not calibratable: use ab"),
        row("bench_parse.py::better", Verdict.IMPROVED, -0.2),
        single(
            "bench_parse.py::boom",
            Verdict.FAILED,
            head=None,
            processes=(20, 0),
            note="raised ValueError: bad \x1b[31m thing\nTraceback (most recent call last):\n\tValueError: <b>|`bad`",
        ),
        single("bench_parse.py::gone", Verdict.MISSING, head=None, processes=(20, 0)),
        single("bench_look.py::up|`x`<b>\n\u202e_y_", Verdict.NEW, base=None, head=81e-9),
        single("bench_look.py::changed", Verdict.NOT_COMPARABLE, note="its source changed"),
    )
    return report(
        *rows,
        verdict=RunVerdict.REGRESSED,
        exit_code=1,
        host=Host(0.21, 1.02, ("the processor throttled 3 times",)),
        messages=(
            "5 of 6 benchmarks moved: host or shared code\nlook at @everyone <i>",
            "the processor throttled 3 times",
        ),
    )
