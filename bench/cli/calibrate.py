"""``bench-guard calibrate``."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.study import StudyOptions, publish, studied, studying
from bench.report import studies
from bench.studies.calibration import LEAST_PROCESSES, PROCESSES, calibrate


@click.command(
    "calibrate",
    epilog="""\b
Examples:
  bench-guard calibrate                        everything, by both ways to compare
  bench-guard calibrate -k parse               some benchmarks
  bench-guard calibrate --tolerance 0.05       can this machine hold 5 %?
  bench-guard calibrate --mode paired --json - only as ab compares; as data
\b
Exit codes:
  0    measured; what is too noisy is named
  1    identical code was called regressed
  2    usage or configuration error, or a file that cannot be understood
  4    could not measure: crash, time-out, nothing collected
  130  interrupted""",
)
@studying
@click.option(
    "--processes",
    type=click.IntRange(min=LEAST_PROCESSES),
    default=PROCESSES,
    show_default=True,
    metavar="N",
    help="Processes, and pairs of processes, of each benchmark.",
)
def command(processes: int, **values: Any) -> int:
    """Measure identical code against itself, to learn what this machine can resolve.

    Shows per benchmark how much processes spread, which change is detected, the smallest tolerance that works
    here, and what 5 % would cost; proposes settings where the configured tolerance is too tight. The sitting
    is kept in calibration.json beside the baseline: after three of the same code, 20 minutes or more apart,
    check uses the shift between sittings that was measured. No baseline is needed.
    """
    chosen = StudyOptions(**values)
    with studied("calibrate", chosen) as (settings, ports):
        report = calibrate(settings, ports, processes=processes, modes=chosen.modes)

    def render(width: int, color: bool) -> str:
        return studies.render_calibration(report, width=width, color=color, quiet=chosen.quiet)

    publish(render, studies.calibration_json(report), chosen)
    return report.exit_code
