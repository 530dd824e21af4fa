"""What a pattern became once its domains are known: which keys it makes, lazily, and which keys it covers.

A `Template` is segments of fixed text, slots, globs and ``**``. Slots are columns of factors; factors are
independent of each other, the columns of one factor belong together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain, islice, product
from math import prod
from typing import Final, NamedTuple, TypeAlias

from strataregula.core.segments import CharClass, NumberRange, Question, Star, format_key

__all__ = [
    "BLOCK",
    "MAX_HELD",
    "Block",
    "Factor",
    "Field",
    "GlobPart",
    "NumberTexts",
    "SharedTables",
    "Slot",
    "Template",
]

BLOCK: Final = 4_096
MAX_HELD: Final = 100_000
"""Longer ranges of numbers are counted through, never held as texts."""
_Row: TypeAlias = "tuple[str, ...]"
GlobPart: TypeAlias = "Star | Question | CharClass"


class Slot(NamedTuple):
    """One column of one factor."""

    factor: int
    column: int


Piece: TypeAlias = "str | Slot | GlobPart"

Field: TypeAlias = "tuple[Piece, ...]"
"""One segment: pieces from left to right; the empty tuple is ``**``."""


class NumberTexts(Sequence[str]):
    """The texts of a range of numbers, made when they are asked for."""

    __slots__ = ("_range",)

    def __init__(self, numbers: NumberRange) -> None:
        self._range = numbers

    def __len__(self) -> int:
        return len(self._range)

    def __getitem__(self, at: int) -> str:  # type: ignore[override]  # nothing takes slices of it
        step = 1 if self._range.start <= self._range.stop else -1
        return f"{range(self._range.start, self._range.stop + step, step)[at]:0{self._range.width}d}"

    def __iter__(self) -> Iterator[str]:
        return self._range.texts()

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self._range.accepts(text)


class NumberRows(Sequence[tuple[str, ...]], AbstractSet[tuple[str, ...]]):
    """A factor's rows over `NumberTexts`: one text each."""

    __slots__ = ("_texts",)

    def __init__(self, texts: NumberTexts) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, at: int) -> tuple[str, ...]:  # type: ignore[override]  # nothing takes slices of it
        return (self._texts[at],)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return ((text,) for text in self._texts)

    def __contains__(self, row: object) -> bool:
        return isinstance(row, tuple) and len(row) == 1 and row[0] in self._texts


@dataclass(frozen=True, slots=True)
class Factor:
    """The bindings of captures that belong together: one text for each name, each row once.

    The name of an alternation is empty; ``values`` is the first column. ``plain`` tells that every text may
    stand in a key without quotes.
    """

    names: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    row_set: AbstractSet[tuple[str, ...]]
    values: Sequence[str]
    plain: bool

    @classmethod
    def of(cls, names: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Factor:
        """Make a factor, finding out whether it is plain."""
        plain = not any("." in text or text[:1] == '"' for row in rows for text in row)
        return cls(names, rows, frozenset(rows), tuple([row[0] for row in rows]), plain)

    @classmethod
    def of_numbers(cls, numbers: NumberRange) -> Factor:
        """Make the factor of a range of numbers, which holds none of them when they are many."""
        if len(numbers) <= MAX_HELD:
            return cls.of(("",), tuple([(text,) for text in numbers.texts()]))
        texts = NumberTexts(numbers)
        rows = NumberRows(texts)
        return cls(("",), rows, rows, texts, plain=True)

    @property
    def longest(self) -> int:
        """The number of characters of the longest value."""
        ends = (self.values[0], self.values[-1]) if len(self.values) > MAX_HELD else self.values
        return max(map(len, ends), default=0)


Block: TypeAlias = tuple[str, Sequence[str], str]
"""A run of keys ``(prefix, middles, suffix)``: the three joined, for every one of ``middles``."""


class SharedTables:
    """Concatenations that several rules share.

    The values of a factor with the text behind them, or before them.

    A table is built when it is needed for the second time; until then the parts of a `Block` stay apart.
    """

    __slots__ = ("_factors", "_heads", "_tails")

    def __init__(self) -> None:
        self._heads: dict[tuple[int, str], tuple[str, ...]] = {}
        self._tails: dict[tuple[int, str], tuple[str, ...]] = {}
        self._factors: dict[int, Factor] = {}

    def block(self, prefix: str, factor: Factor, suffix: str) -> Block:
        """Return the run of a factor with one column between two texts."""
        behind = id(factor), suffix
        tails = self._tails.get(behind)
        if tails:
            return prefix, tails, ""
        before = id(factor), prefix
        heads = self._heads.get(before)
        if heads:
            return "", heads, suffix
        if tails is not None:
            self._tails[behind] = tails = tuple([value + suffix for value in factor.values])
            return prefix, tails, ""
        self._tails[behind] = ()
        if heads is not None:
            self._heads[before] = heads = tuple([prefix + value for value in factor.values])
            return "", heads, suffix
        self._heads[before] = ()
        self._factors[id(factor)] = factor
        return prefix, factor.values, suffix


class Template(NamedTuple):
    """A pattern bound to its domains; a named tuple because every rule of every compilation makes one.

    A template that makes keys by plain concatenation is ``texts`` (dots included) around ``slots``; ``run``
    is its only block when there is one slot. One that ``selects`` among the keys of other rules, or that
    has to quote segments, is ``written`` field by field instead.
    """

    texts: tuple[str, ...]
    slots: tuple[Slot, ...] = ()
    factors: tuple[Factor, ...] = ()
    run: Block | None = None
    selects: bool = False
    written: tuple[Field, ...] = ()

    @classmethod
    def of(cls, fields: tuple[Field, ...], factors: tuple[Factor, ...], *, selects: bool) -> Template:
        """Make the template of some fields in the form that fits."""
        if selects or not all(factor.plain for factor in factors) or _needs_quotes(fields):
            return cls((), (), factors, None, selects, fields)
        texts, slots = [""], []
        for index, field in enumerate(fields):
            texts[-1] += "." if index else ""
            for piece in field:
                if isinstance(piece, str):
                    texts[-1] += piece
                elif isinstance(piece, Slot):
                    slots.append(piece)
                    texts.append("")
        run = None
        if len(slots) == 1 and len(factors[0].names) == 1:
            run = texts[0], factors[0].values, texts[1]
        return cls(tuple(texts), tuple(slots), factors, run)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The segments from left to right."""
        return self.written or _fields_of(self.texts, self.slots)

    @property
    def size(self) -> int:
        """How many keys the template makes, 0 when it selects."""
        return 0 if self.selects else prod([len(factor.rows) for factor in self.factors])

    def blocks(self) -> Iterable[Block]:
        """Return the keys in runs, in the order of the domains, the last slot running fastest.

        Constant memory.
        """
        if self.run is not None:
            return (self.run,)
        slots, factors = self.slots, self.factors
        if self.selects:
            return ()
        if self.written:
            return _chunks(self._quoted_keys())
        if not slots:
            return (("", self.texts, ""),)
        independent = [slot.factor for slot in slots] == list(range(len(factors)))
        if independent and all(len(factor.names) == 1 for factor in factors):
            tails, suffix = factors[-1].values, self.texts[-1]
            if len(tails) <= MAX_HELD:
                tails, suffix = tuple([value + suffix for value in tails]), ""
            return ((prefix, tails, suffix) for prefix in self._prefixes(len(factors) - 1))
        return _chunks(self._correlated())

    def iter_keys(self) -> Iterator[str]:
        """Yield the keys one by one."""
        for prefix, middles, suffix in self.blocks():
            for middle in middles:
                yield f"{prefix}{middle}{suffix}"

    def texts_of(self, number: int) -> Iterator[str]:
        """Yield the texts that segment ``number`` takes, in order; one that chooses takes none."""
        field = self.fields[number]
        used = sorted({piece.factor for piece in field if isinstance(piece, Slot)})
        if field and all(isinstance(piece, str | Slot) for piece in field):
            for rows in _nested(tuple(self.factors[factor].rows for factor in used)):
                yield _fill(field, dict(zip(used, rows, strict=True)))

    def _prefixes(self, depth: int) -> Iterable[str]:
        if depth == 0:
            return (self.texts[0],)
        values, text = self.factors[depth - 1].values, self.texts[depth]
        return (before + value + text for before in self._prefixes(depth - 1) for value in values)

    def _correlated(self) -> Iterator[str]:
        form = "%s".join([text.replace("%", "%%") for text in self.texts])
        starts = [0]
        for factor in self.factors:
            starts.append(starts[-1] + len(factor.names))
        order = [starts[slot.factor] + slot.column for slot in self.slots]
        for rows in self.choices():
            flat = tuple(chain.from_iterable(rows))
            yield form % tuple([flat[at] for at in order])

    def _quoted_keys(self) -> Iterator[str]:
        for rows in self.choices():
            yield format_key([_fill(field, rows) for field in self.written])

    def choices(self) -> Iterator[tuple[tuple[str, ...], ...]]:
        """Yield a row of every factor, the last one running fastest; long ranges are not held."""
        if all(len(factor.rows) <= MAX_HELD for factor in self.factors):
            return product(*(factor.rows for factor in self.factors))
        return _nested(tuple(factor.rows for factor in self.factors))


def _needs_quotes(fields: tuple[Field, ...]) -> bool:
    return any(
        isinstance(piece, str) and ("." in piece or piece[:1] == '"') for field in fields for piece in field
    )


def _fields_of(texts: tuple[str, ...], slots: tuple[Slot, ...]) -> tuple[Field, ...]:
    """Return the segments that plain texts around slots stand for."""
    fields: list[list[Piece]] = [[]]
    for index, text in enumerate(texts):
        for number, piece in enumerate(text.split(".")):
            if number:
                fields.append([])
            if piece:
                fields[-1].append(piece)
        if index < len(slots):
            fields[-1].append(slots[index])
    return tuple(map(tuple, fields))


def _nested(pools: tuple[Iterable[_Row], ...]) -> Iterator[tuple[_Row, ...]]:
    if not pools:
        yield ()
        return
    for before in _nested(pools[:-1]):
        for row in pools[-1]:
            yield (*before, row)


def _fill(field: Field, rows: tuple[_Row, ...] | dict[int, _Row]) -> str:
    texts = []
    for piece in field:
        if isinstance(piece, Slot):
            texts.append(rows[piece.factor][piece.column])
        elif isinstance(piece, str):
            texts.append(piece)
    return "".join(texts)


def _chunks(keys: Iterator[str]) -> Iterator[Block]:
    while chunk := tuple(islice(keys, BLOCK)):
        yield "", chunk, ""
