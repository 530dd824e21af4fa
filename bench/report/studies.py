"""What ``calibrate`` and ``self-test`` found: for a terminal, and as data.

JSON formats ``bench-guard/calibration-report`` and ``bench-guard/self-test``, both version 1. Units are
seconds and ratios; a number that does not exist is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.model import Comparison, Host, Verdict
from bench.report import tables
from bench.report.escape import printable_lines, shortened
from bench.report.json_format import encode
from bench.report.summary import host_words
from bench.report.tables import NOTHING
from bench.studies.calibration import BenchmarkResolution, CalibrationReport, Mode, Resolution
from bench.studies.selftest import SelfTest, Trial
from bench.text import printable
from bench.units import format_ratio, format_time

CALIBRATION_FORMAT = "bench-guard/calibration-report"
SELF_TEST_FORMAT = "bench-guard/self-test"
VERSION = 1

_PASTED = 0.5
"""A tolerance above 50 % gates next to nothing, so none is proposed."""
_TITLES = {
    Mode.STORED: "check: against a baseline of another sitting",
    Mode.PAIRED: "ab: both sides in one sitting, by turns",
}
_NAME_WIDTH = 16
_GAP = 2
_BOLD, _RED, _GREEN, _YELLOW = "1", "31", "32", "33"


def render_calibration(
    report: CalibrationReport, *, width: int = 100, color: bool = False, quiet: bool = False
) -> str:
    """What this machine resolves, as text that ends with a line break; ``quiet``: without the tables."""
    lines = [_colored(_calibration_headline(report), _calibration_color(report), color=color), ""]
    prefix = tables.common_start([row.benchmark for row in report.benchmarks]) if report.benchmarks else ""
    if prefix and not quiet:
        lines += [f"in {printable(prefix.removesuffix('::'))}", ""]
    for mode, title in _TITLES.items():
        rows = [(row, found) for row in report.benchmarks if (found := row.modes.get(mode)) is not None]
        if rows and not quiet:
            cells = [
                _resolution_cells(row, found, mode, row.benchmark.removeprefix(prefix)) for row, found in rows
            ]
            lines += [title, *_fitted(_HEADINGS[mode], cells, width), ""]
    if pasted := settings_to_paste(report):
        lines += ["to paste into pyproject.toml:", "", *pasted, ""]
    lines += [*_failures(report.failures), *_remarks(report.host, report.messages)]
    return "\n".join(lines).rstrip("\n") + "\n"


def settings_to_paste(report: CalibrationReport) -> list[str]:
    """TOML for the benchmarks whose configured tolerance this machine does not resolve; empty without any."""
    lines: list[str] = []
    for row in report.benchmarks:
        if not any(row.falls_short(mode) for mode in list(row.modes)[:1]):
            continue
        name = json.dumps(printable(row.benchmark))
        paired = row.modes.get(Mode.PAIRED)
        by_pairs = paired.smallest if paired is not None and Mode.STORED in row.modes else None
        other = "" if by_pairs is None else f"bench-guard ab resolves {_whole(by_pairs)}"
        if row.suggested is None or row.suggested > _PASTED:
            lines.append(
                f"# {printable(row.benchmark)}: too noisy to gate here{'; ' if other else ''}{other}"
            )
            continue
        table = f"[tool.bench-guard.benchmarks.{name}]"
        lines += [table, f"tolerance = {row.suggested:.2f}" + (f"  # {other}" if other else "")]
    return lines


def calibration_json(report: CalibrationReport) -> bytes:
    """The whole report as data; the modes of a benchmark are null where they were not measured."""
    document = {
        "format": CALIBRATION_FORMAT,
        "version": VERSION,
        "exit_code": report.exit_code,
        "machine": report.machine,
        "commit": report.commit,
        "date": report.date,
        "host": asdict(report.host),
        "duration_s": report.duration_s,
        "messages": list(report.messages),
        "settings": settings_to_paste(report),
        "failures": _failure_documents(report.failures),
        "benchmarks": [
            {
                "benchmark": row.benchmark,
                "tolerance": row.tolerance,
                "suggested_tolerance": row.suggested,
                "sittings": row.sittings,
                **{mode.value: asdict(found) if (found := row.modes.get(mode)) else None for mode in Mode},
            }
            for row in report.benchmarks
        ],
    }
    return encode(document)


def render_self_test(result: SelfTest, *, width: int = 100, color: bool = False, quiet: bool = False) -> str:
    """Whether the gate works here, as plain text that ends with a line break."""
    headline = _self_test_headline(result)
    lines = [_colored(headline, _GREEN if result.exit_code == 0 else _RED, color=color), ""]
    shown = [trial for trial in result.trials if trial.fault or not quiet]
    if shown:
        prefix = tables.common_start([trial.benchmark for trial in shown])
        cells = [_trial_cells(trial, trial.benchmark.removeprefix(prefix)) for trial in shown]
        where = [f"in {printable(prefix.removesuffix('::'))}"] if prefix else []
        lines += [*where, *_fitted(_TRIAL_HEADINGS, cells, width), ""]
        lines += _trial_notes(shown)
    lines += _failures(result.failures)
    messages = result.messages if quiet else (*result.messages, *result.host.notices)
    lines += [line for text in dict.fromkeys(messages) for line in _bullet(text)]
    return "\n".join(lines).rstrip("\n") + "\n"


def self_test_json(result: SelfTest) -> bytes:
    """The whole result as data."""
    document = {
        "format": SELF_TEST_FORMAT,
        "version": VERSION,
        "exit_code": result.exit_code,
        "machine": result.machine,
        "commit": result.commit,
        "date": result.date,
        "host": asdict(result.host),
        "duration_s": result.duration_s,
        "messages": list(result.messages),
        "failures": _failure_documents(result.failures),
        "trials": [
            {
                "benchmark": trial.benchmark,
                "mode": trial.mode.value,
                "tested": trial.tested,
                "holds": trial.tested and trial.fault is None,
                "slowdown": trial.slowdown,
                "fault": trial.fault,
                "note": trial.note,
                "unchanged": _half(trial.unchanged),
                "slowed": _half(trial.slowed),
            }
            for trial in result.trials
        ],
    }
    return encode(document)


def _half(row: Comparison | None) -> dict[str, Any] | None:
    if row is None:
        return None
    named = ("change", "interval", "tolerance", "detectable", "processes", "note")
    return {"verdict": row.verdict.value, **{key: getattr(row, key) for key in named}}


def _failure_documents(failures: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"benchmark": name, "message": text} for name, text in failures.items()]


_HEADINGS = {
    Mode.STORED: ("benchmark", "tolerance", "sd", "shift", "detects", "smallest", "5 % takes", "red A/A"),
    Mode.PAIRED: ("benchmark", "tolerance", "sd", "detects", "smallest", "5 % takes", "red A/A"),
}


def _resolution_cells(row: BenchmarkResolution, found: Resolution, mode: Mode, name: str) -> list[str]:
    shift = _percent(found.shift) + ("" if found.shift_measured else " (assumed)")
    never = found.fine_seconds is None or found.fine_processes is None
    takes = "never" if never else f"{format_time(found.fine_seconds or 0.0)} ({found.fine_processes})"
    smallest = "none" if found.smallest is None else _whole(found.smallest)
    cells = [
        name,
        _percent(row.tolerance),
        _percent(found.spread),
        shift,
        format_ratio(found.detectable),
        smallest + (" !" if row.falls_short(mode) else ""),
        takes,
        f"{found.red} of {found.identical}",
    ]
    return cells if mode is Mode.STORED else cells[:3] + cells[4:]


def _calibration_headline(report: CalibrationReport) -> str:
    count = len(report.benchmarks)
    found = [each for row in report.benchmarks for each in row.modes.values()]
    red, judged = sum(each.red for each in found), sum(each.identical for each in found)
    took = f"in {report.duration_s:.0f} s"
    if not report.benchmarks:
        return f"FAILED: nothing could be measured, {took}"
    if report.failures:
        return f"FAILED: {len(report.failures)} could not be measured, {took}"
    word = "RED ON IDENTICAL CODE" if red else "CALIBRATED"
    return (
        f"{word}: {count} benchmark{'' if count == 1 else 's'}, identical code called regressed in {red} of "
        f"{judged} comparisons, {took}"
    )


def _calibration_color(report: CalibrationReport) -> str:
    if report.exit_code:
        return _RED
    short = any(row.falls_short(mode) for row in report.benchmarks for mode in row.modes)
    return _YELLOW if short else _GREEN


_TRIAL_HEADINGS = ("result", "benchmark", "mode", "unchanged", "slowed by", "slowed", "detects")


def _trial_cells(trial: Trial, name: str) -> list[str]:
    result = "not gated" if not trial.tested else "FAULT" if trial.fault else "works"
    row = trial.slowed or trial.unchanged
    detects = NOTHING if row is None or row.detectable is None else format_ratio(row.detectable)
    return [
        result,
        name,
        trial.mode.value,
        _verdict(trial.unchanged),
        _percent(trial.slowdown) if trial.tested else NOTHING,
        _verdict(trial.slowed),
        detects,
    ]


def _verdict(row: Comparison | None) -> str:
    if row is None:
        return NOTHING
    change = "" if row.change is None else f" {format_ratio(row.change)}"
    return f"{row.verdict.value.replace('_', ' ')}{change}"


def _self_test_headline(result: SelfTest) -> str:
    tested = [trial for trial in result.trials if trial.tested]
    faults = [trial for trial in tested if trial.fault]
    took = f"in {result.duration_s:.0f} s"
    modes = " and ".join(dict.fromkeys(trial.mode.value for trial in tested))
    if result.failures:
        return f"FAILED: {len(result.failures)} could not be measured, {took}"
    if not tested:
        return f"FAILED: nothing could be tested, {took}"
    if faults or result.exit_code:
        missed = [t for t in faults if t.slowed is None or t.slowed.verdict is not Verdict.REGRESSED]
        alarms = [t for t in faults if t.unchanged is not None and t.unchanged.verdict is Verdict.REGRESSED]
        return (
            f"THE GATE DOES NOT WORK HERE: {len(missed)} of {len(tested)} slowdowns missed, "
            f"{len(alarms)} false alarm{'' if len(alarms) == 1 else 's'}, {took}"
        )
    caught = f"{len(tested)} of {len(tested)} slowdowns caught, no false alarm"
    return f"THE GATE WORKS HERE: {caught} ({modes}), {took}"


def _trial_notes(trials: Sequence[Trial]) -> list[str]:
    lines = []
    for trial in trials:
        text = trial.fault or (
            "" if trial.tested else f"cannot gate in check: {trial.note or 'no reason given'}"
        )
        if text:
            lines += _hanging(f"{trial.benchmark} ({trial.mode}): {text}", "", "    ")
    return [*lines, ""] if lines else []


def _fitted(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A table whose names are shortened from the front until it is as wide as the terminal."""
    safe = [[printable(cell) for cell in row] for row in rows]
    names = headings.index("benchmark")
    taken = sum(
        max(len(heading), *(len(row[index]) for row in safe)) + _GAP
        for index, heading in enumerate(headings)
        if index != names
    )
    room = max(width - taken, _NAME_WIDTH)
    for row in safe:
        row[names] = shortened(row[names], room)
    words = {"benchmark", "result", "mode", "unchanged", "slowed"}
    text = tables.table(headings, safe, [heading not in words for heading in headings], style="plain")
    return [line.rstrip() for line in text.split("\n")]


def _failures(failures: Mapping[str, str]) -> list[str]:
    lines = [
        line
        for name, text in failures.items()
        for line in _hanging(f"{name}: {text}", "not measured: ", "    ")
    ]
    return [*lines, ""] if lines else []


def _remarks(host: Host, messages: Sequence[str]) -> list[str]:
    said = host_words(host)
    lines = [f"host: {said}", ""] if said else []
    return lines + [line for text in dict.fromkeys((*messages, *host.notices)) for line in _bullet(text)]


def _bullet(text: str) -> Iterator[str]:
    yield from _hanging(text, "* ", "  ")


def _hanging(text: str, first: str, others: str) -> list[str]:
    return [f"{others if index else first}{line}" for index, line in enumerate(printable_lines(text) or [""])]


def _whole(ratio: float) -> str:
    return f"{100 * ratio:.0f} %"


def _percent(ratio: float) -> str:
    return format_ratio(ratio).removeprefix("+")


def _colored(text: str, code: str, *, color: bool) -> str:
    return f"\x1b[{_BOLD};{code}m{text}\x1b[0m" if color else text
