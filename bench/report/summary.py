"""What every renderer says alike: the verdict in one sentence, the order of rows, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from bench.model import Comparison, Host, Report, RunVerdict, Side, Verdict
from bench.report.tables import CHANGE

NO_BASE = "none"
"""Kind of the base side of a run that compares with nothing."""
GIT = "git"
"""Kind of a side that is a revision."""

_BUDGET = "budget:"
_DIRTY = "-dirty"
_SHOWN_METRIC = "rss"
_NAMED = 3
_IMPORTANCE = {
    Verdict.REGRESSED: 0,
    Verdict.FAILED: 1,
    Verdict.MISSING: 2,
    Verdict.UNDECIDED: 4,
    Verdict.NOT_COMPARABLE: 5,
    Verdict.NEW: 6,
    Verdict.IMPROVED: 7,
    Verdict.OK: 8,
}
_SUSPECT = 3
_TIMES = frozenset({"time", "p95", "p99"})
_METRICS = ("time", "p95", "p99", "peak")


def ordered(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Sort by what a reader must see first; among equals, the larger change first.

    Rows that all say ``new`` (a run without a baseline) keep the order of the suite.
    """
    return sorted(comparisons, key=_rank)


def _rank(row: Comparison) -> tuple[int, int, str, float]:
    importance = _IMPORTANCE[row.verdict]
    if row.verdict is Verdict.UNDECIDED and row.suspect:
        importance = _SUSPECT
    metric = _METRICS.index(row.metric) if row.metric in _METRICS else len(_METRICS)
    if row.verdict is Verdict.NEW:
        return importance, 0, "", 0.0
    if row.verdict is Verdict.OK:
        return importance, metric, row.metric, -(row.change or 0.0)
    return importance, 0, "", -(row.change or 0.0)


def headline(report: Report) -> str:
    """Say the verdict, why, and against what, in one sentence of plain text."""
    rows = report.comparisons
    if report.verdict is RunVerdict.PASS:
        why = _recorded(rows) if report.base.kind == NO_BASE else _passed(rows)
    else:
        reasons = {
            RunVerdict.REGRESSED: _regressed,
            RunVerdict.UNDECIDED: _undecided,
            RunVerdict.FAILED: _failed,
        }
        why = reasons[report.verdict](rows)
    return f"{report.verdict.value.upper()}: {why}, in {report.duration_s:.0f} s"


def _recorded(rows: Sequence[Comparison]) -> str:
    budgets = [row for row in rows if row.metric.startswith(_BUDGET) and row.verdict is Verdict.OK]
    held = f", {len(budgets)} budget{'' if len(budgets) == 1 else 's'} held" if budgets else ""
    return f"{_benchmarks(rows)} measured{held}"


def _passed(rows: Sequence[Comparison]) -> str:
    measured = _benchmarks(rows)
    gating = [row for row in rows if row.gates]
    compared = {row.benchmark for row in gating if not row.metric.startswith(_BUDGET)}
    new = [row for row in rows if row.verdict is Verdict.NEW and row.benchmark not in compared]
    new_times = [row for row in _without_baseline(rows) if row.metric in _TIMES and row not in new]
    noisy = [
        row for row in rows if row.metric in _TIMES and row.verdict is Verdict.UNDECIDED and not row.gates
    ]
    groups = {
        "improved": [row for row in gating if row.verdict is Verdict.IMPROVED],
        "undecided": [row for row in gating if row.verdict is Verdict.UNDECIDED],
        "too noisy to gate": noisy,
        "new": new,
        "with a time new to the baseline": [row for row in new_times if row.verdict is Verdict.NEW],
        "not comparable": [row for row in rows if row.verdict is Verdict.NOT_COMPARABLE],
    }
    parts = [f"{_distinct(group)} {words}" for words, group in groups.items() if group]
    outcome = f"{measured}, no regression" if gating else f"{measured} measured, none could gate"
    return outcome + (f" ({', '.join(parts)})" if parts else "")


def _regressed(rows: Sequence[Comparison]) -> str:
    worse = [row for row in ordered(rows) if row.verdict is Verdict.REGRESSED]
    missing = [row for row in rows if row.verdict is Verdict.MISSING]
    parts = []
    if worse:
        named = ", ".join(_named(row) for row in worse[:_NAMED])
        more = f" and {len(worse) - _NAMED} more" if len(worse) > _NAMED else ""
        parts.append(f"{named}{more}")
    if missing:
        parts.append(f"missing: {_names(missing)}")
    return "; ".join(parts) or "see the rows below"


def _undecided(rows: Sequence[Comparison]) -> str:
    undecided = [row for row in ordered(rows) if row.verdict is Verdict.UNDECIDED and row.gates]
    suspects = [row for row in undecided if row.suspect]
    if suspects:
        return f"probably slower but not proved: {', '.join(_named(row) for row in suspects[:_NAMED])}"
    if undecided:
        return f"not decided: {_names(undecided)}"
    return "nothing could gate"


def _failed(rows: Sequence[Comparison]) -> str:
    failed = [row for row in rows if row.verdict is Verdict.FAILED]
    if not failed:
        return "nothing could be measured"
    return f"could not measure {_names(failed)}"


def _names(rows: Sequence[Comparison]) -> str:
    names = list(dict.fromkeys(case_name(row.benchmark) for row in rows))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _named(row: Comparison) -> str:
    change = "" if row.change is None else f" {CHANGE.cell(row)}"
    return f"{case_name(row.benchmark)} ({row.metric}{change})"


def _distinct(rows: Sequence[Comparison]) -> int:
    return len({row.benchmark for row in rows})


def _benchmarks(rows: Sequence[Comparison]) -> str:
    number = _distinct(rows)
    return f"{number} benchmark{'' if number == 1 else 's'}"


def notes(rows: Sequence[Comparison]) -> list[tuple[str, str]]:
    """Return (whose, note), rows with the same note in one; a budget that holds needs no words."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for row in rows:
        if row.note and not (row.verdict is Verdict.OK and row.metric.startswith(_BUDGET)):
            groups.setdefault((row.note, row.metric), []).append(row)
    return [(f"{_names(group)} ({metric})", note) for (note, metric), group in groups.items()]


def case_name(benchmark: str) -> str:
    """Return the function and its parameters, the part of an id behind ``::``; a suite's path as it is."""
    return benchmark.partition("::")[2] or benchmark


def side_text(side: Side) -> str:
    """Name one side: what it is, commit, date, machine kind."""
    parts = [side.ref or side.kind]
    if side.commit:
        commit, dirty, _ = side.commit.partition(_DIRTY)
        parts.append(f"commit {commit[:10]}{dirty and ' with changes that are not committed'}")
    if side.date:
        parts.append(side.date)
    if side.machine:
        parts.append(side.machine)
    return ", ".join(parts)


def host_text(report: Report) -> str | None:
    """Say how noisy the host was; None when nobody knows."""
    return host_words(report.host)


def host_words(host: Host) -> str | None:
    """The same of the host alone."""
    if host.reference_cv is None:
        return None
    shift = (
        "" if host.shift is None else f", its speed changed by a factor of {host.shift:.2f} during the run"
    )
    return f"the host's own speed varied by {host.reference_cv * 100:.0f} % (CV of the reference work){shift}"


def next_steps(report: Report) -> tuple[str, ...]:
    """Return what to type next, a reason and a complete command a line.

    A run that was compared with nothing has nothing to accept or record; only its failures are looked into.
    """
    rows = report.comparisons
    if report.base.kind == GIT:
        return tuple(_steps_between_revisions(report))
    if report.base.kind == NO_BASE:
        rows = tuple(row for row in rows if row.verdict in {Verdict.FAILED, Verdict.REGRESSED})
    return tuple(_steps(rows))


def _steps_between_revisions(report: Report) -> Iterator[str]:
    """Commits, not names: they still mean the same when somebody types the line tomorrow."""
    rows = report.comparisons
    command = f"ab --base {_short(report.base)}"
    command += f" --head {_short(report.head)}" if report.head.kind == GIT else ""
    if worse := [row for row in rows if row.verdict is Verdict.REGRESSED and row.gates]:
        yield _step("look again", f"{command}{_selection(worse, rows)}")
    if failed := [row for row in rows if row.verdict is Verdict.FAILED]:
        yield _step("see it alone", f"run{_selection(failed)}")
    if suspects := [row for row in rows if row.verdict is Verdict.UNDECIDED and row.suspect and row.gates]:
        yield _step("measure longer", f"{command}{_selection(suspects, rows)} --budget 300")


def _short(side: Side) -> str:
    return (side.commit or "")[:12]


def _steps(rows: Sequence[Comparison]) -> Iterator[str]:
    by_verdict = {
        verdict: [row for row in rows if row.verdict is verdict and row.gates] for verdict in Verdict
    }
    if worse := by_verdict[Verdict.REGRESSED]:
        measured = [row for row in worse if not row.metric.startswith(_BUDGET)]
        yield _step("look again", f"check{_selection(worse)}")
        if measured:
            yield _step("if it is meant", _accepting(measured, rows))
    if failed := [row for row in rows if row.verdict is Verdict.FAILED]:
        yield _step("see it alone", f"run{_selection(failed)}")
    if by_verdict[Verdict.MISSING]:
        yield _step("if removed on purpose", "baseline update --reason 'WHY'")
    if suspects := [row for row in by_verdict[Verdict.UNDECIDED] if row.suspect and row.gates]:
        yield _step("measure longer", f"check{_selection(suspects)} --budget 300")
    if fresh := _without_baseline(rows):
        yield _step("record a baseline", f"baseline update{_selection(fresh, rows)}")


def _accepting(worse: Sequence[Comparison], everything: Sequence[Comparison]) -> str:
    """The command that accepts these rows by name; an update where they are too many to be named."""
    selection = _selection(worse)
    if not selection:
        return "baseline update --reason 'WHY'"
    compared = {row.benchmark for row in everything if row.base is not None}
    meant = " --all" if len(compared) > 1 and {row.benchmark for row in worse} >= compared else ""
    return f"baseline accept{selection}{meant} --reason 'WHY'"


def _without_baseline(rows: Sequence[Comparison]) -> list[Comparison]:
    """What a recorded baseline would make comparable; resident memory, only shown, asks for none."""
    verdicts = {Verdict.NEW, Verdict.NOT_COMPARABLE}
    return [row for row in rows if row.verdict in verdicts and row.metric != _SHOWN_METRIC]


def _step(reason: str, command: str) -> str:
    return f"{reason + ':':<23}bench-guard {command}"


def _selection(rows: Sequence[Comparison], everything: Sequence[Comparison] = ()) -> str:
    """A ``-k`` that selects these rows; nothing when they are many, all there is, or cannot be written."""
    names = list(dict.fromkeys(case_name(row.benchmark) for row in rows))
    whole = {row.benchmark for row in everything} == {row.benchmark for row in rows}
    if (
        len(names) > _NAMED
        or whole
        or any(set(name) & set(" ()\t\n") or not name.isprintable() for name in names)
    ):
        return ""
    return f" -k {shlex.quote(' or '.join(names))}"
