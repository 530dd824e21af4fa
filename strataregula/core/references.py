"""What the inside of a ``${...}`` means: a capture or its parent, a variable of the environment, a key.

Everything is looked up in what is handed in; what has no meaning is `Unresolved`, with a code, a message and
a hint.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from strataregula.answers import Interpolation
from strataregula.core.domains import DomainSet
from strataregula.core.segments import format_key, parse_key
from strataregula.errors import PatternSyntaxError

__all__ = ["Address", "Captures", "Names", "Unresolved", "address_of", "as_text", "variable"]

_VARIABLE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_MAX_BITS: Final = 14_000
"""Python writes decimal integers of up to 4,300 digits, which is a little more than this."""

Address: TypeAlias = "tuple[str, str]"
"""A section and a key that it holds."""


class Names(Protocol):
    """The keys of a configuration by name."""

    def holders(self, key: str) -> Sequence[str]:
        """Return the sections that hold ``key``, in the order of the sources."""

    @property
    def sections(self) -> Collection[str]:
        """The names of all sections."""


class Unresolved(NamedTuple):
    """Why a reference has no meaning; ``like`` is a key that may be misspelled."""

    code: str
    message: str
    hint: str
    like: str = ""


class Captures:
    """What a name inside a reference is bound to; knows the parents of the domains' values."""

    def __init__(self, domains: DomainSet) -> None:
        self._domains = domains
        self._known: dict[tuple[str, str], dict[str, str]] = {}

    def value(self, name: str, bindings: Mapping[str, str]) -> str:
        """Return what a capture or the parent of one is bound to, the empty text where there is none.

        A parent may be written in full (``prefecture.region``) or alone (``region``).
        """
        bound = bindings.get(name)
        if bound:
            return bound
        found = {self._parent(name, child).get(value, "") for child, value in bindings.items()} - {""}
        return found.pop() if len(found) == 1 else ""

    def _parent(self, name: str, child: str) -> dict[str, str]:
        known = self._known.get((name, child))
        if known is None:
            known = self._known[name, child] = _parents(self._domains, name, child)
        return known


def _parents(domains: DomainSet, name: str, child: str) -> dict[str, str]:
    """Return the parent called ``name`` of each value of ``child`` that has exactly one."""
    found = domains.find(child)
    if found is None:
        return {}
    relation, column = found
    columns = [other for other in relation.names if other == name or other.endswith(f".{name}")]
    if len(columns) != 1 or columns[0] == column:
        return {}
    parents: dict[str, set[str]] = {}
    for value, parent in relation.project((column, columns[0])).rows:
        parents.setdefault(value, set()).add(parent)
    return {value: above.pop() for value, above in parents.items() if len(above) == 1}


def variable(source: str, text: str, environment: Mapping[str, str | None]) -> Interpolation | Unresolved:
    """Return the value of ``NAME`` or ``NAME:-default``; a default also stands for an empty variable."""
    found = _VARIABLE.fullmatch(text)
    if found is None:
        hint = "write ${env:NAME} or ${env:NAME:-default}"
        return Unresolved("reference-syntax", f"{text!r} names no variable", hint)
    name, default = found.groups()
    if name not in environment:
        hint = f"allow it: --env {name}, or compile(..., env={{{name!r}: ...}})"
        return Unresolved("env-not-allowed", f"the environment variable {name} may not be read", hint)
    value = environment[name]
    if not value and default is not None:
        return Interpolation(source, default, "default")
    if value is None:
        hint = f"set it, or write a default: ${{env:{name}:-value}}"
        return Unresolved("unresolved-reference", f"the environment variable {name} is not set", hint)
    return Interpolation(source, value, "environment")


def address_of(inside: str, home: str, names: Names) -> Address | Unresolved:
    """Return the key that is meant: in the section ``home``, else in the only one that holds it.

    ``section:key`` says which.
    """
    key = _canonical(inside)
    holders = names.holders(key) if key else ()
    head, colon, rest = inside.partition(":")
    if not holders and colon and head in names.sections:
        home, key = head, _canonical(rest)
        holders = [name for name in names.holders(key) if name == head] if key else ()
    if home in holders:
        return home, key
    if len(holders) == 1:
        return holders[0], key
    if holders:
        message = f"the key {key!r} is in several sections: {', '.join(holders)}"
        return Unresolved("unresolved-reference", message, f"write ${{{holders[0]}:{key}}}")
    message = f"there is no key and no capture {inside!r}"
    hint = "name a capture of the pattern or a key that exists"
    return Unresolved("unresolved-reference", message, hint, key or inside)


def _canonical(text: str) -> str:
    """Return a key in its canonical form, the empty text for what is no key."""
    try:
        return format_key(parse_key(text))
    except PatternSyntaxError:
        return ""


def as_text(value: Any) -> str | None:
    """Return a value as it stands inside text, None for one that has no such form."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= _MAX_BITS):
        return str(value)
    return None
