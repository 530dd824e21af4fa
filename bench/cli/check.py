"""``bench-guard check``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from bench import guard
from bench.cli.options import MeasuringOptions, measuring
from bench.cli.output import EXIT_CODES
from bench.cli.revisions import Asked, opened_revisions
from bench.cli.session import execute
from bench.errors import BenchGuardError
from bench.guard import Ports
from bench.model import Baseline, Report
from bench.retest import confirmed, suspicion
from bench.revisions import compare_revisions
from bench.settings import Settings


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
    first suspicion. Without any baseline file, and not in CI, the run records one and passes. Where most of
    the suite is slower, the red ones are measured again beside the baseline's commit. In GitHub Actions the
    Markdown report is added to the job summary.
    """
    return execute("check", MeasuringOptions(**options), _check)


def _check(settings: Settings, ports: Ports) -> Report:
    """Check; where most of the suite is slower, ask again side by side with the baseline's commit."""
    report = guard.check(settings, ports)
    found = suspicion(report, ports.baselines.load() or Baseline())
    if found is None:
        return report
    commit = found.commit[:10]
    ports.progress.say(f"most benchmarks are slower: {len(found.benchmarks)} are measured beside {commit}")
    of_head = replace(settings, installed=False, metrics=("time",))
    try:
        with opened_revisions(of_head, ports, Asked(found.commit)) as (of_head, revisions):
            again = compare_revisions(of_head, ports, replace(revisions, only=found.benchmarks))
    except BenchGuardError as error:
        words = f"not measured again beside {commit}, so it stays red: {error.message}"
        return replace(report, messages=(*report.messages, words))
    return confirmed(report, again, settings)
