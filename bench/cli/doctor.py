"""``bench-guard doctor``."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

import bench
from bench import guard, machine, settings
from bench.cli import options, wiring
from bench.cli.output import write_stdout
from bench.errors import BenchGuardError
from bench.gitref import describe, git_version
from bench.guard import Ports
from bench.model import Baseline
from bench.policy import differences
from bench.progress import SilentProgress
from bench.report.tables import table
from bench.settings import Settings
from bench.store.baselines import FileBaselineStore
from bench.text import printable

_OK, _WARNING, _PROBLEM = "ok", "warning", "problem"
_OPTIONAL_PACKAGES = ("pytest", "pytest-benchmark", "matplotlib", "memory-profiler", "pyperf")
_BROKEN = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``advice`` says what to do about a warning or a problem."""

    name: str
    value: str
    level: str = _OK
    advice: str = ""


@click.command(
    "doctor",
    epilog="""\b
Examples:
  bench-guard doctor
  bench-guard doctor --installed
\b
Exit codes:
  0    everything that a check needs works
  2    something needed is broken; the line says what to do""",
)
@options.PATHS
@options.EXPRESSION
@options.INSTALLED
@options.DEBUG
def command(paths: tuple[str, ...], expression: str | None, installed: bool | None, debug: bool) -> int:  # noqa: ARG001
    """Look at everything that a run needs and say what is wrong with it.

    Shows where every setting comes from, imports the suites in workers, proves where the subject is found,
    and compares this machine with those of the baseline. Nothing is measured.
    """
    findings = list(_general())
    try:
        arguments = {"paths": paths or None, "expression": expression, "installed": installed}
        found = settings.load_settings(Path.cwd(), os.environ, arguments)
    except BenchGuardError as error:
        findings.append(_problem("settings", error))
    else:
        findings += [*_settings(found), *_project(found)]
    write_stdout(_rendered(findings))
    return _BROKEN if any(finding.level == _PROBLEM for finding in findings) else 0


def _general() -> Iterator[Finding]:
    yield Finding("bench-guard", f"{bench.__version__} in {Path(bench.__file__ or '').parent}")
    yield Finding("python", f"{sys.implementation.name} {platform.python_version()} at {sys.executable}")
    yield Finding("platform", platform.platform())
    cpu = machine.pick_cpu()
    if cpu is None:
        yield Finding("pinning", "not possible here", _WARNING, "expect more noise; Linux can pin processes")
    else:
        yield Finding("pinning", f"workers run on CPU {cpu} of {os.cpu_count()}")
    yield Finding("timer", f"perf_counter, resolution {time.get_clock_info('perf_counter').resolution:.0e} s")
    for notice in machine.host_notices():
        name, _, advice = notice.partition(": ")
        yield Finding("host", name, _WARNING, advice)
    yield _git()
    yield Finding("packages", ", ".join(f"{name} {_version(name)}" for name in _OPTIONAL_PACKAGES))
    yield Finding(
        "valgrind", shutil.which("valgrind") or "not installed (only counting instructions needs it)"
    )


def _git() -> Finding:
    found = git_version()
    if found is None:
        return Finding("git", "not found", _WARNING, "everything works, but reports will not name commits")
    return Finding("git", found)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _settings(found: Settings) -> Iterator[Finding]:
    yield Finding("project", str(found.root))
    for name in sorted(found.origins):
        value = getattr(found, name)
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        yield Finding(f"  {name}", f"{text or '(empty)'}  [{found.origins[name]}]")
    for override in found.overrides:
        yield Finding(f"  {override.pattern}", f"tolerance {override.tolerance}  [{settings.FILE_NAME}]")


def _project(found: Settings) -> Iterator[Finding]:
    commit = describe(found.root)
    if commit.id is None:
        yield Finding("commit", "none: not in a git repository")
    else:
        yield Finding("commit", f"{commit.id[:10]}{' with local changes' if commit.dirty else ''}")
    try:
        with wiring.open_ports(found, "doctor", SilentProgress()) as ports:
            yield from _suites(found, ports)
            yield from _baseline(found, ports)
    except BenchGuardError as error:
        yield _problem("setup", error)


def _suites(found: Settings, ports: Ports) -> Iterator[Finding]:
    try:
        collection = guard.collect(found, ports)
    except BenchGuardError as error:
        yield _problem("suites", error)
        return
    files = {spec.path for spec in collection.specs}
    yield Finding(
        "suites", f"{len(collection.specs)} benchmarks in {len(files)} file{'' if len(files) == 1 else 's'}"
    )
    for problem in collection.problems:
        yield Finding("suite", problem.benchmark, _PROBLEM, problem.message)
    seen = dict(collection.subject_files)
    for name in found.subject:
        if name in seen:
            yield Finding("subject", f"{name} from {seen[name]}")
        else:
            yield Finding(
                "subject", f"{name} is imported by no suite", _WARNING, "is [tool.bench-guard] subject right?"
            )
    if not found.subject:
        yield Finding("subject", "none known", _WARNING, 'set [tool.bench-guard] subject = ["yourpackage"]')
    for override in found.overrides:
        if not any(override.matches(spec.id) for spec in collection.specs):
            yield Finding(
                "override", f"{override.pattern} matches no benchmark", _WARNING, "see bench-guard list"
            )


def _baseline(found: Settings, ports: Ports) -> Iterator[Finding]:
    kind = ports.environment.machine
    yield Finding("machine kind", kind)
    try:
        stored = ports.baselines.load()
    except BenchGuardError as error:
        yield _problem("baseline", error)
        return
    path = FileBaselineStore(found.baseline).path
    if stored is None:
        yield Finding(
            "baseline", f"{path} does not exist", _WARNING, "bench-guard check records one (not in CI)"
        )
        return
    yield Finding("baseline", f"{path}, machine kinds: {len(stored.machines)}")
    if kind not in stored.machines:
        advice = "bench-guard baseline update adds it; until then only memory and budgets can gate"
        yield Finding(
            "baseline", f"does not know this machine kind{_nearest(stored, ports)}", _WARNING, advice
        )


def _nearest(stored: Baseline, ports: Ports) -> str:
    """Name the stored kind that differs least, and in what."""
    here = ports.environment.stable
    differing = {name: differences(stable, here) for name, stable in stored.machines.items()}
    if not differing:
        return ""
    name = min(sorted(differing), key=lambda kind: len(differing[kind]))
    return f"; nearest is {name}, different in {', '.join(differing[name])}"


def _problem(name: str, error: BenchGuardError) -> Finding:
    return Finding(name, error.message, _PROBLEM, error.hint or "")


def _rendered(findings: Sequence[Finding]) -> str:
    rows = [[_mark(finding.level), printable(finding.name), printable(finding.value)] for finding in findings]
    lines = [line.rstrip() for line in table((), rows, (False, False, False), style="plain").split("\n")]
    troubles = [finding for finding in findings if finding.level != _OK]
    text = "\n".join(lines) + "\n"
    if not troubles:
        return text + "\neverything works\n"
    advice = [
        f"{finding.level}: {finding.name.strip()}: {finding.value}\n    {finding.advice}"
        for finding in troubles
    ]
    return text + "\n" + "\n".join(_indented(each) for each in advice) + "\n"


def _indented(text: str) -> str:
    return "\n".join(printable(line) for line in text.rstrip().split("\n"))


def _mark(level: str) -> str:
    return {_OK: "", _WARNING: "!", _PROBLEM: "X"}[level]
