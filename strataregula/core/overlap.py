"""Which keys of one template another one covers too, found without walking all of them.

Segment by segment the values that cannot stand in the other template are dropped, so that of a rule of 10^9
keys only those are made that have a chance. Looking for such keys is paid from a `Budget`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import Final

from strataregula.core.coverage import Coverage
from strataregula.core.segments import parse_key
from strataregula.core.templates import MAX_HELD, Factor, Field, Slot, Template

__all__ = ["Budget", "BudgetSpentError", "covered_keys", "narrowed"]

_Alignment = tuple[tuple[int, int], ...]
_MAX_ALIGNMENTS: Final = 1_000


class BudgetSpentError(Exception):
    """The search was given up; what it would have found is not known."""


class Budget:
    """How many steps (one segment tested, one key made) a search may still take."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Take ``steps`` away; raise `BudgetSpentError` when there are not so many."""
        self.left -= steps
        if self.left < 0:
            raise BudgetSpentError


def narrowed(maker: Template, test: Coverage, budget: Budget) -> Iterator[Template]:
    """Yield templates that together make every key of ``maker`` that ``test`` covers, and few others.

    One template for each way in which the segments can stand beside each other; they may share keys.
    """
    return _Overlap(maker, test, budget).templates()


def covered_keys(maker: Template, others: Iterable[Template], budget: Budget | None = None) -> set[str]:
    """Return the keys of ``maker`` that any of the others covers."""
    budget = budget or Budget(sys.maxsize)
    found: set[str] = set()
    for other in others:
        test = Coverage(other)
        for template in narrowed(maker, test, budget):
            budget.spend(template.size)
            found.update(
                key for key in template.iter_keys() if key not in found and test.covers(parse_key(key))
            )
    return found


class _Overlap:
    def __init__(self, maker: Template, test: Coverage, budget: Budget) -> None:
        self.maker, self.test, self.budget = maker, test, budget
        self.fields = maker.fields
        self.theirs = test.template.fields
        self.factors = [_lone_factor(field) for field in self.fields]
        self.known: dict[tuple[int, int], bool] = {}
        self.texts: dict[tuple[int, str], bool] = {}

    def templates(self) -> Iterator[Template]:
        for number, alignment in enumerate(self.alignments(0, 0)):
            if number >= _MAX_ALIGNMENTS:
                self.budget.spend(self.budget.left + 1)
            factors = self.narrowed_factors(alignment)
            if factors is not None:
                yield self.maker._replace(factors=factors, run=None)

    def alignments(self, mine: int, their: int) -> Iterator[_Alignment]:
        """Yield which segment of the other stands at which of mine; those under ``**`` stand at none."""
        self.budget.spend()
        if their == len(self.theirs):
            if mine == len(self.fields):
                yield ()
        elif not self.theirs[their]:
            rest = len(self.fields) - sum(map(bool, self.theirs[their:]))
            for after in range(mine, rest + 1):
                yield from self.alignments(after, their + 1)
        elif mine < len(self.fields) and self.meet(mine, their):
            for others in self.alignments(mine + 1, their + 1):
                yield ((mine, their), *others)

    def meet(self, mine: int, their: int) -> bool:
        """Tell whether any text of my segment can stand in theirs; True where that is not looked up."""
        known = self.known.get((mine, their))
        if known is None:
            rows = self.rows(mine)
            known = self.known[mine, their] = rows is None or any(
                self.fits(their, _filled(self.fields[mine], row)) for row in rows
            )
        return known

    def rows(self, mine: int) -> Sequence[tuple[str, ...]] | None:
        """Return the rows that decide one of my segments, None for too many or several factors."""
        factor = self.factors[mine]
        if factor is None:
            return ((),)
        if factor < 0 or len(self.maker.factors[factor].rows) > MAX_HELD:
            return None
        return self.maker.factors[factor].rows

    def fits(self, their: int, text: str) -> bool:
        use = their, text
        known = self.texts.get(use)
        if known is None:
            self.budget.spend()
            known = self.texts[use] = self.test.fits(their, text)
        return known

    def narrowed_factors(self, alignment: _Alignment) -> tuple[Factor, ...] | None:
        """Return my factors without the rows that this alignment rules out; None when none is left."""
        factors = list(self.maker.factors)
        for mine, their in alignment:
            number = self.factors[mine]
            if number is None or number < 0:
                continue
            before = factors[number]
            kept = self.kept(mine, their, before)
            if kept is not None and not kept:
                return None
            if kept is not None and len(kept) < len(before.rows):
                factors[number] = Factor.of(before.names, kept)
        return tuple(factors)

    def kept(self, mine: int, their: int, factor: Factor) -> tuple[tuple[str, ...], ...] | None:
        """Return the rows of a factor that fit, None where they are too many to look at."""
        field, other = self.fields[mine], self.theirs[their]
        if len(factor.rows) <= MAX_HELD:
            self.budget.spend(len(factor.rows) // 8)
            return tuple(row for row in factor.rows if self.fits(their, _filled(field, row)))
        slots = sum(isinstance(piece, Slot) for piece in field)
        if slots > 1 or len(factor.names) > 1 or not _few_texts(other, self.test.template):
            return None
        at = next(index for index, piece in enumerate(field) if isinstance(piece, Slot))
        head, tail = "".join(map(str, field[:at])), "".join(map(str, field[at + 1 :]))
        rows = {
            text: (text[len(head) : len(text) - len(tail)],) for text in self.test.template.texts_of(their)
        }
        self.budget.spend(len(rows))
        return tuple(
            row for text, row in rows.items() if row in factor.row_set and _filled(field, row) == text
        )


def _few_texts(field: Field, template: Template) -> bool:
    """Tell whether a segment stands for few enough texts to look at each."""
    slots = {piece.factor for piece in field if isinstance(piece, Slot)}
    fixed = all(isinstance(piece, str | Slot) for piece in field)
    return fixed and prod(len(template.factors[number].rows) for number in slots) <= MAX_HELD


def _lone_factor(field: Field) -> int | None:
    """Return the one factor that decides a segment, None for fixed text, -1 for several."""
    numbers = {piece.factor for piece in field if isinstance(piece, Slot)}
    if len(numbers) > 1:
        return -1
    return next(iter(numbers), None)


def _filled(field: Field, row: tuple[str, ...]) -> str:
    return "".join([row[piece.column] if isinstance(piece, Slot) else str(piece) for piece in field])
