"""NDJSON: an object a line for each entry, ``{"section":"timeouts","key":"edge.tokyo.api","value":7}``."""

from __future__ import annotations

from typing import TextIO

import msgspec

from strataregula.emit.values import Sections, converted, escaped, plain_json

__all__ = ["write_ndjson"]


def write_ndjson(sections: Sections, file: TextIO) -> None:
    """Write every entry as one line; the values have the forms that JSON output gives them.

    The entries are read once and in order, so they may come from a stream of any length.
    """
    encoder = msgspec.json.Encoder()
    for name, entries in sections:
        for batch in converted(name, entries.items(), plain_json):
            lines = [{"section": name, "key": key, "value": value} for key, value in batch.items()]
            file.write(escaped(encoder.encode_lines(lines).decode()))
