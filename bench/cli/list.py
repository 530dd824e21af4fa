"""``bench-guard list``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from bench import guard
from bench.cli import options
from bench.cli.output import say, write_stdout
from bench.cli.session import opened
from bench.executor import Collection
from bench.store.atomic import atomic_write
from bench.text import printable

_COULD_NOT_IMPORT = 4


@click.command(
    "list",
    epilog="""\b
Examples:
  bench-guard list
  bench-guard list benchmarks/bench_io.py -k parse
  bench-guard list --json -
\b
Exit codes:
  0    at least one benchmark
  2    usage or configuration error
  4    nothing collected, or a suite that cannot be imported""",
)
@options.PATHS
@options.EXPRESSION
@options.JSON_FILE
@options.INSTALLED
@options.QUIET
@options.DEBUG
def command(
    paths: tuple[str, ...],
    expression: str | None,
    json_file: str | None,
    installed: bool | None,
    quiet: bool,
    debug: bool,  # noqa: ARG001  -- read by main
) -> int:
    """List the ids of the benchmarks that would run: path::function[parameters].

    The suites are imported, each in a process of its own; no benchmark and no setup is called.
    """
    arguments = {"paths": paths or None, "expression": expression, "installed": installed}
    with opened("list", arguments, silent=quiet) as (settings, ports):
        found = guard.collect(settings, ports)
    if json_file == "-":
        write_stdout(_as_json(found))
    else:
        if json_file is not None:
            atomic_write(Path(json_file), _as_json(found).encode())
        write_stdout("".join(f"{printable(spec.id)}\n" for spec in found.specs))
    for problem in found.problems if quiet else ():
        say(printable(f"{problem.benchmark}: {problem.message}"))
    return _COULD_NOT_IMPORT if found.problems else 0


def _as_json(found: Collection) -> str:
    document = {
        "format": "bench-guard/list",
        "version": 1,
        "benchmarks": [asdict(spec) for spec in found.specs],
        "problems": [{"suite": problem.benchmark, "message": problem.message} for problem in found.problems],
    }
    return json.dumps(document, indent=1) + "\n"
