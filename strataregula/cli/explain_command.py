"""``strataregula explain``: where one key has its value from, or why it is absent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from strataregula.cli.options import compiled_sources, examples, shared_options
from strataregula.cli.output import standard_output
from strataregula.errors import UsageError, visible

if TYPE_CHECKING:
    from strataregula.core.compiled import CompiledConfig

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
@click.option("--section", metavar="NAME", help="Look in this section alone.")
def command(key: str, files: tuple[str, ...], lenient: bool, section: str | None) -> int:
    """Say which rule of FILE... gives KEY its value, and which rules lost.

    The winner comes first with its file:line:col and what its captures are bound to; the losers follow in the
    order of precedence. For an absent KEY the reason is printed and the exit code is 1.
    """
    compiled = compiled_sources(files, lenient=lenient)
    explanations = [compiled.explain(key, name) for name in _sections(compiled, key, section)]
    with standard_output() as file:
        file.write("".join(f"{explanation.render()}\n" for explanation in explanations))
    return 0 if explanations[0].found else 1


def _sections(compiled: CompiledConfig, key: str, section: str | None) -> Sequence[str | None]:
    """Return the sections to explain: the one asked for, all that hold the key, or None for "wherever"."""
    if section is not None:
        if section not in compiled.sections:
            known = ", ".join(map(visible, compiled.sections))
            raise UsageError(f"no section {visible(section)!r}; the sections are: {known}")
        return [section]
    return [name for name, entries in compiled.sections.items() if key in entries] or [None]
