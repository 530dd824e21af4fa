"""The other direction: which templates cover a given key, and with what bindings, in time linear in the key.

`Coverage` tests one template, `RuleIndex` is a trie over the segments of many, so that only those that can
match are tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from strataregula.core.segments import Glob, Literal, glob_matches
from strataregula.core.templates import Field, Slot, Template

__all__ = ["Coverage", "RuleIndex"]

T = TypeVar("T")
_Assignment = dict[Slot, str]
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Coverage:
    """Tests keys, given as segments, against one template."""

    __slots__ = ("_depth", "_fields", "_rows", "template")

    def __init__(self, template: Template) -> None:
        self.template = template
        self._fields = tuple(_FieldTest(field, template) for field in template.fields)
        self._rows = tuple(factor.row_set for factor in template.factors)
        self._depth = any(not field for field in template.fields)

    def bindings(self, segments: Sequence[str]) -> Mapping[str, str] | None:
        """Return what the captures are bound to when the template covers the key, None when it does not."""
        if self._depth:
            found = self._aligned(segments)
        elif len(segments) == len(self._fields):
            found = [field.assignments(text) for field, text in zip(self._fields, segments, strict=True)]
        else:
            return None
        if found is None or not all(found):
            return None
        if not self._rows:
            return _NOTHING
        for choice in product(*found):
            assignment = self._united(choice)
            if assignment is not None:
                return self._named(assignment)
        return None

    def agreeing(self, segments: Sequence[str]) -> tuple[int, int]:
        """Count the positions at which the template and the key fit, and those of them that are fixed text.

        Templates whose length differs by more than one segment, or that have ``**``, come nowhere near.
        """
        if abs(len(segments) - len(self._fields)) > 1 or self._depth:
            return 0, 0
        fitting = [
            field for field, text in zip(self._fields, segments, strict=False) if field.assignments(text)
        ]
        return len(fitting), sum(field.is_fixed for field in fitting)

    def _united(self, choice: tuple[_Assignment, ...]) -> _Assignment | None:
        united: _Assignment = {}
        for part in choice:
            for slot, text in part.items():
                if united.setdefault(slot, text) != text:
                    return None
        for number, rows in enumerate(self._rows):
            names = self.template.factors[number].names
            if tuple(united[Slot(number, column)] for column in range(len(names))) not in rows:
                return None
        return united

    def _named(self, assignment: _Assignment) -> Mapping[str, str]:
        names = {slot: self.template.factors[slot.factor].names[slot.column] for slot in assignment}
        return {names[slot]: text for slot, text in assignment.items() if names[slot]}

    def _aligned(self, segments: Sequence[str]) -> list[list[_Assignment]] | None:
        """Align a template with ``**``: two pointers with one point of return, as in `glob_matches`."""
        found: list[list[_Assignment]] = [[{}] for _ in self._fields]
        field, at, deep, resume = 0, 0, -1, 0
        while at < len(segments) or field < len(self._fields):
            if field < len(self._fields) and not self.template.fields[field]:
                deep, resume = field, at
                field += 1
                continue
            step = (
                self._fields[field].assignments(segments[at])
                if field < len(found) and at < len(segments)
                else []
            )
            if step:
                found[field] = step
                field, at = field + 1, at + 1
            elif deep >= 0 and resume < len(segments):
                resume += 1
                field, at = deep + 1, resume
            else:
                return None
        return found


class _FieldTest:
    """Tests one segment.

    Fixed text, one slot between fixed texts, a glob, or a mixture whose slots are tried value by value.
    """

    __slots__ = ("_ends", "_fixed", "_globs", "_slot", "_table", "_values")

    def __init__(self, field: Field, template: Template) -> None:
        self._fixed = field[0] if len(field) == 1 and isinstance(field[0], str) else None
        slots = [at for at, piece in enumerate(field) if isinstance(piece, Slot)]
        self._slot: Slot | None = None
        self._ends = "", ""
        self._values: frozenset[tuple[str, ...]] = frozenset()
        self._table: dict[str, list[_Assignment]] = {}
        self._globs: list[tuple[Glob, _Assignment]] = []
        if len(slots) == 1 and all(isinstance(piece, str | Slot) for piece in field):
            slot = field[slots[0]]
            self._slot = slot if isinstance(slot, Slot) else None
            self._ends = "".join(map(str, field[: slots[0]])), "".join(map(str, field[slots[0] + 1 :]))
            self._values = _column(self._slot, template) if self._slot else frozenset()
        elif self._fixed is None and field:
            for assignment in _assignments(field, template):
                self._add(field, assignment)

    @property
    def is_fixed(self) -> bool:
        """True for a segment of fixed text."""
        return self._fixed is not None

    def _add(self, field: Field, assignment: _Assignment) -> None:
        glob = tuple(
            Literal(assignment[piece] if isinstance(piece, Slot) else piece)
            if isinstance(piece, Slot | str)
            else piece
            for piece in field
        )
        texts = [part.text for part in glob if isinstance(part, Literal)]
        if len(texts) == len(glob):
            self._table.setdefault("".join(texts), []).append(assignment)
        else:
            self._globs.append((glob, assignment))

    def assignments(self, text: str) -> list[_Assignment]:
        """Return the ways in which the segment can match ``text``; none when it cannot."""
        if self._fixed is not None:
            return [{}] if text == self._fixed else []
        if self._slot is not None:
            head, tail = self._ends
            middle = text[len(head) : len(text) - len(tail)]
            fits = text.startswith(head) and text.endswith(tail) and (middle,) in self._values
            return [{self._slot: middle}] if fits else []
        return self._table.get(text, []) + [
            assigned for glob, assigned in self._globs if glob_matches(glob, text)
        ]


def _column(slot: Slot, template: Template) -> frozenset[tuple[str, ...]]:
    """Return the values of one slot, each in a tuple of its own."""
    factor = template.factors[slot.factor]
    if len(factor.names) == 1:
        return factor.row_set
    return frozenset((row[slot.column],) for row in factor.rows)


def _assignments(field: Field, template: Template) -> Iterator[_Assignment]:
    columns: dict[int, list[int]] = {}
    for piece in field:
        if isinstance(piece, Slot) and piece.column not in columns.setdefault(piece.factor, []):
            columns[piece.factor].append(piece.column)
    per_factor = [
        [
            {Slot(number, column): row[column] for column in chosen}
            for row in {
                tuple(row[column] for column in chosen): row for row in template.factors[number].rows
            }.values()
        ]
        for number, chosen in columns.items()
    ]
    for parts in product(*per_factor):
        yield {slot: text for part in parts for slot, text in part.items()}


class _TrieNode(Generic[T]):
    __slots__ = ("fixed", "items", "open")

    def __init__(self) -> None:
        self.fixed: dict[str, _TrieNode[T]] = {}
        self.open: _TrieNode[T] | None = None
        self.items: list[T] = []


class RuleIndex(Generic[T]):
    """A trie over the segments of templates: fixed text or anything; templates with ``**`` stand apart.

    It answers with candidates: what it leaves out cannot match, what it names still has to be tested.
    """

    def __init__(self, templates: Iterable[tuple[Template, T]]) -> None:
        self._root: _TrieNode[T] = _TrieNode()
        self._deep: list[T] = []
        for template, item in templates:
            self._add(template, item)

    def _add(self, template: Template, item: T) -> None:
        if not all(template.fields):
            self._deep.append(item)
            return
        node = self._root
        for field in template.fields:
            if len(field) == 1 and isinstance(field[0], str):
                node = node.fixed.setdefault(field[0], _TrieNode())
            else:
                if node.open is None:
                    node.open = _TrieNode()
                node = node.open
        node.items.append(item)

    def candidates(self, segments: Sequence[str]) -> list[T]:
        """Return what may cover the key."""
        nodes = [self._root]
        for text in segments:
            nodes = [
                child for node in nodes for child in (node.fixed.get(text), node.open) if child is not None
            ]
        return [item for node in nodes for item in node.items] + self._deep

    def overlapping(self, template: Template) -> list[T]:
        """Return what may share a key with ``template``."""
        if not all(template.fields):
            return list(self._everything())
        nodes = [self._root]
        for field in template.fields:
            nodes = [child for node in nodes for child in _children(node, field, template)]
        return [item for node in nodes for item in node.items] + self._deep

    def _everything(self) -> Iterator[T]:
        yield from self._deep
        stack = [self._root]
        while stack:
            node = stack.pop()
            yield from node.items
            stack += [*node.fixed.values(), *([node.open] if node.open else [])]


def _children(node: _TrieNode[T], field: Field, template: Template) -> list[_TrieNode[T]]:
    lone = field[0] if len(field) == 1 else None
    if isinstance(lone, str):
        found = [node.fixed[lone]] if lone in node.fixed else []
    elif isinstance(lone, Slot) and len(node.fixed) > 8:
        values = {row[lone.column] for row in template.factors[lone.factor].rows}
        found = [child for text, child in node.fixed.items() if text in values]
    else:
        found = list(node.fixed.values())
    return found + ([node.open] if node.open else [])
