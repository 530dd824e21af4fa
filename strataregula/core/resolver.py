"""Binding a pattern to domains and shapes: which captures range over what, and which of them belong together.

Captures of one hierarchy correlate, also when one of them is the bare name of the parent; all others are
independent. Where a shape fits, an anonymous ``*`` (or ``to*``) takes the domain that the shape names at
its position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import prod
from typing import Final, NamedTuple

from strataregula.core.coverage import MAX_MIXED, mixed_values
from strataregula.core.domains import DomainSet, Relation
from strataregula.core.pattern import parse_glob
from strataregula.core.segments import (
    Alternation,
    Capture,
    Glob,
    Literal,
    NumberRange,
    Pattern,
    Segment,
    Star,
    glob_matches,
)
from strataregula.core.templates import Factor, Piece, Slot, Template
from strataregula.diagnostics import did_you_mean
from strataregula.model import Condition

__all__ = ["MAX_KEYS_PER_RULE", "BindError", "Resolver"]

MAX_KEYS_PER_RULE: Final = 1_000_000
_MAX_JOINED: Final = 100_000


class BindError(Exception):
    """A pattern that parses but cannot be bound; becomes a diagnostic with this code, message and hint.

    The hint is the name among ``known`` that looks like ``name``, otherwise ``otherwise``.
    """

    def __init__(
        self, code: str, message: str, otherwise: str = "", *, name: str = "", known: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.code, self.message, self._otherwise = code, message, otherwise
        self._name, self._known = name, known

    @property
    def hint(self) -> str:
        """What to type next; looked for when asked, because thousands of rules can have the same fault."""
        return did_you_mean(self._name, self._known) or self._otherwise


class _Filter(NamedTuple):
    name: str
    globs: tuple[Glob, ...]
    inside: bool = True
    strict: bool = False


class Resolver:
    """Binds patterns to one set of domains and shapes.

    Remembers factors, so that equal ones are the same object.
    """

    def __init__(
        self, domains: DomainSet, shapes: Sequence[Pattern] = (), *, max_keys: int = MAX_KEYS_PER_RULE
    ) -> None:
        self.domains = domains
        self.shapes = tuple(shapes)
        self.max_keys = max_keys
        self._factors: dict[tuple[int, tuple[str, ...]], tuple[Relation, Factor]] = {}
        self._choices: dict[Alternation | NumberRange, Factor] = {}

    def bind(
        self, pattern: Pattern, where: Sequence[Condition] = (), unless: Sequence[Condition] = ()
    ) -> Template:
        """Return the template of ``pattern`` under its conditions; raise `BindError`."""
        binding = _Binding(self, self._shape_names(pattern) if self.shapes else ())
        return binding.template(pattern, where, unless)

    def select(self, pattern: Pattern) -> Template:
        """Return a template that only chooses: no shape lends a ``*`` its domain; raise `BindError`."""
        return _Binding(self, ()).template(pattern, (), ())

    def factor(self, relation: Relation, names: tuple[str, ...]) -> Factor:
        """Return the factor of some columns of a relation."""
        known = self._factors.get((id(relation), names))
        if known is None:
            known = relation, Factor.of(names, relation.project(names).rows)
            self._factors[id(relation), names] = known
        return known[1]

    def choice(self, part: Alternation | NumberRange) -> Factor:
        """Return the factor of an alternation."""
        factor = self._choices.get(part)
        if factor is None:
            if isinstance(part, NumberRange):
                factor = Factor.of_numbers(part)
            else:
                factor = Factor.of(("",), tuple((value,) for value in part.options))
            self._choices[part] = factor
        return factor

    def _shape_names(self, pattern: Pattern) -> tuple[str, ...]:
        """Return the capture's name at each position of the one shape that fits, empty texts elsewhere."""
        if not any(segment.is_glob for segment in pattern.segments):
            return ()
        fitting = [names for names in (self._fit(pattern, shape) for shape in self.shapes) if names]
        if not fitting:
            return ()
        best = max(names.count("") for names in fitting)
        names = dict.fromkeys(candidate for candidate in fitting if candidate.count("") == best)
        if len(names) > 1:
            raise BindError(
                "ambiguous-shape", f"several shapes fit {pattern}", "name the captures instead of *"
            )
        return next(iter(names))

    def _fit(self, pattern: Pattern, shape: Pattern) -> tuple[str, ...] | None:
        if len(pattern.segments) != len(shape.segments):
            return None
        names = []
        for segment, model in zip(pattern.segments, shape.segments, strict=True):
            name = _only_capture(model)
            if not self._agrees(segment, model, name):
                return None
            names.append(name)
        return tuple(names)

    def _agrees(self, segment: Segment, model: Segment, name: str) -> bool:
        if not name:
            return segment == model
        literal = segment.literal
        found = self.domains.find(name)
        return literal is None or (found is not None and literal in found[0].column(found[1]))


def _only_capture(segment: Segment) -> str:
    part = segment.parts[0] if len(segment.parts) == 1 else None
    return part.name if isinstance(part, Capture) else ""


class _Binding:
    """The work on one pattern."""

    def __init__(self, resolver: Resolver, shape: tuple[str, ...]) -> None:
        self.resolver = resolver
        self.shape = shape
        self.relations: dict[str, Relation] = {}
        self.homes: dict[str, tuple[str, str]] = {}
        self.used: dict[str, list[str]] = {}
        self.filters: list[_Filter] = []
        self.choices: list[Alternation | NumberRange] = []
        self.selects = False

    def template(self, pattern: Pattern, where: Sequence[Condition], unless: Sequence[Condition]) -> Template:
        self.selects = pattern.negated
        wanted = [self.pieces(index, segment) for index, segment in enumerate(pattern.segments)]
        if not self.homes and not self.choices:
            if where or unless:
                raise self.unknown_condition((*where, *unless)[0].name)
            return Template.of(tuple(wanted), (), selects=self.selects)  # type: ignore[arg-type]
        self.correlate()
        self.condition(where, inside=True)
        self.condition(unless, inside=False)
        for item in self.filters:
            self.apply(item)
        self.check_size()
        return self.assemble(wanted)

    def pieces(self, index: int, segment: Segment) -> tuple[object, ...]:
        literal = segment.literal
        named = self.shape[index] if self.shape else ""
        if literal is not None:
            if named:
                self.pin(named, literal)
            return (literal,)
        if named and segment.is_glob:
            return (self.capture(Capture(named, _glob(segment))),)
        if not segment.parts:
            self.selects = True
            return ()
        return tuple(self.piece(part) for part in segment.parts)

    def piece(self, part: object) -> object:
        if isinstance(part, Literal):
            return part.text
        if isinstance(part, Capture):
            return self.capture(part)
        if isinstance(part, Alternation | NumberRange):
            self.choices.append(part)
            return part
        self.selects = True
        return part

    def capture(self, part: Capture) -> Capture:
        """Note a capture with its filter and return it without."""
        if part.name not in self.homes:
            found = self.resolver.domains.find(part.name)
            if found is None:
                raise self.unknown_capture(part)
            relation, column = found
            self.relations.setdefault(relation.names[0], relation)
            self.homes[part.name] = relation.names[0], column
        if part.glob:
            self.filters.append(_Filter(part.name, (part.glob,)))
        return Capture(part.name)

    def unknown_capture(self, part: Capture) -> BindError:
        otherwise = "define it under domains:, or escape the braces with \\"
        message = f"no domain is called {part.name!r}"
        known = self.resolver.domains.names()
        return BindError("undefined-domain", message, otherwise, name=part.name, known=known)

    def pin(self, name: str, literal: str) -> None:
        """Let a literal at the place of a shape's capture fix that column for what correlates with it."""
        self.filters.append(_Filter(name, ((Literal(literal),),)))

    def correlate(self) -> None:
        """Unite the bare name of a parent with the hierarchies of the pattern that have it as a column."""
        for name, (root, _) in list(self.homes.items()):
            if "." in name or root != name:
                continue
            children = [
                other for other in self.relations if other != root and self.parent_column(other, name)
            ]
            if not children:
                continue
            home = children[0]
            column = self.parent_column(home, name)
            for other in children[1:]:
                self.unite(home, column, other, self.parent_column(other, name))
            self.homes[name] = home, column
            self.relations.pop(root, None)

    def parent_column(self, root: str, name: str) -> str:
        return next((column for column in self.relations[root].names[1:] if column.endswith("." + name)), "")

    def unite(self, home: str, column: str, other: str, theirs: str) -> None:
        left, right = self.relations[home], self.relations.pop(other)
        left_at, right_at = left.names.index(column), right.names.index(theirs)
        counts = Counter(row[right_at] for row in right.rows)
        size = sum(counts[row[left_at]] for row in left.rows)
        if size > MAX_KEYS_PER_RULE:
            raise _too_many(size, f"{home} and {other} together", MAX_KEYS_PER_RULE)
        self.relations[home] = left.join(right, column, theirs)
        self.homes = {name: (home if root == other else root, at) for name, (root, at) in self.homes.items()}

    def condition(self, conditions: Sequence[Condition], *, inside: bool) -> None:
        for condition in conditions:
            globs = tuple(map(parse_glob, condition.values))
            self.filters.append(_Filter(self.condition_name(condition.name), globs, inside, strict=True))

    def condition_name(self, name: str) -> str:
        if name in self.homes:
            return name
        found = [
            (root, column)
            for root, relation in self.relations.items()
            for column in relation.names
            if column == name or column.endswith("." + name)
        ]
        if len(found) != 1:
            raise self.unknown_condition(name)
        self.homes[name] = found[0]
        return name

    def unknown_condition(self, name: str) -> BindError:
        known = [column for relation in self.relations.values() for column in relation.names]
        otherwise = f"it knows {', '.join(known)}" if known else "it has no captures"
        message = f"the pattern knows no {name!r} to test"
        return BindError("undefined-capture", message, otherwise, name=name, known=known)

    def apply(self, item: _Filter) -> None:
        """Drop the rows that a filter refuses.

        One on a column that no capture of the pattern touches says nothing.
        """
        root, column = self.filter_home(item.name)
        if not root:
            return
        values = self.relations[root].column(column)
        accepted: frozenset[str] = frozenset()
        for glob in item.globs:
            accepted |= frozenset(self.accepted(glob, values, item))
        self.relations[root] = self.relations[root].keep(column, accepted, inside=item.inside)

    def filter_home(self, name: str) -> tuple[str, str]:
        if name in self.homes:
            return self.homes[name]
        root = name.partition(".")[0]
        if root in self.relations and name in self.relations[root].names:
            return root, name
        columns = ((other, self.parent_column(other, name)) for other in self.relations)
        return next((home for home in columns if home[1]), ("", ""))

    def accepted(self, glob: Glob, values: tuple[str, ...], item: _Filter) -> Iterable[str]:
        if len(glob) == 1 and isinstance(glob[0], Literal):
            text = glob[0].text
            if item.strict and text not in values:
                message = f"{text!r} is no {item.name} of this pattern"
                raise BindError("undefined-value", message, name=text, known=values)
            return (text,)
        return tuple(value for value in values if glob_matches(glob, value))

    def check_size(self) -> None:
        sizes = [len(self.relations[root].rows) for root in self.used_roots()] + [
            len(part) for part in self.choices
        ]
        size = prod(sizes)
        if size > self.resolver.max_keys:
            raise _too_many(size, " x ".join(f"{number:,}" for number in sizes), self.resolver.max_keys)

    def used_roots(self) -> list[str]:
        return list(dict.fromkeys(root for root, _ in self.homes.values()))

    def assemble(self, wanted: list[tuple[object, ...]]) -> Template:
        columns: dict[str, list[str]] = {}
        for piece in (piece for pieces in wanted for piece in pieces):
            if isinstance(piece, Capture):
                root, column = self.homes[piece.name]
                known = columns.setdefault(root, [])
                if column not in known:
                    known.append(column)
        factors = {
            root: self.resolver.factor(self.relations[root], tuple(names)) for root, names in columns.items()
        }
        template = _Assembly(self, columns, factors).template(wanted)
        _check_mixtures(template)
        _check_divisions(template)
        return template


class _Assembly:
    """Numbers the factors in the order of the pattern and replaces captures and alternations by slots."""

    def __init__(self, binding: _Binding, columns: dict[str, list[str]], factors: dict[str, Factor]) -> None:
        self.binding, self.columns, self.by_root = binding, columns, factors
        self.factors: list[Factor] = []
        self.numbers: dict[str, int] = {}

    def template(self, wanted: list[tuple[object, ...]]) -> Template:
        fields = tuple(tuple(self.piece(piece) for piece in pieces) for pieces in wanted)
        return Template.of(fields, tuple(self.factors), selects=self.binding.selects)

    def piece(self, piece: object) -> Piece:
        if isinstance(piece, Capture):
            root, column = self.binding.homes[piece.name]
            if root not in self.numbers:
                self.numbers[root] = len(self.factors)
                self.factors.append(self.by_root[root])
            return Slot(self.numbers[root], self.columns[root].index(column))
        if isinstance(piece, Alternation | NumberRange):
            self.factors.append(self.binding.resolver.choice(piece))
            return Slot(len(self.factors) - 1, 0)
        return piece  # type: ignore[return-value]


def _check_mixtures(template: Template) -> None:
    """Refuse segments of too many values, where each of them is tried against every key."""
    alone = not template.written and len(template.slots) < 2
    for field in [] if alone else [field for field in template.fields if len(field) > 1]:
        size = mixed_values(field, template)
        plain = all(isinstance(piece, str | Slot) for piece in field)
        limit = _MAX_JOINED if plain else MAX_MIXED
        if size > limit:
            what = "captures that belong together" if plain else "a glob with captures"
            message = f"a segment mixes {what}: {size:,} values, at most {limit:,} are allowed"
            raise BindError("limit", message, "give each of them a segment of its own")


def _check_divisions(template: Template) -> None:
    """Refuse captures that belong together where a key could be divided in more than one way."""
    if template.written.count(()) < 2:
        return
    used = [{piece.factor for piece in field if isinstance(piece, Slot)} for field in template.written]
    for at in range(template.written.index(()), len(used) - template.written[::-1].index(())):
        for number in used[at]:
            if sum(number in others for others in used) > 1:
                name = next(filter(None, template.factors[number].names), "a choice")
                message = f"{name!r} is repeated between ** where a key can be divided in more than one way"
                raise BindError("pattern-syntax", message, "leave out one **, or use different captures")


def _glob(segment: Segment) -> Glob:
    """Return the filter of a glob segment; nothing to filter for a lone ``*``."""
    if len(segment.parts) == 1 and isinstance(segment.parts[0], Star):
        return ()
    return segment.parts  # type: ignore[return-value]


def _too_many(size: int, product: str, limit: int) -> BindError:
    message = f"the rule makes {size:,} keys ({product}), at most {limit:,} are allowed"
    return BindError("limit", message, "narrow it with where:, or split it")
