"""``strataregula diff``: what changes from one configuration to another, and which rules did it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from strataregula.answers import Candidate
from strataregula.cli.options import chosen_section, compilation_options, compiled_sources, examples
from strataregula.cli.output import json_line, standard_output
from strataregula.errors import visible
from strataregula.model import shown

if TYPE_CHECKING:
    from strataregula.core.compiled import CompiledConfig

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class _Line:
    """One key that differs; ``before`` and ``after`` are its rules, None where there is none."""

    kind: str
    section: str
    key: str
    values: tuple[Any, ...]
    before: Candidate | None
    after: Candidate | None

    def text(self) -> str:
        values = " -> ".join(visible(shown(value)) for value in self.values)
        places = [visible(str(rule.place)) for rule in (self.before, self.after) if rule]
        origin = f"  ({' -> '.join(places)})" if places else ""
        return f"{self.kind:<7}  {visible(self.section)}  {visible(self.key)}: {values}{origin}"

    def as_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"change": self.kind, "section": self.section, "key": self.key}
        if self.kind != "added":
            data["before"] = self.values[0]
        if self.kind != "removed":
            data["after"] = self.values[-1]
        data["before_rule"] = self.before.as_dict() if self.before else None
        data["after_rule"] = self.after.as_dict() if self.after else None
        return data


@click.command(
    "diff",
    epilog=examples(
        "strataregula diff staging.yaml production.yaml",
        "strataregula diff staging.yaml production.yaml --base services.yaml",
        "strataregula diff before/ after/ --json",
    ),
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--base", metavar="FILE", multiple=True, help="A layer below both A and B. May be repeated.")
@click.option("--section", metavar="NAME", help="Compare this section alone.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line for each key.")
@compilation_options
def command(before: str, after: str, base: tuple[str, ...], section: str | None, as_json: bool) -> int:
    """Print what changes from the configuration A to B, key by key, with the places of the rules.

    A and B are files or folders. Values of different types differ: 1 and "1" are two values. Exit code 0 when
    nothing changes, 1 when something does.
    """
    first, second = compiled_sources((*base, before)), compiled_sources((*base, after))
    chosen_section(section, list(dict.fromkeys([*first.sections, *second.sections])))
    lines = [line for line in _lines(first, second) if section in {None, line.section}]
    with standard_output() as file:
        for line in lines:
            file.write((json_line(line.as_dict()) if as_json else line.text()) + "\n")
        if not as_json:
            counts = [
                f"{sum(line.kind == kind for line in lines)} {kind}"
                for kind in ("added", "removed", "changed")
            ]
            file.write(f"{', '.join(counts)}\n")
    return 1 if lines else 0


def _lines(first: CompiledConfig, second: CompiledConfig) -> Iterator[_Line]:
    difference = first.diff(second)
    for entry in difference.added:
        rules = _rule(first, entry.section, entry.key), _rule(second, entry.section, entry.key)
        yield _Line("added", entry.section, entry.key, (entry.value,), *rules)
    for entry in difference.removed:
        rules = _rule(first, entry.section, entry.key), _rule(second, entry.section, entry.key)
        yield _Line("removed", entry.section, entry.key, (entry.value,), *rules)
    for change in difference.changed:
        rules = _rule(first, change.section, change.key), _rule(second, change.section, change.key)
        yield _Line("changed", change.section, change.key, (change.before, change.after), *rules)


def _rule(compiled: CompiledConfig, section: str, key: str) -> Candidate | None:
    """Return the rule that gives a key its value, or the one that removes it."""
    return compiled.explain(key, section).winner if section in compiled.sections else None
