"""Output formats: each writes the sections of a compiled configuration to an open text file.

The bytes depend on the entries alone: source order, no clock, no host, no hash order.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TextIO

from strataregula.emit.json_format import write_json
from strataregula.emit.ndjson_format import write_ndjson
from strataregula.emit.nested import nested_sections
from strataregula.emit.python_format import write_python
from strataregula.emit.values import SectionSource, Writer
from strataregula.emit.yaml_format import write_yaml
from strataregula.errors import EmitError, UsageError, visible

__all__ = ["FORMATS", "NESTING", "write"]

FORMATS: Final[Mapping[str, Writer]] = MappingProxyType(
    {"json": write_json, "ndjson": write_ndjson, "yaml": write_yaml, "python": write_python}
)
"""Format name -> writer of ``(section name, entries)`` pairs."""
NESTING: Final = ("json", "yaml")
"""Formats that can be written as mappings inside mappings."""


def write(
    compiled: SectionSource,
    file: TextIO,
    format: str,  # noqa: A002
    section: str | None = None,
    *,
    nested: bool = False,
) -> None:
    r"""Write all sections of ``compiled``, or only ``section``, to the text file ``file``.

    ``file`` is opened with UTF-8 and ``newline="\n"`` where the bytes matter. Raise `UsageError` for a format
    or section that does not exist, `EmitError` for a value that the format cannot hold. With ``nested`` the
    keys become mappings inside mappings, a level a segment; only json and yaml can be written so.
    """
    writer = FORMATS.get(format)
    if writer is None:
        raise UsageError(f"unknown format {visible(format)!r}; choose one of {', '.join(FORMATS)}")
    if nested and format not in NESTING:
        raise UsageError(f"{format} is not written nested; choose one of {', '.join(NESTING)}")
    names = tuple(compiled.sections)
    if section is not None and section not in names:
        known = ", ".join(visible(name) for name in names) or "none at all"
        raise UsageError(f"no section {visible(section)!r}; the sections are: {known}")
    chosen = names if section is None else (section,)
    try:
        written = ((name, compiled.section(name)) for name in chosen)
        writer(nested_sections(written) if nested else written, file)
    except UnicodeEncodeError as error:
        lone = ascii(error.object[error.start : error.start + 1])
        message = f"text with the lone surrogate {lone} has no UTF-8 form; only --format python can hold it"
        raise EmitError(message) from None
