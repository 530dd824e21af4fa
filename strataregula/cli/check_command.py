"""``strataregula check``: find every problem, write nothing."""

from __future__ import annotations

import click

from strataregula.cli.options import compiled_sources, examples, shared_options
from strataregula.cli.output import standard_output

__all__ = ["command"]


@click.command(
    "check",
    epilog=examples(
        "strataregula check services.yaml",
        "strataregula check base.yaml prod.yaml --diagnostics json",
    ),
)
@shared_options
def command(files: tuple[str, ...]) -> int:
    """Compile FILE... and report every problem; exit 1 when there is an error."""
    compiled = compiled_sources(files)
    sizes = [len(compiled.section(name)) for name in compiled.sections]
    with standard_output() as file:
        keys, sections = _counted(sum(sizes), "key"), _counted(len(sizes), "section")
        file.write(f"ok: {keys} in {sections} from {_counted(len(files), 'source')}\n")
    return 0


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
