"""``strataregula explain``: where one key has its value from, or why it is absent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from strataregula.cli.options import chosen_section, compiled_sources, examples, shared_options
from strataregula.cli.output import json_line, standard_output

if TYPE_CHECKING:
    from strataregula.core.compiled import CompiledConfig

__all__ = ["command"]


@click.command(
    "explain",
    epilog=examples(
        "strataregula explain edge.tokyo.api services.yaml",
        "strataregula explain edge.tokyo.api base.yaml prod.yaml --section timeouts",
        "strataregula explain edge.tokyo.api services.yaml --json",
    ),
)
@click.argument("key")
@shared_options
@click.option("--section", metavar="NAME", help="Look in this section alone.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line for each section.")
def command(key: str, files: tuple[str, ...], section: str | None, as_json: bool) -> int:
    """Say which rule of FILE... gives KEY its value, and which rules lost.

    The winner comes first with its file:line:col and what its captures are bound to, then the rules that it
    merges, the losers in the order of precedence, and what every ${...} became. For an absent KEY the reason
    and the nearest rule are printed and the exit code is 1.
    """
    compiled = compiled_sources(files)
    explanations = [compiled.explain(key, name) for name in _sections(compiled, key, section)]
    with standard_output() as file:
        for explanation in explanations:
            file.write((json_line(explanation.as_dict()) if as_json else explanation.render()) + "\n")
    return 0 if explanations[0].found else 1


def _sections(compiled: CompiledConfig, key: str, section: str | None) -> Sequence[str | None]:
    """Return the sections to explain: the one asked for, all that hold the key, or None for "wherever"."""
    if section is not None:
        return [chosen_section(section, list(compiled.sections))]
    return [name for name, entries in compiled.sections.items() if key in entries] or [None]
