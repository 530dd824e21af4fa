"""The other direction: whether a template covers a given key, and with what bindings.

Time is linear in the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import product
from math import prod
from types import MappingProxyType
from typing import Final

from strataregula.core.segments import Glob, Literal, glob_matches
from strataregula.core.templates import Field, Slot, Template

__all__ = ["MAX_MIXED", "Coverage", "mixed_values"]

MAX_MIXED: Final = 1_000
"""So many values of one segment are tried one by one; beyond, the text itself is divided."""
_Assignment = dict[Slot, str]
_NO_ROWS: Final[frozenset[tuple[str, ...]]] = frozenset()
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Coverage:
    """Tests keys, given as segments, against one template."""

    __slots__ = ("_columns", "_depth", "_fields", "_rows", "template")

    def __init__(self, template: Template) -> None:
        self.template = template
        self._fields = tuple(_FieldTest(field, template) for field in template.fields)
        self._rows = tuple(factor.row_set for factor in template.factors)
        self._depth = any(not field for field in template.fields)
        self._columns = _columns(template)

    def covers(self, segments: Sequence[str]) -> bool:
        """Tell whether the template covers the key; faster than `bindings` where whole segments decide."""
        if self._columns is None:
            return self.bindings(segments) is not None
        if len(segments) != len(self._columns):
            return False
        for text, (fixed, rows) in zip(segments, self._columns):  # noqa: B905 - equal lengths, and hot
            if (text,) not in rows if fixed is None else text != fixed:
                return False
        return True

    def fits(self, number: int, text: str) -> bool:
        """Tell whether ``text`` can stand in segment ``number``, whatever the other segments are."""
        return bool(self._fields[number].assignments(text))

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


def _columns(template: Template) -> tuple[tuple[str | None, AbstractSet[tuple[str, ...]]], ...] | None:
    """Return what each whole segment must be, a text or a row; None where more than that decides."""
    slots = [field[0] for field in template.fields if len(field) == 1 and isinstance(field[0], Slot)]
    lone = all(len(field) == 1 and isinstance(field[0], str | Slot) for field in template.fields)
    if not lone or len(slots) != len(template.factors) or any(len(of.names) > 1 for of in template.factors):
        return None
    return tuple(
        (None, template.factors[piece.factor].row_set) if isinstance(piece, Slot) else (str(piece), _NO_ROWS)
        for piece in (field[0] for field in template.fields)
    )


def mixed_values(field: Field, template: Template) -> int:
    """Return how many values one segment has that is more than one slot between texts: all combinations.

    1 for one that is tested without trying values: its slots are independent and the text can be divided.
    """
    slots = [piece for piece in field if isinstance(piece, Slot)]
    plain = all(isinstance(piece, str | Slot) for piece in field)
    if (plain and len(slots) < 2) or _is_divided(field, template):
        return 1
    return _combinations(slots, template)


def _combinations(slots: Sequence[Slot], template: Template) -> int:
    return prod(len(template.factors[number].rows) for number in {slot.factor for slot in slots})


def _is_divided(field: Field, template: Template) -> bool:
    """Whether the text of a segment is divided among its slots: independent, with too many values to try."""
    slots = [piece for piece in field if isinstance(piece, Slot)]
    if len(slots) < 2 or not all(isinstance(piece, str | Slot) for piece in field):
        return False
    used = [piece for other in template.fields for piece in other if isinstance(piece, Slot)]
    alone = all(used.count(slot) == 1 and len(template.factors[slot.factor].names) == 1 for slot in slots)
    return alone and _combinations(slots, template) > MAX_MIXED


class _FieldTest:
    """Tests one segment.

    Fixed text, one slot between fixed texts, a glob, or a mixture: of many independent slots the text is
    divided, else it is tried value by value.
    """

    __slots__ = ("_division", "_ends", "_fixed", "_globs", "_slot", "_table", "_values")

    def __init__(self, field: Field, template: Template) -> None:
        self._fixed = field[0] if len(field) == 1 and isinstance(field[0], str) else None
        slots = [at for at, piece in enumerate(field) if isinstance(piece, Slot)]
        self._slot: Slot | None = None
        self._ends = "", ""
        self._values: AbstractSet[tuple[str, ...]] = frozenset()
        self._division: _Division | None = None
        self._table: dict[str, list[_Assignment]] = {}
        self._globs: list[tuple[Glob, _Assignment]] = []
        if len(slots) == 1 and all(isinstance(piece, str | Slot) for piece in field):
            slot = field[slots[0]]
            self._slot = slot if isinstance(slot, Slot) else None
            self._ends = "".join(map(str, field[: slots[0]])), "".join(map(str, field[slots[0] + 1 :]))
            self._values = _column(self._slot, template) if self._slot else frozenset()
        elif _is_divided(field, template):
            self._division = _Division(field, template)
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
        if self._division is not None:
            return self._division.of(text)
        return self._table.get(text, []) + [
            assigned for glob, assigned in self._globs if glob_matches(glob, text)
        ]


class _Division:
    """Divides a text among fixed texts and independent slots; any division is as good as another."""

    __slots__ = ("_pieces",)

    def __init__(self, field: Field, template: Template) -> None:
        self._pieces = [
            (piece, template.factors[piece.factor].row_set, template.factors[piece.factor].longest)
            if isinstance(piece, Slot)
            else (str(piece), _NO_ROWS, 0)
            for piece in field
        ]

    def of(self, text: str) -> list[_Assignment]:
        """Return the first division as the only one; none when there is none.

        The places where each piece can begin are carried from left to right, then walked back.
        """
        starts: list[dict[int, int]] = [{0: 0}]
        for piece, rows, longest in self._pieces:
            ends: dict[int, int] = {}
            for start in starts[-1]:
                if isinstance(piece, str):
                    if text.startswith(piece, start):
                        ends.setdefault(start + len(piece), start)
                    continue
                for end in range(start + 1, min(start + longest, len(text)) + 1):
                    if (text[start:end],) in rows:
                        ends.setdefault(end, start)
            starts.append(ends)
        if len(text) not in starts[-1]:
            return []
        assignment: _Assignment = {}
        end = len(text)
        for (piece, _, _), before in zip(reversed(self._pieces), reversed(starts), strict=False):
            start = before[end]
            if isinstance(piece, Slot):
                assignment[piece] = text[start:end]
            end = start
        return [assignment]


def _column(slot: Slot, template: Template) -> AbstractSet[tuple[str, ...]]:
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
