"""A document as a tree that remembers where everything was written, whatever language it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from strataregula.core.values import MAX_DEPTH, FrozenDict, FrozenList, checked_scalar
from strataregula.diagnostics import DiagnosticLog
from strataregula.model import Place

__all__ = [
    "NO_MARK",
    "ListNode",
    "MapEntry",
    "MapNode",
    "Mark",
    "Node",
    "ScalarNode",
    "kind_of",
    "node_of",
    "plain",
    "read_texts",
]

Mark: TypeAlias = tuple[int, int]
"""Line and column, both counted from 1; ``(0, 0)`` when there is no text."""

NO_MARK: Mark = (0, 0)
_FLATTEN: Final = "give what is inside a key of its own"


class ScalarNode(NamedTuple):
    """A value without parts; ``text`` is how it was written (YAML's ``on`` has the value True)."""

    value: Any
    mark: Mark
    text: str = ""


class ListNode(NamedTuple):
    """A list of nodes."""

    items: tuple[Node, ...]
    mark: Mark


class MapEntry(NamedTuple):
    """One key of a mapping, its place and its value."""

    key: str
    mark: Mark
    node: Node


class MapNode(NamedTuple):
    """A mapping in the order of its source; no key stands twice."""

    entries: tuple[MapEntry, ...]
    mark: Mark

    def find(self, key: str) -> MapEntry | None:
        """Return the entry of ``key`` or None."""
        return next((entry for entry in self.entries if entry.key == key), None)


Node: TypeAlias = ScalarNode | ListNode | MapNode


def plain(node: Node) -> Any:
    """Return the immutable value of a node."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return FrozenList(map(plain, node.items))
    return FrozenDict({entry.key: plain(entry.node) for entry in node.entries})


def kind_of(node: Node) -> str:
    """Name what a node is for a message: ``a list``, ``a mapping``, ``text``, ``a number``, ..."""
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a mapping"
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "empty"}
    return names.get(type(node.value), f"a {type(node.value).__name__}")


def read_texts(
    node: Node, file: str, owner: str, example: str, log: DiagnosticLog
) -> list[tuple[str, Place]]:
    """Return the texts of a list with their places; what is no list of texts goes to ``log``.

    ``owner`` is what the list belongs to, ``example`` how it might be written.
    """
    if not isinstance(node, ListNode):
        message = f"{owner} is {kind_of(node)} where a list is meant"
        log.report("list-expected", message, Place(file, *node.mark), hint=f"write {owner}: {example}")
        return []
    found = []
    for item in node.items:
        place = Place(file, *item.mark)
        if isinstance(item, ScalarNode) and isinstance(item.value, str):
            found.append((item.value, place))
        else:
            message = f"{owner} holds {kind_of(item)}; every item is text"
            log.report("list-expected", message, place, hint=f"write {owner}: {example}")
    return found


def node_of(value: Any, name: str, log: DiagnosticLog) -> Node | None:
    """Turn plain data from Python into nodes without positions.

    Values that cannot be compiled and keys that are not text are reported to ``log`` as diagnostics of the
    source ``name``.
    """
    return _Mapped(name, log).node(value, (), 0)


def _written(value: Any) -> str:
    """Return a scalar as text; the empty text for an integer that Python refuses to write in decimal."""
    try:
        return str(value)
    except ValueError:
        return ""


class _Mapped:
    """Turns a mapping from Python into nodes without positions."""

    def __init__(self, name: str, log: DiagnosticLog) -> None:
        self.name, self.log = name, log

    def node(self, value: Any, path: tuple[str, ...], depth: int) -> Node | None:
        if depth > MAX_DEPTH:
            self.fail(
                "nesting", f"nested more than {MAX_DEPTH} levels deep, or contains itself", path[:3], _FLATTEN
            )
            return None
        if isinstance(value, Mapping):
            return self.mapping(value, path, depth)
        if isinstance(value, list | tuple):
            items = [self.node(item, path, depth + 1) for item in value]
            return ListNode(tuple(item for item in items if item is not None), NO_MARK)
        try:
            return ScalarNode(checked_scalar(value), NO_MARK, _written(value))
        except TypeError as error:
            self.fail("value-type", str(error), path, "convert it before compiling")
            return None

    def mapping(self, value: Mapping[Any, Any], path: tuple[str, ...], depth: int) -> MapNode:
        entries: dict[str, MapEntry] = {}
        for key, item in value.items():
            text = str(key)
            if not isinstance(key, str):
                message = f"the key {key!r} is {type(key).__name__}, not text"
                self.fail("key-type", message, path, hint=f'quote it: "{text}"')
            node = self.node(item, (*path, text), depth + 1)
            if node is not None:
                entries[text] = MapEntry(text, NO_MARK, node)
        return MapNode(tuple(entries.values()), NO_MARK)

    def fail(self, code: str, message: str, path: tuple[str, ...], hint: str = "") -> None:
        where = f" (under {' > '.join(path)})" if path else ""
        self.log.report(code, message + where, Place(self.name), hint=hint)
