"""``strataregula compile``: sources in, one flat mapping a section out."""

from __future__ import annotations

import click

from strataregula.cli.options import compiled_sources, examples, files_read, shared_options
from strataregula.cli.output import same_file, write_output
from strataregula.errors import UsageError, visible

__all__ = ["command"]

_FORMATS = ("json", "ndjson", "yaml", "python")
_NESTING = ("json", "yaml")


@click.command(
    "compile",
    epilog=examples(
        "strataregula compile services.yaml",
        "strataregula compile base.yaml prod.yaml --format python --out settings.py",
        "strataregula compile limits.yaml --section memory --nested --format yaml",
        "strataregula compile huge.yaml --stream --format ndjson --out keys.ndjson",
        "strataregula compile services.yaml --env HOSTNAME --env PORT=8080",
    ),
)
@shared_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(_FORMATS),
    default="json",
    show_default=True,
    help="Output format.",
)
@click.option("--section", metavar="NAME", help="Write this section alone.")
@click.option(
    "--nested", is_flag=True, help="Write mappings inside mappings, a level a segment (json, yaml)."
)
@click.option(
    "--stream", is_flag=True, help="Make and write key by key, in constant memory, any number of them."
)
@click.option("--out", metavar="FILE", help="Write to FILE, replaced as a whole, instead of standard output.")
def command(
    files: tuple[str, ...],
    format_name: str,
    section: str | None,
    nested: bool,
    stream: bool,
    out: str | None,
) -> int:
    """Compile FILE... into one flat mapping a section.

    Several files (or folders, or quoted globs) are layers, the base first: later ones win.
    """
    from strataregula.core.nesting import NestedSections  # noqa: PLC0415  -- keeps --help light
    from strataregula.emit import write  # noqa: PLC0415  -- the encoders cost 20 ms that --help need not pay

    if nested and stream:
        raise UsageError("--nested needs all keys of a section at once: leave out --stream")
    if nested and format_name not in _NESTING:
        raise UsageError(f"{format_name} is not written nested; choose one of {', '.join(_NESTING)}")
    compiled = compiled_sources(files, lazy=stream)
    if out is not None and any(same_file(out, file) for file in files_read()):
        raise UsageError(f"--out {visible(out)} is one of the sources and would be overwritten")
    source = NestedSections(compiled.sections) if nested else compiled
    write_output(out, lambda file: write(source, file, format_name, section))
    return 0
