"""[edge] A small JSON file that is reviewed: changed under a lock, written so that a diff is easy to read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bench.errors import StoreError
from bench.store.atomic import unwritable

LOCK_SECONDS = 30.0
_DIGITS = 6


def read_if_there(path: Path) -> bytes | None:
    """The content of a file, None where there is none; StoreError where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def locked(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Keep every other process from changing ``path`` meanwhile; StoreError after ``seconds`` of waiting."""
    lock_path = path.with_name(f".{path.name}.lock")
    lock = FileLock(lock_path, timeout=seconds)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"{path}: another process has been writing it for {seconds:g} s",
            hint=f"wait for it; if there is none, delete {lock_path}",
        ) from None
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield
    finally:
        # Removed while held: who waits on the removed file notices (no links) and opens a new one.
        lock_path.unlink(missing_ok=True)
        lock.release()


def to_text(document: Mapping[str, Any]) -> bytes:
    """UTF-8 JSON, one space of indentation, one line per list of plain values, a line break at the end."""
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return (re.sub(r"\[\n[^\[\]{}\"]*\]", _on_one_line, text) + "\n").encode("utf-8")


def in_order(value: Any) -> Any:
    """The same document with the keys of all its objects sorted."""
    if isinstance(value, Mapping):
        return {key: in_order(value[key]) for key in sorted(value)}
    return value


def rounded(number: float) -> float | int:
    """Six significant digits; whole numbers (bytes, counts) stay exact."""
    return int(number) if float(number).is_integer() else float(f"{number:.{_DIGITS}g}")


def _on_one_line(found: re.Match[str]) -> str:
    return re.sub(r"\s*\n\s*", " ", found[0]).replace("[ ", "[").replace(" ]", "]")
