"""Output formats: each writes the sections of a compiled configuration to an open text file.

The bytes depend on the entries alone: source order, no clock, no host, no hash order.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TextIO

from strataregula.emit.json_format import write_json
from strataregula.emit.ndjson_format import write_ndjson
from strataregula.emit.python_format import write_python
from strataregula.emit.values import SectionSource, Writer
from strataregula.emit.yaml_format import write_yaml
from strataregula.errors import EmitError, UsageError, visible

__all__ = ["FORMATS", "write"]

FORMATS: Final[Mapping[str, Writer]] = MappingProxyType(
    {"json": write_json, "ndjson": write_ndjson, "yaml": write_yaml, "python": write_python}
)
"""Format name -> writer of ``(section name, entries)`` pairs."""


def write(compiled: SectionSource, file: TextIO, format: str, section: str | None = None) -> None:  # noqa: A002
    r"""Write all sections of ``compiled``, or only ``section``, to the text file ``file``.

    ``file`` is opened with UTF-8 and ``newline="\n"`` where the bytes matter. Raise `UsageError` for a format
    or section that does not exist, `EmitError` for a value that the format cannot hold.
    """
    writer = FORMATS.get(format)
    if writer is None:
        raise UsageError(f"unknown format {visible(format)!r}; choose one of {', '.join(FORMATS)}")
    names = tuple(compiled.sections)
    if section is not None and section not in names:
        known = ", ".join(visible(name) for name in names) or "none at all"
        raise UsageError(f"no section {visible(section)!r}; the sections are: {known}")
    chosen = names if section is None else (section,)
    try:
        writer(((name, compiled.section(name)) for name in chosen), file)
    except UnicodeEncodeError as error:
        lone = ascii(error.object[error.start : error.start + 1])
        message = f"text with the lone surrogate {lone} has no UTF-8 form; only --format python can hold it"
        raise EmitError(message) from None
