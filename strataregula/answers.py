"""Answers about one key as frozen values: which rules cover it, what they make of it, why it is absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from strataregula.errors import visible
from strataregula.model import Place, shown

__all__ = ["Candidate", "Explanation", "Interpolation"]

_NO_BINDINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that covers a key: text, value, place, precedence and what its captures are bound to.

    ``precedence`` is ``(layer, priority, specificity)``; the greatest wins. ``value`` is as written in the
    rule; ``merge`` is how it joins the values below it at this key, ``replace`` being left empty.
    """

    pattern: str
    value: Any
    place: Place
    precedence: tuple[int, int, tuple[int, ...]]
    bindings: Mapping[str, str] = field(default_factory=lambda: _NO_BINDINGS)
    merge: str = ""

    def __str__(self) -> str:
        return _render_candidate(self)

    @property
    def layer(self) -> int:
        """Index of the layer that holds the rule; 0 is the base."""
        return self.precedence[0]

    @property
    def priority(self) -> int:
        """The ``priority`` of the rule's long form, 0 by default."""
        return self.precedence[1]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a report; ``value`` stays what it is."""
        return {
            "pattern": self.pattern,
            "value": self.value,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "layer": self.layer,
            "priority": self.priority,
            "specificity": list(self.precedence[2]),
            "bindings": dict(self.bindings),
            "merge": self.merge or "replace",
        }


@dataclass(frozen=True, slots=True)
class Interpolation:
    """One ``${...}`` and what it became.

    ``source`` is the text as written, ``origin`` says what it meant: ``capture``, ``environment``,
    ``default`` or ``key``. For a key ``section``, ``key`` and the ``place`` of its winning rule are set.
    """

    source: str
    value: Any
    origin: str
    section: str = ""
    key: str = ""
    place: Place | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a report; ``value`` stays what it is."""
        place = self.place or Place("")
        return {
            "source": self.source,
            "value": self.value,
            "origin": self.origin,
            "section": self.section,
            "key": self.key,
            "file": place.file,
            "line": place.line,
            "column": place.column,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a key has its value, or why it has none.

    ``found`` tells which. ``merged`` are the rules whose values the winner joined (see `Candidate.merge`),
    ``losers`` those without effect, both in falling precedence; ``interpolations`` are the references in
    the values that count.

    For an absent key ``reason`` is one sentence, ``near`` are similar keys, ``nearest`` is the rule that
    comes closest and ``stopped`` the segment, counted from 1, at which it stopped matching (0: not in one
    segment). A key removed by ``!pattern`` is absent with that rule as ``winner``.
    """

    key: str
    found: bool
    section: str = ""
    value: Any = None
    winner: Candidate | None = None
    losers: tuple[Candidate, ...] = ()
    reason: str = ""
    near: tuple[str, ...] = ()
    nearest: Candidate | None = None
    merged: tuple[Candidate, ...] = ()
    interpolations: tuple[Interpolation, ...] = ()
    stopped: int = 0

    @property
    def place(self) -> Place | None:
        """Place of the winning rule, None when no rule won."""
        return self.winner.place if self.winner else None

    @property
    def bindings(self) -> Mapping[str, str]:
        """What the winner's captures are bound to; empty when there is none."""
        return self.winner.bindings if self.winner else _NO_BINDINGS

    def __str__(self) -> str:
        return self.render()

    def render(self) -> str:
        """Return the answer for people, safe for a terminal: winner first, losers in order, one line each."""
        if not self.found:
            return self._render_absent()
        lines = [f"{visible(self.key)} = {visible(shown(self.value))}  (section {visible(self.section)})"]
        if self.winner:
            lines.append(f"  winner  {_render_candidate(self.winner)}")
        lines += [f"  merged  {_render_candidate(below)}" for below in self.merged]
        lines += [f"  loser   {_render_candidate(loser)}" for loser in self.losers]
        lines += [f"  with    {_render_interpolation(used)}" for used in self.interpolations]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for a report; values stay what they are."""
        return {
            "key": self.key,
            "found": self.found,
            "section": self.section,
            "value": self.value,
            "winner": self.winner.as_dict() if self.winner else None,
            "merged": [candidate.as_dict() for candidate in self.merged],
            "losers": [candidate.as_dict() for candidate in self.losers],
            "interpolations": [used.as_dict() for used in self.interpolations],
            "reason": self.reason,
            "nearest": self.nearest.as_dict() if self.nearest else None,
            "stopped": self.stopped,
            "near": list(self.near),
        }

    def _render_absent(self) -> str:
        lines = [f"{visible(self.key)} is not compiled: {visible(self.reason)}"]
        if self.winner:
            lines.append(f"  removed {_render_candidate(self.winner)}")
        if self.nearest:
            lines.append(f"  nearest {_render_candidate(self.nearest)}")
        if self.near:
            lines.append(f"  did you mean {', '.join(visible(name) for name in self.near)}?")
        return "\n".join(lines)


def _render_candidate(candidate: Candidate) -> str:
    text = f"{visible(str(candidate.place))}  {visible(candidate.pattern)}: {visible(shown(candidate.value))}"
    if candidate.priority:
        text += f"  priority {candidate.priority}"
    if candidate.merge:
        text += f"  merge {candidate.merge}"
    if candidate.bindings:
        bound = ", ".join(f"{visible(name)}={visible(value)}" for name, value in candidate.bindings.items())
        text += f"  ({bound})"
    return text


def _render_interpolation(used: Interpolation) -> str:
    origins = {"capture": "a capture", "environment": "the environment", "default": "its default"}
    origin = origins.get(used.origin) or f"{visible(used.key)} at {visible(str(used.place))}"
    return f"{visible(used.source)} = {visible(shown(used.value))}  from {origin}"
