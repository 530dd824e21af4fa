"""What the studies of the gate share: their options, and where their results go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from bench.cli import options
from bench.cli.output import say, terminal_width, wants_color, write_stdout
from bench.cli.session import opened
from bench.guard import Ports
from bench.settings import Settings
from bench.store.atomic import atomic_write, ensure_writable
from bench.studies.calibration import BOTH, Mode

_F = TypeVar("_F", bound=Callable[..., Any])

_MODE = click.option(
    "--mode",
    type=click.Choice([*(mode.value for mode in Mode), "both"]),
    metavar="MODE",
    default="both",
    help="stored (as check compares), paired (as ab does) or both, the default.",
)
_SHARED = (
    options.PATHS,
    options.EXPRESSION,
    _MODE,
    options.TOLERANCE,
    options.JSON_FILE,
    options.INSTALLED,
    options.QUIET,
    options.NO_PROGRESS,
    options.DEBUG,
)


def studying(function: _F) -> _F:
    """Add the options of every study."""
    for option in reversed(_SHARED):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """What the options of :func:`studying` were set to, and a budget where the command has one."""

    paths: tuple[str, ...] = ()
    expression: str | None = None
    mode: str = "both"
    tolerance: float | None = None
    budget: float | None = None
    json_file: str | None = None
    installed: bool | None = None
    quiet: bool = False
    no_progress: bool = False
    debug: bool = False

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes to study."""
        return BOTH if self.mode == "both" else (Mode(self.mode),)


@contextmanager
def studied(command: str, chosen: StudyOptions) -> Iterator[tuple[Settings, Ports]]:
    """Give settings and edges; a file for the result that cannot be written is an error before measuring."""
    if chosen.json_file not in {None, "-"}:
        ensure_writable(Path(str(chosen.json_file)).parent)
    arguments = {
        "paths": chosen.paths or None,
        "expression": chosen.expression,
        "tolerance": chosen.tolerance,
        "budget": chosen.budget,
        "installed": chosen.installed,
    }
    with opened(command, arguments, silent=chosen.quiet or chosen.no_progress) as edges:
        yield edges


def publish(render: Callable[[int, bool], str], data: bytes, chosen: StudyOptions) -> None:
    """Write the text to standard output, or the data there and the text to standard error (``--json -``).

    ``render(width, color)`` gives the text.
    """
    if chosen.json_file == "-":
        write_stdout(data.decode())
        say(render(terminal_width(), False).rstrip("\n"))
        return
    write_stdout(render(terminal_width(), wants_color(sys.stdout)))
    if chosen.json_file is not None:
        atomic_write(Path(chosen.json_file), data)
