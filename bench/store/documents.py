"""JSON bytes into checked documents: the format name, the version and its steps, the place of every fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.errors import DamagedFileError, NewerFormatError

_T = TypeVar("_T")
_NEWLINE = b"\n"

Step = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns a document of one version into the next; it need not touch ``version``."""


def decode_object(data: bytes, place: str) -> dict[str, Any]:
    """Parse one JSON object; DamagedFileError names ``place`` with line and column."""
    hint = "restore it from version control, or delete it and measure again; nothing was overwritten"
    if not data.strip():
        raise DamagedFileError(f"{place}: is empty", hint=hint)
    if b"<<<<<<< " in data:
        line = data[: data.index(b"<<<<<<< ")].count(b"\n") + 1
        raise DamagedFileError(
            f"{place}:{line}: holds an unresolved merge conflict", hint="resolve it, then run again"
        )
    try:
        document = msgspec.json.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DamagedFileError(f"{place}: not UTF-8 text (byte {error.start})", hint=hint) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise DamagedFileError(
            f"{place}{_line_and_column(data, str(error))}: not valid JSON: {error}", hint=hint
        ) from None
    if not isinstance(document, dict):
        raise DamagedFileError(f"{place}: expected an object, got {type(document).__name__}", hint=hint)
    return document


def upgrade(
    document: dict[str, Any], place: Path, name: str, steps: Mapping[int, Step], newest: int
) -> dict[str, Any]:
    """Check ``format`` and ``version`` and lift the document, one step a version, to ``newest``."""
    if document.get("format") != name:
        raise DamagedFileError(
            f"{place}: format: expected {name!r}, got {document.get('format')!r}",
            hint="is this the right file?",
        )
    version = document.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise DamagedFileError(f"{place}: version: expected a whole number from 1, got {version!r}")
    if version > newest:
        raise NewerFormatError(
            f"{place}: written in version {version} of its format; this program knows up to {newest}",
            hint="install a newer bench-guard: python -m pip install --upgrade strataregula",
        )
    for step in range(version, newest):
        document = steps[step](document)
    return document | {"version": newest}


def convert(document: Any, kind: type[_T], place: str) -> _T:
    """Turn a parsed document into typed data; DamagedFileError names the path inside the file."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise DamagedFileError(
            f"{place}: {error}", hint="restore it from version control; nothing was overwritten"
        ) from None


def _line_and_column(data: bytes, message: str) -> str:
    found = re.search(r"\(byte (\d+)\)", message)
    before = data[: int(found[1])] if found else data
    return f":{before.count(_NEWLINE) + 1}:{len(before) - before.rfind(_NEWLINE)}"
