"""``bench-guard ab``."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import MeasuringOptions, measuring
from bench.cli.output import EXIT_CODES
from bench.cli.revisions import Asked, opened_revisions
from bench.cli.session import execute
from bench.guard import Ports
from bench.model import Report
from bench.revisions import compare_revisions
from bench.settings import Settings


@click.command(
    "ab",
    epilog=f"""\b
Examples:
  bench-guard ab --base main                  the working tree against main
  bench-guard ab --base main...               against where this branch left main
  bench-guard ab --base v1.2 --head v1.3      two releases
  bench-guard ab --base HEAD~1 -k parse       some benchmarks
  bench-guard ab --base v1.2 --isolated       each side in an environment of its own
\b
{EXIT_CODES}""",
)
@click.option(
    "--base",
    "base",
    metavar="REF",
    required=True,
    help="Revision to compare with: anything git understands; A...B is their merge base.",
)
@click.option("--head", "head", metavar="REF", help="Revision to judge. Default: the working tree.")
@click.option(
    "--suite-from",
    metavar="SIDE",
    type=click.Choice(["base", "head", "each"]),
    help="Whose suites run: base, head or each its own. Default: the working tree's, on both sides.",
)
@click.option(
    "--isolated",
    is_flag=True,
    help="Install either revision, with its dependencies, into an environment of its own.",
)
@click.option(
    "--extra", "extras", metavar="NAME", multiple=True, help="With --isolated: install this extra too."
)
@measuring
def command(
    base: str,
    head: str | None,
    suite_from: str | None,
    isolated: bool,
    extras: tuple[str, ...],
    **options: Any,
) -> int:
    """Measure two revisions against each other, in one sitting, by processes that take turns.

    Needs no baseline and no quiet machine: whatever slows the host slows both sides alike. Your working
    tree, index and stash are not touched; both revisions are checked out elsewhere for as long as it takes.
    """
    asked = Asked(base, head, suite_from, isolated, extras)
    if extras and not isolated:
        raise click.UsageError("--extra belongs to --isolated")

    def compare(settings: Settings, ports: Ports) -> Report:
        with opened_revisions(settings, ports, asked) as (of_head, revisions):
            return compare_revisions(of_head, ports, revisions)

    return execute("ab", MeasuringOptions(**options), compare)
