"""``bench-guard self-test``."""

from __future__ import annotations

from typing import Any

import click

from bench.cli import options
from bench.cli.study import StudyOptions, publish, studied, studying
from bench.report import studies
from bench.studies.selftest import self_test


@click.command(
    "self-test",
    epilog="""\b
Examples:
  bench-guard self-test                        is the gate to be trusted on this machine?
  bench-guard self-test -k 'parse or expand'   on some benchmarks
  bench-guard self-test --slowdown 0.25        does it catch +25 %?
  bench-guard self-test --mode paired          only as ab compares
\b
Exit codes:
  0    everything slowed was red, and nothing else was
  1    a slowed benchmark was not red, or an unchanged one did not pass
  2    usage or configuration error, or a file that cannot be understood
  4    could not measure: crash, time-out, nothing collected, nothing that could gate
  130  interrupted""",
)
@studying
@options.BUDGET
@click.option(
    "--slowdown",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="RATIO",
    help="Extra work to inject, 0.25 for 25 %; multiples of 0.05 are exact. Default: twice the tolerance.",
)
def command(slowdown: float | None, **values: Any) -> int:
    """Slow benchmarks by a known factor, which must be red, and by none, which must pass.

    The whole gate runs in your configuration, by check and by ab. Check compares with the stored baseline of
    this machine kind, or with 20 processes recorded first where there is none; nothing is stored. A benchmark
    that check cannot gate is tested by ab alone.
    """
    chosen = StudyOptions(**values)
    with studied("self-test", chosen) as (settings, ports):
        result = self_test(settings, ports, slowdown=slowdown, modes=chosen.modes)

    def render(width: int, color: bool) -> str:
        return studies.render_self_test(result, width=width, color=color, quiet=chosen.quiet)

    publish(render, studies.self_test_json(result), chosen)
    return result.exit_code
