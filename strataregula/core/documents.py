"""[edge] Sources to documents: files, folders and mappings in, trees of nodes with positions out.

The format follows the suffix (``.yaml``, ``.yml``, ``.json``). A folder is one layer made of the files of
these suffixes directly in it, hidden ones left out, in the order of their names; of a glob every file is a
layer. What a document names under ``layers:`` goes below it. Every failure is a diagnostic; nothing here
raises for bad input.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from strataregula.core.json_nodes import read_json
from strataregula.core.nodes import ListNode, MapNode, Node, ScalarNode, kind_of, node_of, read_texts
from strataregula.diagnostics import DiagnosticLog
from strataregula.model import Layer, Place, shown

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_LAYERS",
    "Document",
    "Files",
    "MemoryFiles",
    "Source",
    "SystemFiles",
    "read_sources",
]

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
MAX_LAYERS: Final = 100
"""Layers that may be named by others, in all and inside each other."""
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_MAGIC: Final = re.compile(r"[*?\[]")

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

    def matching(self, pattern: str) -> list[str]:
        """Return the files with a known suffix whose paths match ``*``, ``?`` and ``[...]``, sorted.

        Hidden files are left out, and ``**`` is no more than ``*``.
        """


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

    def matching(self, pattern: str) -> list[str]:
        """Return the files with a known suffix that match, sorted."""
        found = (name for name in glob.glob(pattern) if name.endswith(_SUFFIXES))  # noqa: PTH207 - texts
        return sorted(name for name in found if Path(name).is_file())


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

    def matching(self, pattern: str) -> list[str]:
        """Return the paths with a known suffix that match, sorted."""
        wanted = pattern.split("/")
        return sorted(name for name in self.files if name.endswith(_SUFFIXES) and _fits(name, wanted))


def _fits(name: str, wanted: list[str]) -> bool:
    parts = name.split("/")
    return len(parts) == len(wanted) and all(
        fnmatch.fnmatchcase(part, pattern) and (part[0] != "." or pattern[0] == ".")
        for part, pattern in zip(parts, wanted, strict=True)
    )


def read_sources(sources: tuple[Source, ...], log: DiagnosticLog, files: Files) -> list[Document]:
    """Read every source, base first, each after the files that its ``layers:`` name.

    Problems go to ``log`` and the documents that could be read are returned.

    Raise `TypeError` for a source that is neither a path nor a mapping.
    """
    reader = _Reader(log, files)
    for number, source in enumerate(sources, start=1):
        if isinstance(source, Mapping):
            name = f"<mapping {number}>"
            root = node_of(source, name, log)
            if isinstance(root, MapNode):
                reader.layer(name, "", [_Parsed(name, root, repr(_ordered(root)).encode())])
        else:
            reader.path(os.fsdecode(source), None)
    return reader.documents


class _Parsed(NamedTuple):
    name: str
    root: MapNode
    content: bytes


class _Reader:
    """Reads sources and what they name under ``layers:``; what is named again stays where it was first."""

    def __init__(self, log: DiagnosticLog, files: Files) -> None:
        self.log, self.files = log, files
        self.documents: list[Document] = []
        self.layers = 0
        self.seen: set[str] = set()
        self.open: list[str] = []

    def path(self, path: str, named_at: Place | None) -> None:
        """Read a file, a folder, or every file that a glob matches, each as one layer."""
        try:
            children = self.files.children(path)
        except (OSError, ValueError) as error:
            self.log.report("unreadable", f"cannot list the folder: {_reason(error)}", Place(path))
            return
        if children is not None:
            self.folder(path, [child for child in children if child.endswith(_SUFFIXES)])
            return
        matches = self.files.matching(path) if _MAGIC.search(path) else []
        for match in matches or [path]:
            self.file(match, named_at)

    def folder(self, path: str, children: list[str]) -> None:
        if not children:
            self.log.report("unreadable", f"no {', '.join(_SUFFIXES)} file in this folder", Place(path))
        parsed = [self.parsed(child, None) for child in children]
        self.layer(path, path, [one for one in parsed if one is not None])

    def file(self, path: str, named_at: Place | None) -> None:
        parsed = self.parsed(path, named_at)
        if parsed is not None:
            self.layer(path, os.path.dirname(path), [parsed])  # noqa: PTH120 - a text, as it was given

    def parsed(self, path: str, named_at: Place | None) -> _Parsed | None:
        try:
            content = self.files.read(path, MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            if named_at is None:
                message, place = f"cannot read the file: {_reason(error)}", Place(path)
            else:
                message, place = f"cannot read the layer {path}: {_reason(error)}", named_at
            self.log.report("unreadable", message, place, hint="check the path")
            return None
        if len(content) > MAX_FILE_BYTES:
            message = f"the file is larger than {MAX_FILE_BYTES // 2**20} MiB"
            self.log.report("file-size", message, Place(path), hint="split it into several files")
            return None
        text = _decode(content, path, self.log)
        if text is None:
            return None
        self.log.add_source(path, text)
        root = _parse(text, path, self.log)
        return None if root is None else _Parsed(path, root, content)

    def layer(self, name: str, folder: str, parsed: list[_Parsed]) -> None:
        """Add one layer of some documents, the layers that they name before it."""
        names = [os.path.normpath(one.name) for one in parsed]
        self.open += names
        for one in parsed:
            entry = one.root.find("layers")
            if entry is not None:
                self.named(entry.node, folder, one.name)
        del self.open[len(self.open) - len(names) :]
        self.seen.update(names)
        layer = Layer(self.layers, name)
        self.layers += 1
        self.documents += [Document(layer, *one) for one in parsed]

    def named(self, node: Node, folder: str, file: str) -> None:
        """Read the layers that a document names, relative to its folder."""
        for text, place in read_texts(node, file, "layers", "[base.yaml, regions/*.yaml]", self.log):
            if os.path.isabs(text) or not text:  # noqa: PTH117 - a text, as it was written
                message = f"the layer {text!r} is no path relative to this document"
                self.log.report("layer-path", message, place, hint="write base.yaml or ../common/base.yaml")
                continue
            path = os.path.normpath(os.path.join(folder, text))  # noqa: PTH118 - a text, as it was written
            matches = [path]
            if _MAGIC.search(path):
                matches = [match for match in self.files.matching(path) if match not in self.open]
            if not matches:
                message = f"no {', '.join(_SUFFIXES)} file matches the layer {text!r}"
                self.log.report("unreadable", message, place, hint="check the path")
            for match in matches:
                self.lower(match, place)

    def lower(self, path: str, place: Place) -> None:
        if path in self.open:
            cycle = " -> ".join([*self.open[self.open.index(path) :], path])
            self.log.report("layer-cycle", f"the layers name each other: {cycle}", place, hint="remove one")
        elif len(self.open) >= MAX_LAYERS or self.layers >= MAX_LAYERS:
            message = f"more than {MAX_LAYERS} layers name each other"
            self.log.report("limit", message, place, hint="name fewer, or put files into one folder")
        elif path not in self.seen:
            self.path(path, place)


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


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


def _ordered(node: Node) -> object:
    """Return nested tuples that tell types apart and keep the order, for the fingerprint."""
    if isinstance(node, MapNode):
        return ("map", tuple((entry.key, _ordered(entry.node)) for entry in node.entries))
    if isinstance(node, ListNode):
        return ("list", tuple(map(_ordered, node.items)))
    value = node.value
    if isinstance(value, frozenset):
        value = sorted(value, key=shown)
    elif isinstance(value, int) and value.bit_length() > 10_000:
        value = hex(value)
    return (type(node.value).__name__, value)
