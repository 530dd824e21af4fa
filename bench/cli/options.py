"""Options that several commands share, and what they were set to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])

FORMATS = ("console", "markdown", "junit", "github")
_LATER = ("html",)

DEBUG = click.option("--debug", is_flag=True, help="Show the traceback of an error.")
QUIET = click.option("-q", "--quiet", is_flag=True, help="No progress; only the verdict and what is wrong.")
EXPRESSION = click.option(
    "-k", "expression", metavar="EXPR", help="Names to select: substrings with and, or, not, as in pytest."
)
PATHS = click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path())
JSON_FILE = click.option(
    "--json", "json_file", metavar="FILE", help="Write the result as data; - for standard output."
)
INSTALLED = click.option(
    "--installed/--no-installed",
    default=None,
    help="Measure the installed package, not the project's folder.",
)


@dataclass(frozen=True, slots=True)
class Output:
    """One place that a report is written to; no ``file`` means standard output."""

    format: str
    file: Path | None = None


def parse_outputs(
    _context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> tuple[Output, ...]:
    """Split each ``FORMAT`` or ``FORMAT=FILE``; usage error for a format that is not known."""
    return tuple(_parse_output(option, text) for text in texts)


def _parse_output(option: click.Parameter, text: str) -> Output:
    name, separator, file = text.partition("=")
    known = ", ".join(FORMATS)
    if name in _LATER:
        raise click.BadParameter(
            f"the format {name!r} arrives in a later version; there are {known}", param=option
        )
    if name not in FORMATS:
        raise click.BadParameter(
            f"unknown format {name!r}; there are {known} (and --json FILE)", param=option
        )
    if separator and not file:
        raise click.BadParameter(f"{text!r} names no file behind '='", param=option)
    return Output(name, Path(file) if file else None)


TOLERANCE = click.option("--tolerance", type=float, help="Relative tolerance, 0.10 for 10 %.")
BUDGET = click.option(
    "--budget", type=float, metavar="SECONDS", help="Seconds that sampling may take in all."
)
NO_PROGRESS = click.option("--no-progress", is_flag=True, help="No progress bar or lines.")

_MEASURING = (
    PATHS,
    EXPRESSION,
    click.option(
        "--metric",
        "metrics",
        metavar="NAME",
        multiple=True,
        help="Metric to gate, repeatable (time, peak, ...).",
    ),
    TOLERANCE,
    BUDGET,
    click.option(
        "--report",
        "reports",
        metavar="FORMAT[=FILE]",
        multiple=True,
        callback=parse_outputs,
        help=f"Repeatable; {', '.join(FORMATS)}. Default: console.",
    ),
    JSON_FILE,
    click.option("--strict/--no-strict", default=None, help="Undecided is no pass (exit 3)."),
    click.option(
        "--require-baseline/--no-require-baseline",
        default=None,
        help="Exit 3 when nothing could gate (default in CI).",
    ),
    INSTALLED,
    QUIET,
    NO_PROGRESS,
    DEBUG,
)


def measuring(function: _F) -> _F:
    """Add the options of every command that measures."""
    for option in reversed(_MEASURING):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class MeasuringOptions:
    """What the options of :func:`measuring` were set to; None where nothing was given."""

    paths: tuple[str, ...] = ()
    expression: str | None = None
    metrics: tuple[str, ...] = ()
    tolerance: float | None = None
    budget: float | None = None
    reports: tuple[Output, ...] = ()
    json_file: str | None = None
    strict: bool | None = None
    require_baseline: bool | None = None
    installed: bool | None = None
    quiet: bool = False
    no_progress: bool = False
    debug: bool = False

    def settings(self) -> dict[str, object]:
        """Return the arguments for :func:`bench.settings.load_settings`."""
        return {
            "paths": self.paths or None,
            "expression": self.expression,
            "metrics": self.metrics or None,
            "tolerance": self.tolerance,
            "budget": self.budget,
            "strict": self.strict,
            "require_baseline": self.require_baseline,
            "installed": self.installed,
        }
