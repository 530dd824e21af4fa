"""Builds the real edges of a run: workers, files, clock, host."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import machine
from bench.cli.output import say
from bench.clock import SystemClock
from bench.executor import IsolatedExecutor
from bench.gitref import describe
from bench.guard import Ports
from bench.layout import siblings
from bench.measure.kernels import REFERENCE_VERSION
from bench.pairs import PairedExecutor
from bench.progress import Progress
from bench.settings import Settings
from bench.store.atomic import ensure_writable
from bench.store.baselines import FileBaselineStore
from bench.store.calibrations import FileCalibrationStore
from bench.store.runs import FileRunLog, RunHeader
from bench.subject import locate

RUNS_FOLDER = "runs"
_WRITING = frozenset({"baseline update", "baseline accept", "calibrate"})


@contextmanager
def open_ports(settings: Settings, command: str, progress: Progress) -> Iterator[Ports]:
    """Give the edges of one run and tidy up behind it.

    While they are open, this process keeps off the CPU that its workers are pinned to.
    """
    store = FileBaselineStore(settings.baseline)
    if _will_record(settings, store, command):
        ensure_writable(settings.baseline)
    clock = SystemClock()
    environment = machine.read_environment(REFERENCE_VERSION)
    commit = describe(settings.root)
    cpu = machine.pick_cpu()
    header = RunHeader(
        command=command,
        date=clock.now().isoformat(timespec="seconds"),
        environment=environment,
        commit=commit.id,
        dirty=commit.dirty,
        settings=described(settings),
    )
    runs = FileRunLog(settings.reports / RUNS_FOLDER, header, say)
    roots = {} if settings.installed else subject_roots(settings)
    executor = IsolatedExecutor(settings.root, roots, settings.subject if settings.installed else (), cpu)
    notices = (*machine.host_notices(), *_subject_notices(settings))
    afterwards = machine.watch_host()
    with machine.move_parent_off(cpu):
        try:
            yield Ports(
                executor=executor,
                baselines=store,
                runs=runs,
                clock=clock,
                progress=progress,
                environment=environment,
                commit=commit.label,
                notices=notices,
                pairs=PairedExecutor(executor, executor),
                calibrations=FileCalibrationStore(settings.baseline),
                afterwards=afterwards,
            )
        finally:
            progress.end()
            runs.close()


def _will_record(settings: Settings, store: FileBaselineStore, command: str) -> bool:
    first_check = not store.path.exists() and not (settings.ci or settings.require_baseline)
    return command in _WRITING or (command == "check" and first_check)


def subject_roots(settings: Settings, tree: Path | None = None) -> dict[str, str]:
    """Map every subject, and what it may import from beside it, to the folder in ``tree`` that holds it.

    ``tree`` is the project itself unless given. SubjectError where a subject is not in it.
    """
    tree = tree or settings.root
    found = {name: locate(name, tree) for name in settings.subject}
    places = (settings.root / place for place in (*settings.paths, *settings.suites))
    suites = [tree / os.path.relpath(place, settings.root) for place in places]
    beside = {
        name: folder
        for folder in dict.fromkeys(found.values())
        for name in siblings(folder, settings.subject, suites)
    }
    return {name: str(folder) for name, folder in {**beside, **found}.items()}


def described(settings: Settings) -> Mapping[str, str]:
    """Return every setting that was not left at its default, as text, for the run file."""
    return {
        name: f"{getattr(settings, name)} ({origin})"
        for name, origin in sorted(settings.origins.items())
        if origin != "default"
    }


def _subject_notices(settings: Settings) -> tuple[str, ...]:
    if settings.subject:
        return ()
    advice = 'set [tool.bench-guard] subject = ["yourpackage"]'
    return (f"no subject is known, so nothing proves which copy of the code was measured: {advice}",)
