"""``bench-guard check``."""

from __future__ import annotations

from typing import Any

import click

from bench import guard
from bench.cli.options import MeasuringOptions, measuring
from bench.cli.output import EXIT_CODES
from bench.cli.session import execute


@click.command(
    "check",
    epilog=f"""\b
Examples:
  bench-guard check                        the gate; the first time it records the baseline
  bench-guard check -k expand --budget 60  some benchmarks, at most a minute of sampling
  bench-guard check --report markdown=report.md --json report.json
  bench-guard check --strict               undecided is no pass
\b
{EXIT_CODES}""",
)
@measuring
def command(**options: Any) -> int:
    """Measure the benchmarks and compare them with the stored baseline.

    Each benchmark gets as many processes as its verdict needs. Red means proved, on samples taken after the
    first suspicion. Without any baseline file, and not in CI, the run records one and passes. In GitHub
    Actions the Markdown report is added to the job summary.
    """
    return execute("check", MeasuringOptions(**options), guard.check)
