"""Which of many templates can cover a key: a trie over their segments, walked once for each key.

An edge is fixed text, the fixed text that a segment begins with, anything, or ``**`` (a node that stays where
it is). The answer is candidates: what the trie leaves out cannot match, what it names still has to be tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from strataregula.core.templates import Field, Slot, Template

__all__ = ["RuleIndex"]

T = TypeVar("T")


class _TrieNode(Generic[T]):
    __slots__ = ("anything", "deep", "fixed", "heads", "items", "stays")

    def __init__(self, *, stays: bool = False) -> None:
        self.fixed: dict[str, _TrieNode[T]] = {}
        self.heads: dict[int, dict[str, _TrieNode[T]]] = {}
        self.anything: _TrieNode[T] | None = None
        self.deep: _TrieNode[T] | None = None
        self.stays = stays
        self.items: list[T] = []

    def child(self, field: Field) -> _TrieNode[T]:
        """Return the node behind a segment, made when it is the first of its kind."""
        first = field[0] if field else None
        if isinstance(first, str):
            table = self.fixed if len(field) == 1 else self.heads.setdefault(len(first), {})
            return table.setdefault(first, _TrieNode())
        if field:
            self.anything = self.anything or _TrieNode()
            return self.anything
        if self.stays:
            return self
        self.deep = self.deep or _TrieNode(stays=True)
        return self.deep

    def children(self) -> Iterator[_TrieNode[T]]:
        """Yield every node directly below."""
        yield from self.fixed.values()
        for table in self.heads.values():
            yield from table.values()
        yield from (node for node in (self.anything, self.deep) if node is not None)

    def step(self, text: str, reached: list[_TrieNode[T]]) -> None:
        """Append the nodes that a segment of a key leads to."""
        node = self.fixed.get(text)
        if node is not None:
            reached.append(node)
        if self.anything is not None:
            reached.append(self.anything)
        for length, table in self.heads.items():
            node = table.get(text[:length])
            if node is not None:
                reached.append(node)
        if self.stays:
            reached.append(self)

    def meeting(self, field: Field, template: Template) -> Iterator[_TrieNode[T]]:
        """Yield the nodes that a segment of a template, not of fixed text, may lead to."""
        first = field[0]
        head = first if isinstance(first, str) else ""
        if isinstance(first, Slot) and len(field) == 1 and len(self.fixed) > 8:
            values = {row[first.column] for row in template.factors[first.factor].rows}
            yield from (node for text, node in self.fixed.items() if text in values)
        else:
            yield from (node for text, node in self.fixed.items() if text.startswith(head))
        for length, table in self.heads.items():
            start = head[:length]
            yield from (node for text, node in table.items() if start.startswith(text[: len(start)]))
        if self.anything is not None:
            yield self.anything
        if self.stays:
            yield self


class RuleIndex(Generic[T]):
    """Files items under the templates that they belong to."""

    def __init__(self, templates: Iterable[tuple[Template, T]]) -> None:
        self._root: _TrieNode[T] = _TrieNode()
        self._has_deep = False
        for template, item in templates:
            node = self._root
            fields = template.fields
            for field in fields:
                node = node.child(field)
            node.items.append(item)
            self._has_deep = self._has_deep or not all(fields)

    def candidates(self, segments: Sequence[str]) -> list[T]:
        """Return what may cover the key."""
        nodes = self._closed([self._root])
        for text in segments:
            reached: list[_TrieNode[T]] = []
            for node in nodes:
                node.step(text, reached)
            nodes = self._closed(reached)
        return [item for node in nodes for item in node.items]

    def overlapping(self, template: Template) -> list[T]:
        """Return what may share a key with ``template``; everything for one with ``**``."""
        fields = template.fields
        if not all(fields):
            return list(self._everything())
        nodes = self._closed([self._root])
        for field in fields:
            reached: list[_TrieNode[T]] = []
            for node in nodes:
                if len(field) == 1 and isinstance(field[0], str):
                    node.step(field[0], reached)
                else:
                    reached += node.meeting(field, template)
            nodes = self._closed(reached)
        return [item for node in nodes for item in node.items]

    def _closed(self, nodes: list[_TrieNode[T]]) -> list[_TrieNode[T]]:
        """Add the nodes that ``**`` reaches without a segment; each node once."""
        if not self._has_deep:
            return nodes
        deep = [node.deep for node in nodes if node.deep is not None]
        return list(dict.fromkeys([*nodes, *deep]))

    def _everything(self) -> Iterator[T]:
        stack = [self._root]
        while stack:
            node = stack.pop()
            yield from node.items
            stack += node.children()
