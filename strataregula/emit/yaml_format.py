"""YAML: one mapping a section; loads back to the same mapping, with a YAML 1.1 and a 1.2 reader."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TextIO

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
_PLAIN: Final = re.compile(r"[^\W\d_](?:[^\W_]|[ _./-])*")
_BOOLEANS_OF_1_1: Final = frozenset({"y", "n", "Y", "N"})


class _Dumper(BaseDumper):
    """Safe types only and no anchors: equal values of different keys stay independent when loaded."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  -- PyYAML's signature
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) is not None and text not in _BOOLEANS_OF_1_1
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


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
        for batch in converted(name, entries.items(), plain_yaml):
            text = _dumped(batch).removesuffix("\n").replace("\n", f"\n{_INDENT}")
            file.write(f"{_INDENT}{text}\n")
    if not written:
        file.write("{}\n")


def _header(name: str) -> str:
    scalar = _dumped(name).removesuffix("...\n").removesuffix("\n")
    return f"{scalar}:\n" if len(scalar) <= _SIMPLE_KEY else f"? {scalar}\n:\n"


def _dumped(value: Any) -> str:
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=_ONE_LINE,
    )
    return escaped(text)
