"""``bench-guard run``."""

from __future__ import annotations

from typing import Any

import click

from bench import guard
from bench.cli.options import MeasuringOptions, measuring
from bench.cli.output import EXIT_CODES
from bench.cli.session import execute


@click.command(
    "run",
    epilog=f"""\b
Examples:
  bench-guard run                          every benchmark, five processes each
  bench-guard run benchmarks/bench_io.py   one suite
  bench-guard run -k 'parse and not slow' --json run.json
\b
{EXIT_CODES}""",
)
@measuring
def command(**options: Any) -> int:
    """Measure the benchmarks in fresh processes and show the numbers.

    Nothing is compared but the benchmarks' own budgets, and nothing is written but the run file.
    """
    return execute("run", MeasuringOptions(**options), guard.run)
