"""``strataregula explain``: where one key has its value from, or why it is absent."""

from __future__ import annotations

import click

from strataregula.cli.options import compiled_sources, examples, shared_options
from strataregula.cli.output import standard_output

__all__ = ["command"]


@click.command(
    "explain",
    epilog=examples(
        "strataregula explain edge.tokyo.api services.yaml",
        "strataregula explain edge.tokyo.api base.yaml prod.yaml --section timeouts",
    ),
)
@click.argument("key")
@shared_options
@click.option(
    "--section", metavar="NAME", help="The section to look in, for a key that several sections hold."
)
def command(key: str, files: tuple[str, ...], lenient: bool, section: str | None) -> int:
    """Say which rule of FILE... gives KEY its value, and which rules lost.

    The winner comes first with its file:line:col and what its captures are bound to; the losers follow in the
    order of precedence. For an absent KEY the reason is printed and the exit code is 1.
    """
    explanation = compiled_sources(files, lenient=lenient).explain(key, section=section)
    with standard_output() as file:
        file.write(explanation.render() + "\n")
    return 0 if explanation.found else 1
