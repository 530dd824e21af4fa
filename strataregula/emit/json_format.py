"""JSON: one object a section, ``{"service_times": {"edge.tokyo.api": 7}}``, one entry a line."""

from __future__ import annotations

from typing import TextIO

import msgspec

from strataregula.emit.values import Sections, converted, escaped, plain_json

__all__ = ["write_json"]

_INDENT = "  "


def write_json(sections: Sections, file: TextIO) -> None:
    """Write ``sections`` in source order as one JSON object, indented by two, with a final line feed.

    Dates and times are ISO 8601 strings; infinity, nan and bytes raise `EmitError`. A number is written with
    the fewest digits that read back to the same value.
    """
    file.write("{")
    between_sections = ""
    for name, entries in sections:
        file.write(f"{between_sections}\n{_INDENT}{escaped(msgspec.json.encode(name).decode())}: {{")
        between_sections = ","
        between_batches = ""
        for batch in converted(name, entries.items(), plain_json):
            text = escaped(msgspec.json.format(msgspec.json.encode(batch), indent=2)[1:-2].decode())
            file.write(between_batches + text.replace("\n", f"\n{_INDENT}"))
            between_batches = ","
        file.write(f"\n{_INDENT}}}" if between_batches else "}")
    file.write("\n}\n" if between_sections else "}\n")
