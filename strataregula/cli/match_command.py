"""``strataregula match``: the compiled keys that a pattern chooses."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from strataregula.cli.options import chosen_section, compiled_sources, examples, shared_options
from strataregula.cli.output import json_line, standard_output
from strataregula.errors import visible
from strataregula.model import Entry, shown

__all__ = ["command"]


@click.command(
    "match",
    epilog=examples(
        "strataregula match 'edge.*.api' services.yaml",
        "strataregula match 'edge.{prefecture:to*}.**' base.yaml prod.yaml",
        "strataregula match '**' services.yaml --section timeouts --json",
    ),
)
@click.argument("glob", metavar="GLOB")
@shared_options
@click.option("--section", metavar="NAME", help="Look in this section alone.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line for each key.")
def command(glob: str, files: tuple[str, ...], section: str | None, as_json: bool) -> int:
    """Print the keys of FILE... that match GLOB, with their values.

    GLOB is a pattern: * is one segment, ** any number of them, {name} a value of that domain. Quote it for
    the shell. Exit code 1 when nothing matches.
    """
    compiled = compiled_sources(files)
    chosen_section(section, list(compiled.sections))
    entries = [entry for entry in compiled.match(glob) if section in {None, entry.section}]
    with standard_output() as file:
        file.writelines(_lines(entries, as_json=as_json))
    if not entries:
        sys.stderr.write(f"no key matches {visible(glob)}\n")
    return 0 if entries else 1


def _lines(entries: Iterable[Entry], *, as_json: bool) -> Iterable[str]:
    for entry in entries:
        if as_json:
            yield json_line({"section": entry.section, "key": entry.key, "value": entry.value}) + "\n"
        else:
            value = visible(shown(entry.value))
            yield f"{visible(entry.key)} = {value}  (section {visible(entry.section)})\n"
