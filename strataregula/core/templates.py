"""What a pattern became once its domains are known: which keys it makes, lazily, and which keys it covers.

A `Template` is segments of fixed text, slots, globs and ``**``. Slots are columns of factors; factors are
independent of each other, the columns of one factor belong together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, product
from math import prod
from typing import Final, NamedTuple, TypeAlias

from strataregula.core.segments import CharClass, Literal, Question, Star, format_key, quote_segment

__all__ = ["BLOCK", "Block", "Factor", "Field", "GlobPart", "Slot", "SuffixTables", "Template"]

BLOCK: Final = 4_096
GlobPart: TypeAlias = "Star | Question | CharClass"


class Slot(NamedTuple):
    """One column of one factor."""

    factor: int
    column: int


Piece: TypeAlias = "str | Slot | GlobPart"

Field: TypeAlias = "tuple[Piece, ...]"
"""One segment: pieces from left to right; the empty tuple is ``**``."""


@dataclass(frozen=True, slots=True)
class Factor:
    """The bindings of captures that belong together: one text for each name, each row once.

    The name of an alternation is empty. ``plain`` tells that every text may stand in a key without quotes.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    row_set: frozenset[tuple[str, ...]]
    plain: bool

    @classmethod
    def of(cls, names: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Factor:
        """Make a factor, finding out whether it is plain."""
        plain = not any("." in text or text[:1] == '"' for row in rows for text in row)
        return cls(names, rows, frozenset(rows), plain)


class Block(NamedTuple):
    """A run of keys: every one of ``tails`` after ``prefix``."""

    prefix: str
    tails: tuple[str, ...]


class SuffixTables:
    """Remembers ``value + text`` for the values of a factor, so that rules with the same ending share one table."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: dict[tuple[int, str], tuple[Factor, tuple[str, ...]]] = {}

    def get(self, factor: Factor, text: str) -> tuple[str, ...]:
        """Return the values of a factor with one column, each followed by ``text``."""
        known = self._tables.get((id(factor), text))
        if known is None:
            known = factor, tuple([row[0] + text for row in factor.rows])
            self._tables[id(factor), text] = known
        return known[1]


@dataclass(frozen=True, slots=True)
class Template:
    """A pattern bound to its domains.

    ``selects`` when it makes no keys but chooses among those of other rules; ``quoted`` when some segment
    it makes may have to be quoted, so that its keys take the slow path.
    """

    fields: tuple[Field, ...]
    factors: tuple[Factor, ...] = ()
    selects: bool = False
    quoted: bool = False

    @property
    def count(self) -> int:
        """How many keys the template makes, 0 when it selects."""
        return 0 if self.selects else prod(len(factor.rows) for factor in self.factors)

    def blocks(self, tables: SuffixTables) -> Iterator[Block]:
        """Yield the keys in runs, in the order of the domains, the last slot running fastest; constant memory."""
        if self.quoted:
            return _chunks(self._quoted_keys())
        texts, slots = self._flat()
        if not slots:
            return iter((Block(texts[0], ("",)),))
        independent = [slot.factor for slot in slots] == list(range(len(self.factors)))
        if independent and all(len(factor.names) == 1 for factor in self.factors):
            return self._independent(texts, tables)
        return _chunks(self._correlated(texts, slots))

    def iter_keys(self) -> Iterator[str]:
        """Yield the keys one by one."""
        tables = SuffixTables()
        return (block.prefix + tail for block in self.blocks(tables) for tail in block.tails)

    def _flat(self) -> tuple[list[str], list[Slot]]:
        """Return the fixed texts around the slots, dots and quotes included, and the slots."""
        texts, slots = [""], []
        for index, field in enumerate(self.fields):
            if index:
                texts[-1] += "."
            if len(field) == 1 and isinstance(field[0], str):
                texts[-1] += quote_segment(field[0])
                continue
            for piece in field:
                if isinstance(piece, str):
                    texts[-1] += piece
                elif isinstance(piece, Slot):
                    slots.append(piece)
                    texts.append("")
        return texts, slots

    def _independent(self, texts: list[str], tables: SuffixTables) -> Iterator[Block]:
        tails = tables.get(self.factors[-1], texts[-1])
        return (Block(prefix, tails) for prefix in self._prefixes(texts, len(self.factors) - 1))

    def _prefixes(self, texts: list[str], depth: int) -> Iterable[str]:
        if depth == 0:
            return (texts[0],)
        values = [row[0] + texts[depth] for row in self.factors[depth - 1].rows]
        return (before + value for before in self._prefixes(texts, depth - 1) for value in values)

    def _correlated(self, texts: list[str], slots: list[Slot]) -> Iterator[str]:
        form = "%s".join(text.replace("%", "%%") for text in texts)
        starts = [0]
        for factor in self.factors:
            starts.append(starts[-1] + len(factor.names))
        order = [starts[slot.factor] + slot.column for slot in slots]
        for rows in product(*(factor.rows for factor in self.factors)):
            flat = tuple(chain.from_iterable(rows))
            yield form % tuple([flat[at] for at in order])

    def _quoted_keys(self) -> Iterator[str]:
        for rows in product(*(factor.rows for factor in self.factors)):
            yield format_key([_fill(field, rows) for field in self.fields])


def _fill(field: Field, rows: tuple[tuple[str, ...], ...]) -> str:
    texts = []
    for piece in field:
        if isinstance(piece, Slot):
            texts.append(rows[piece.factor][piece.column])
        elif isinstance(piece, str):
            texts.append(piece)
    return "".join(texts)


def _chunks(keys: Iterator[str]) -> Iterator[Block]:
    while chunk := tuple(islice(keys, BLOCK)):
        yield Block("", chunk)


def glob_of(field: Field) -> tuple[Literal | Star | Question | CharClass, ...]:
    """Return a field without slots as a glob."""
    return tuple(
        Literal(piece) if isinstance(piece, str) else piece for piece in field if not isinstance(piece, Slot)
    )
