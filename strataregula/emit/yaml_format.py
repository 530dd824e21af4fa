"""YAML: one mapping a section; loads back to the same mapping, with a YAML 1.1 and a 1.2 reader."""

from __future__ import annotations

import re
from itertools import starmap
from typing import TYPE_CHECKING, Any, Final, TextIO

import msgspec
import yaml

from strataregula.emit.values import Sections, converted, escaped, plain_yaml, sorted_set

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeDumper as BaseDumper
else:
    from yaml import CSafeDumper as BaseDumper

__all__ = ["write_yaml"]

_INDENT: Final = "  "
_SIMPLE_KEY: Final = 120
_ONE_LINE: Final = 2**31 - 1
_PLAIN: Final = re.compile(r"[^\W\d_](?:[ ]?[\w./-])*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_WRITTEN_AS: Final = {True: "true", False: "false", None: "null"}


class _Dumper(BaseDumper):
    """Safe types only and no anchors: equal values of different keys stay independent when loaded."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  -- PyYAML's signature
        return True


def _is_plain(text: str) -> bool:
    """Tell whether every reader takes ``text`` without quotes for text."""
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if _is_plain(text) else '"')


def _represent_set(dumper: _Dumper, members: frozenset[Any]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:set", dict.fromkeys(sorted_set(members)))


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(frozenset, _represent_set)


def write_yaml(sections: Sections, file: TextIO) -> None:
    """Write ``sections`` in source order as one YAML mapping of block style.

    Text that a reader could take for another type is quoted; every scalar stays on its line. Raise
    `EmitError` for a value outside YAML's own types.
    """
    written = False
    for name, entries in sections:
        written = True
        file.write(_header(name))
        if not entries:
            file.write(f"{_INDENT}{{}}\n")
        batches = converted(name, entries.items(), plain_yaml)
        file.writelines(escaped("".join(starmap(_entry, batch.items()))) for batch in batches)
    if not written:
        file.write("{}\n")


def _header(name: str) -> str:
    scalar = _text(name)
    return escaped(f"{scalar}:\n" if len(scalar) <= _SIMPLE_KEY else f"? {scalar}\n:\n")


def _entry(key: str, value: Any) -> str:
    """Return the lines of one entry: by hand where that is one scalar, through PyYAML for the rest."""
    kind = type(value)
    if len(key) <= _SIMPLE_KEY:
        if kind is int:
            return f"{_INDENT}{_text(key)}: {value}\n"
        if kind is str:
            return f"{_INDENT}{_text(key)}: {_text(value)}\n"
        if kind is bool or value is None:
            return f"{_INDENT}{_text(key)}: {_WRITTEN_AS[value]}\n"
    text = _dumped({key: value}).removesuffix("\n").replace("\n", f"\n{_INDENT}")
    return f"{_INDENT}{text}\n"


def _text(text: str) -> str:
    """Return a scalar on one line; a JSON string is a double-quoted YAML scalar."""
    return text if _is_plain(text) else msgspec.json.encode(text).decode()


def _dumped(value: Any) -> str:
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=_ONE_LINE,
    )
    return text
