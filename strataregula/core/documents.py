"""[edge] Sources to documents: files, folders and mappings in, trees of nodes with positions out.

The format follows the suffix (``.yaml``, ``.yml``, ``.json``). A folder is one layer made of the files of
these suffixes directly in it, hidden ones left out, in the order of their names. Every failure is a
diagnostic; nothing here raises for bad input.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from strataregula.core.json_nodes import read_json
from strataregula.core.nodes import ListNode, MapNode, Node, ScalarNode, kind_of, node_of
from strataregula.diagnostics import DiagnosticLog
from strataregula.model import Layer, Place, shown

__all__ = [
    "MAX_FILE_BYTES",
    "Document",
    "Files",
    "MemoryFiles",
    "Source",
    "SystemFiles",
    "read_sources",
]

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
_SUFFIXES: Final = (".yaml", ".yml", ".json")

Source: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any]"


class Document(NamedTuple):
    """One parsed file or mapping; ``content`` is what the fingerprint hashes."""

    layer: Layer
    name: str
    root: MapNode
    content: bytes


class Files(Protocol):
    """The edge to the file system."""

    def children(self, path: str) -> list[str] | None:
        """Return the paths directly in a folder, sorted, or None when ``path`` is no folder."""

    def read(self, path: str, limit: int) -> bytes:
        """Return at most ``limit`` bytes of a file; raise `OSError`."""


class SystemFiles:
    """The real file system."""

    def children(self, path: str) -> list[str] | None:
        """Return the paths in a folder in the order of their names, or None when it is no folder."""
        folder = Path(path)
        if not folder.is_dir():
            return None
        return sorted(str(child) for child in folder.iterdir() if child.is_file() and child.name[0] != ".")

    def read(self, path: str, limit: int) -> bytes:
        """Return at most ``limit`` bytes of a file; raise `OSError`."""
        with Path(path).open("rb") as file:
            return file.read(limit)


class MemoryFiles:
    """Files that are only a mapping of path to bytes; folders are the part before the last slash."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def children(self, path: str) -> list[str] | None:
        """Return the paths under ``path/``, or None when there are none."""
        return sorted(name for name in self.files if name.rpartition("/")[0] == path) or None

    def read(self, path: str, limit: int) -> bytes:
        """Return at most ``limit`` bytes; raise `FileNotFoundError` for an unknown path."""
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.files[path][:limit]


def read_sources(sources: tuple[Source, ...], log: DiagnosticLog, files: Files) -> list[Document]:
    """Read every source, base first.

    Problems go to ``log`` and the documents that could be read are returned.

    Raise `TypeError` for a source that is neither a path nor a mapping.
    """
    documents: list[Document] = []
    for index, source in enumerate(sources):
        if isinstance(source, Mapping):
            name = f"<mapping {index + 1}>"
            found = [_from_mapping(source, Layer(index, name), log)]
        else:
            path = os.fsdecode(source)
            found = _read_path(path, Layer(index, path), log, files)
        documents += [document for document in found if document is not None]
    return documents


def _read_path(path: str, layer: Layer, log: DiagnosticLog, files: Files) -> list[Document | None]:
    try:
        children = files.children(path)
    except (OSError, ValueError) as error:
        log.report("unreadable", f"cannot list the folder: {_reason(error)}", Place(path))
        return []
    if children is None:
        return [_read_file(path, layer, log, files)]
    wanted = [child for child in children if child.endswith(_SUFFIXES)]
    if not wanted:
        log.report("unreadable", f"no {', '.join(_SUFFIXES)} file in this folder", Place(path))
    return [_read_file(child, layer, log, files) for child in wanted]


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _read_file(path: str, layer: Layer, log: DiagnosticLog, files: Files) -> Document | None:
    try:
        content = files.read(path, MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        log.report(
            "unreadable", f"cannot read the file: {_reason(error)}", Place(path), hint="check the path"
        )
        return None
    if len(content) > MAX_FILE_BYTES:
        log.report("file-size", f"the file is larger than {MAX_FILE_BYTES // 2**20} MiB", Place(path))
        return None
    text = _decode(content, path, log)
    if text is None:
        return None
    log.add_source(path, text)
    root = _parse(text, path, log)
    return None if root is None else Document(layer, path, root, content)


def _decode(content: bytes, path: str, log: DiagnosticLog) -> str | None:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = content[: error.start].decode("utf-8", "replace")
        place = Place(path, good.count("\n") + 1, len(good) - good.rfind("\n"))
        message = f"byte 0x{content[error.start]:02x} is not UTF-8"
        log.report("encoding", message, place, hint="save the file as UTF-8")
        return None


def _parse(text: str, path: str, log: DiagnosticLog) -> MapNode | None:
    if not path.endswith(_SUFFIXES):
        hint = f"name it {path}.yaml or {path}.json"
        log.report("unknown-format", f"the suffix is none of {', '.join(_SUFFIXES)}", Place(path), hint=hint)
        return None
    before = len(log.errors)
    if not text.strip():
        node: Node | None = None
    elif path.endswith(".json"):
        node = read_json(text, path, log)
    else:
        from strataregula.core.yaml_nodes import read_yaml  # noqa: PLC0415 - PyYAML costs 15 ms, JSON never needs it

        node = read_yaml(text, path, log)
    if node is None:
        if len(log.errors) == before:
            hint = "write at least one section: name: {pattern: value}"
            log.report("empty-document", "the document is empty", Place(path, 1, 1), hint=hint)
        return None
    return _root(node, path, log)


def _root(node: Node, path: str, log: DiagnosticLog) -> MapNode | None:
    if isinstance(node, MapNode):
        return node
    if isinstance(node, ScalarNode) and node.value is None:
        log.report("empty-document", "the document is empty", Place(path, *node.mark))
        return None
    message = f"the document is {kind_of(node)}, not a mapping of sections"
    hint = "put the rules under a name: section: {pattern: value}"
    log.report("document-type", message, Place(path, *node.mark), hint=hint)
    return None


def _from_mapping(source: Mapping[str, Any], layer: Layer, log: DiagnosticLog) -> Document | None:
    node = node_of(source, layer.name, log)
    if not isinstance(node, MapNode):
        return None
    return Document(layer, layer.name, node, repr(_ordered(node)).encode())


def _ordered(node: Node) -> object:
    """Return nested tuples that tell types apart and keep the order, for the fingerprint."""
    if isinstance(node, MapNode):
        return ("map", tuple((entry.key, _ordered(entry.node)) for entry in node.entries))
    if isinstance(node, ListNode):
        return ("list", tuple(map(_ordered, node.items)))
    value = node.value
    if isinstance(value, frozenset):
        value = sorted(value, key=shown)
    elif isinstance(value, int):
        value = hex(value)
    return (type(node.value).__name__, value)
