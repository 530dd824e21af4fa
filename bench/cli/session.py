"""One measuring command from its options to its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from bench.cli import wiring
from bench.cli.options import MeasuringOptions, Output
from bench.cli.output import say, terminal_width, wants_color, write_stdout
from bench.cli.progress import choose_progress
from bench.errors import Interrupted
from bench.guard import Ports
from bench.model import Report
from bench.report import console, github, json_format, junit, markdown
from bench.report.summary import next_steps
from bench.settings import Settings, load_settings
from bench.store.atomic import atomic_write, ensure_writable

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"

Action = Callable[[Settings, Ports], Report]


def execute(command: str, options: MeasuringOptions, action: Action) -> int:
    """Load the settings, measure, publish the report; returns the report's exit code."""
    outputs = _outputs(options)
    silent = options.quiet or options.no_progress
    with opened(command, options.settings(), silent=silent) as (settings, ports):
        report = action(settings, ports)
    _publish(report, options, outputs)
    return report.exit_code


@contextmanager
def opened(
    command: str, arguments: Mapping[str, object], *, silent: bool
) -> Iterator[tuple[Settings, Ports]]:
    """Give the settings and the edges of one command; Ctrl-C becomes an error that says what is kept."""
    settings = load_settings(Path.cwd(), os.environ, arguments)
    with wiring.open_ports(settings, command, choose_progress(silent=silent)) as ports:
        try:
            yield settings, ports
        except KeyboardInterrupt:
            kept = "" if ports.runs.path is None else f"; finished processes are kept in {ports.runs.path}"
            raise Interrupted(f"interrupted{kept}") from None


def _outputs(options: MeasuringOptions) -> list[Output]:
    """Where reports go: the console's to standard output unless something else was asked for there."""
    wanted = list(options.reports)
    on_stdout = [output.format for output in wanted if output.file is None]
    if options.json_file == "-" and on_stdout:
        raise click.UsageError(
            f"--json - and --report {on_stdout[0]} both want standard output; give one a file"
        )
    if not on_stdout and options.json_file != "-":
        wanted.insert(0, Output("console"))
    for file in _files(options):
        ensure_writable(file.parent)
    return wanted


def _files(options: MeasuringOptions) -> list[Path]:
    files = [output.file for output in options.reports if output.file is not None]
    return files if options.json_file in {None, "-"} else [*files, Path(str(options.json_file))]


def _publish(report: Report, options: MeasuringOptions, outputs: list[Output]) -> None:
    steps = next_steps(report)
    if options.json_file == "-":
        write_stdout(json_format.to_json(report).decode())
        say(console.render(report, width=terminal_width(), steps=steps, quiet=options.quiet).rstrip("\n"))
    for output in outputs:
        if output.file is None:
            write_stdout(_rendered(report, output, options, steps))
    _append_step_summary(report, steps)
    for output in outputs:
        if output.file is not None:
            atomic_write(output.file, _rendered(report, output, options, steps).encode())
    if options.json_file not in {None, "-"}:
        atomic_write(Path(str(options.json_file)), json_format.to_json(report))


def _rendered(report: Report, output: Output, options: MeasuringOptions, steps: tuple[str, ...]) -> str:
    if output.format == "markdown":
        return markdown.render(report, steps=steps)
    if output.format == "junit":
        return junit.render(report)
    if output.format == "github":
        return github.render(report)
    color = output.file is None and wants_color(sys.stdout)
    width = terminal_width()
    return console.render(report, width=width, color=color, steps=steps, quiet=options.quiet)


def _append_step_summary(report: Report, steps: tuple[str, ...]) -> None:
    """GitHub Actions names a file for the job's summary page; not being able to write it fails nothing."""
    name = os.environ.get(STEP_SUMMARY)
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(markdown.render(report, steps=steps))
    except OSError as error:
        say(f"the job summary was not written: {name}: {error.strerror or error}")
