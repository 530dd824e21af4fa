"""``schema:`` of a document: what values may be, by path, in a part of JSON Schema.

A path is a pattern over section and key, as under ``settings: merge:``; every schema that fits a key holds.
The supported keywords are in `KEYWORDS`; any other is an error, so that nothing is left unchecked in silence.
Regular expressions and ``$ref`` are left out on purpose: both let a document keep the compiler busy for ever.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from strataregula.core.matcher import PatternMatcher
from strataregula.core.merging import identity
from strataregula.core.nodes import MapEntry, MapNode, Node, kind_of, plain
from strataregula.core.pattern import parse_pattern
from strataregula.core.segments import format_key, parse_key
from strataregula.diagnostics import DiagnosticLog, did_you_mean, report_syntax
from strataregula.errors import PatternSyntaxError
from strataregula.model import Place, shown

__all__ = ["KEYWORDS", "NO_SCHEMAS", "Schema", "Schemas", "check_values", "read_schemas", "violations"]

MAX_SIZE: Final = 10_000
"""Keywords of one schema, those inside it included."""

Path: TypeAlias = "tuple[str, ...]"
Schema: TypeAlias = Mapping[str, Any]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "null": lambda value: value is None,
        "boolean": lambda value: isinstance(value, bool),
        "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
        "number": _is_number,
        "string": lambda value: isinstance(value, str | dt.date | dt.time),
        "array": lambda value: isinstance(value, list),
        "object": lambda value: isinstance(value, dict),
    }
)
_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS: Final = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_ANNOTATIONS: Final = ("title", "description", "default", "examples")
_OTHERS: Final = (
    "type", "enum", "const", "anyOf", "items", "uniqueItems",
    "properties", "required", "additionalProperties",
)  # fmt: skip
KEYWORDS: Final = (*_OTHERS, *_NUMBERS, *_COUNTS, *_ANNOTATIONS)


class Schemas:
    """The schemas of a compilation by the patterns of their paths."""

    def __init__(self, schemas: Mapping[str, tuple[Schema, Place]]) -> None:
        self._patterns = list(schemas.items())
        self._schemas = [schema for schema, _ in schemas.values()]
        self._matcher = PatternMatcher(schemas)
        self._used: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._schemas)

    def of(self, path: Path) -> tuple[Schema, ...]:
        """Return every schema that fits a path of section and key."""
        found = [match.index for match in self._matcher.all(format_key(path))]
        self._used.update(found)
        return tuple([self._schemas[index] for index in found])

    def unused(self) -> Iterator[tuple[str, Place]]:
        """Yield the patterns that fitted no path asked for so far."""
        for index, (pattern, (_, place)) in enumerate(self._patterns):
            if index not in self._used:
                yield pattern, place


NO_SCHEMAS: Final = Schemas({})


def check_values(
    schemas: Schemas,
    sections: Mapping[str, Mapping[str, Any]],
    place_of: Callable[[str, str], Place],
    log: DiagnosticLog,
) -> None:
    """Report every value that is not as its schemas say, once for all keys of one rule."""
    told: set[object] = set()
    for section, entries in sections.items():
        for key, value in entries.items():
            for schema in schemas.of((section, *parse_key(key))):
                for path, problem in violations(schema, value):
                    place = place_of(section, key)
                    if (place, path, problem) not in told:
                        told.add((place, path, problem))
                        inside = f" at {format_key(path)!r}" if path else ""
                        message = f"the value of {key!r}{inside}: {problem}"
                        log.report("schema", message, place, hint="change the value, or the schema")
    for pattern, place in schemas.unused():
        alone = len(parse_pattern(pattern).segments) == 1
        hint = f"write {pattern}.**" if alone else "begin with the name of a section: section.**"
        log.report("no-effect", f"the schema of {pattern!r} fits no key", place, hint=hint)


def violations(schema: Schema, value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield where in a value something is not as the schema says, and what."""
    for keyword, wanted in schema.items():
        check = _CHECKS.get(keyword)
        if check is not None:
            yield from check(wanted, value, path)
    if isinstance(value, dict):
        yield from _properties(schema, value, path)


def _type(wanted: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    names = [wanted] if isinstance(wanted, str) else wanted
    if not any(_TYPES[name](value) for name in names):
        yield path, f"{shown(value)} is not of type {' or '.join(names)}"


def _enum(wanted: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if identity(value) not in map(identity, wanted):
        yield path, f"{shown(value)} is none of {shown(wanted)}"


def _const(wanted: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    return _enum([wanted], value, path)


def _any_of(wanted: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if all(next(violations(schema, value, path), None) for schema in wanted):
        yield path, f"{shown(value)} fits none of the {len(wanted)} schemas of anyOf"


def _items(wanted: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    for number, item in enumerate(value if isinstance(value, list) else ()):
        yield from violations(wanted, item, (*path, str(number)))


def _unique(wanted: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if wanted and isinstance(value, list) and len(set(map(identity, value))) < len(value):
        yield path, "an item stands twice"


def _required(wanted: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        yield from ((path, f"{name!r} is missing") for name in wanted if name not in value)


def _properties(schema: Schema, value: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name, item in value.items():
        inner = known.get(name, others)
        if inner is False:
            hint = did_you_mean(name, known)
            yield path, f"{name!r} is not expected" + (f", {hint}" if hint else "")
        elif inner is not True:
            yield from violations(inner, item, (*path, name))


def _number(fits: Callable[[Any, Any], bool], words: str) -> Callable[..., Iterator[tuple[Path, str]]]:
    def check(wanted: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
        if _is_number(value) and not fits(value, wanted):
            yield path, f"{shown(value)} is not {words} {shown(wanted)}"

    return check


def _count(kind: type[Any], least: bool, noun: str) -> Callable[..., Iterator[tuple[Path, str]]]:  # noqa: FBT001
    def check(wanted: Any, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
        if isinstance(value, kind) and (len(value) < wanted if least else len(value) > wanted):
            yield path, f"{len(value)} {noun} are {'fewer' if least else 'more'} than {wanted}"

    return check


_CHECKS: Final[Mapping[str, Callable[..., Iterator[tuple[Path, str]]]]] = MappingProxyType(
    {
        "type": _type,
        "enum": _enum,
        "const": _const,
        "anyOf": _any_of,
        "items": _items,
        "uniqueItems": _unique,
        "required": _required,
        "minimum": _number(lambda value, limit: value >= limit, "at least"),
        "maximum": _number(lambda value, limit: value <= limit, "at most"),
        "exclusiveMinimum": _number(lambda value, limit: value > limit, "more than"),
        "exclusiveMaximum": _number(lambda value, limit: value < limit, "less than"),
        "minLength": _count(str, True, "characters"),  # noqa: FBT003
        "maxLength": _count(str, False, "characters"),  # noqa: FBT003
        "minItems": _count(list, True, "items"),  # noqa: FBT003
        "maxItems": _count(list, False, "items"),  # noqa: FBT003
        "minProperties": _count(dict, True, "names"),  # noqa: FBT003
        "maxProperties": _count(dict, False, "names"),  # noqa: FBT003
    }
)


def read_schemas(node: Node, file: str, schemas: dict[str, tuple[Schema, Place]], log: DiagnosticLog) -> None:
    """Add what one document says under ``schema:``; problems go to ``log``."""
    if not isinstance(node, MapNode):
        message = f"schema is {kind_of(node)}, not a mapping of paths to schemas"
        hint = "write schema: {'timeouts.**': {type: number}}; a schema in a file of its own is not supported"
        log.report("schema-form", message, Place(file, *node.mark), hint=hint)
        return
    for entry in node.entries:
        place = Place(file, *entry.mark)
        try:
            PatternMatcher([parse_pattern(entry.key)])
        except PatternSyntaxError as error:
            report_syntax(error, place, log)
            continue
        problem = "a path cannot remove" if entry.key.startswith("!") else _fault_of(entry)
        if problem:
            log.report("schema-form", f"{problem} in the schema of {entry.key!r}", place, hint=_HINT)
        else:
            schemas.pop(entry.key, None)
            schemas[entry.key] = plain(entry.node), place


_HINT: Final = f"the keywords are {', '.join(KEYWORDS)}"


def _fault_of(entry: MapEntry) -> str:
    """Say what is wrong with a schema, the empty text when nothing is."""
    count = 0
    pending = [plain(entry.node)]
    while pending:
        schema = pending.pop()
        if not isinstance(schema, dict):
            return f"{shown(schema)} where a mapping of keywords is meant"
        count += len(schema)
        if count > MAX_SIZE:
            return f"more than {MAX_SIZE:,} keywords"
        for keyword, wanted in schema.items():
            fault = _fault_in(keyword, wanted)
            if fault:
                return fault
        pending += _inner(schema)
    return ""


def _inner(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield the schemas directly inside one."""
    yield from schema.get("properties", {}).values()
    yield from schema.get("anyOf", ())
    if "items" in schema:
        yield schema["items"]
    if not isinstance(schema.get("additionalProperties", True), bool):
        yield schema["additionalProperties"]


def _fault_in(keyword: str, wanted: Any) -> str:
    if keyword not in KEYWORDS:
        near = did_you_mean(keyword, KEYWORDS)
        return f"the keyword {keyword!r} is not supported" + (f" ({near})" if near else "")
    expected = _EXPECTED.get(keyword)
    if expected is not None and not expected[0](wanted):
        return f"{keyword} is {shown(wanted)}, not {expected[1]}"
    return ""


def _are_types(wanted: Any) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    return (
        isinstance(names, list)
        and bool(names)
        and all(isinstance(name, str) and name in _TYPES for name in names)
    )


def _is_count(wanted: Any) -> bool:
    return type(wanted) is int and wanted >= 0


_EXPECTED: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = MappingProxyType(
    {
        "type": (_are_types, f"one or a list of {', '.join(_TYPES)}"),
        "enum": (lambda wanted: isinstance(wanted, list) and bool(wanted), "a list of values"),
        "required": (
            lambda wanted: isinstance(wanted, list) and all(isinstance(name, str) for name in wanted),
            "a list of names",
        ),
        "properties": (lambda wanted: isinstance(wanted, dict), "a mapping of names to schemas"),
        "anyOf": (lambda wanted: isinstance(wanted, list) and bool(wanted), "a list of schemas"),
        "uniqueItems": (lambda wanted: isinstance(wanted, bool), "true or false"),
        **dict.fromkeys(_NUMBERS, (_is_number, "a number")),
        **dict.fromkeys(_COUNTS, (_is_count, "a whole number")),
    }
)
