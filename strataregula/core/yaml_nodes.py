"""YAML 1.1 through PyYAML's C parser, as nodes with positions; nothing but plain data is ever built.

Merge keys and anchors work; an alias may make the document at most ten times larger than what was written.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import yaml

from strataregula.core.nodes import ListNode, MapEntry, MapNode, Mark, Node, ScalarNode
from strataregula.core.values import MAX_DEPTH
from strataregula.diagnostics import DiagnosticLog
from strataregula.model import Place

__all__ = ["read_yaml"]

_TAG: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = frozenset(
    _TAG + name for name in ("null", "bool", "int", "float", "binary", "timestamp")
)
_LIST_TAGS: Final = frozenset({_TAG + "seq"})
_MAP_TAGS: Final = frozenset({_TAG + "map"})
_MAX_GROWTH: Final = 10
_FREE_NODES: Final = 10_000
_RISKY_OPENERS: Final = 1_000
_RISKY_INDENT: Final = re.compile(r"^[ \t?:-]{400}", re.MULTILINE)
_SPECIAL_START: Final = frozenset('*{[!&"%@`')
_QUOTE_HINT: Final = "quote a pattern that begins with * { [ ! & or \": write '{}': ..."


class _YamlError(Exception):
    def __init__(self, code: str, message: str, mark: Mark, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.mark, self.hint = code, message, mark, hint


def read_yaml(text: str, file: str, log: DiagnosticLog) -> Node | None:
    """Parse one document.

    Report problems to ``log`` as diagnostics of ``file`` and return None after a fatal one.
    """
    try:
        _check_depth(text)
        root = _compose(text)
        return None if root is None else _Converter(file, log).convert(root)
    except yaml.YAMLError as error:
        mark = _mark_of(error, text)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        context = getattr(error, "context", None)
        message = f"{problem} ({context})" if context else str(problem)
        log.report("yaml-syntax", message, Place(file, *mark), hint=_syntax_hint(text, mark))
    except _YamlError as error:
        hint = error.hint or (_syntax_hint(text, error.mark) if error.code == "unknown-tag" else "")
        log.report(error.code, error.message, Place(file, *error.mark), hint=hint)
    return None


def _check_depth(text: str) -> None:
    """Refuse deep nesting before composing.

    The C composer recurses and would overflow the stack of the process.
    """
    if text.count("[") + text.count("{") < _RISKY_OPENERS and not _RISKY_INDENT.search(text):
        return
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _too_deep(_mark(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _too_deep(mark: Mark) -> _YamlError:
    hint = "give what is inside a key of its own"
    return _YamlError("nesting", f"nested more than {MAX_DEPTH} levels deep", mark, hint)


def _compose(text: str) -> yaml.Node | None:
    loader = yaml.CSafeLoader(text)
    try:
        if not loader.check_node():
            return None
        root = loader.get_node()
        second = loader.get_node() if loader.check_node() else None
        if second is not None:
            hint = "put each document into a file of its own"
            raise _YamlError("multi-document", "a second document begins here", _mark(second), hint)
        return root
    finally:
        loader.dispose()


def _mark(node: yaml.Node | yaml.Event) -> Mark:
    mark: Any = node.start_mark
    return mark.line + 1, mark.column + 1


def _mark_of(error: yaml.YAMLError, text: str) -> Mark:
    problem_mark = getattr(error, "problem_mark", None)
    if problem_mark is not None:
        return problem_mark.line + 1, problem_mark.column + 1
    before = text[: max(0, getattr(error, "position", 0) or 0)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _syntax_hint(text: str, mark: Mark) -> str:
    lines = text.split("\n")
    line = lines[mark[0] - 1] if mark[0] <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not with tabs"
    start = line.strip()
    if start[:1] in _SPECIAL_START:
        key = start.split(": ")[0].rstrip(":")
        return _QUOTE_HINT.replace("{}", key)
    return ""


class _Made(NamedTuple):
    """A converted node with the number of values and the levels in it, aliases counted in full."""

    node: Node
    size: int
    height: int


class _Converter:
    """Turns PyYAML's nodes into ours.

    Keeps the size of every anchored node so that aliases cannot explode.
    """

    def __init__(self, file: str, log: DiagnosticLog) -> None:
        self.file, self.log = file, log
        self.scalars: Any = yaml.constructor.SafeConstructor()
        self.done: dict[int, _Made] = {}
        self.open: set[int] = set()
        self.distinct = 0

    def convert(self, root: yaml.Node) -> Node:
        node, size, _ = self.node(root, 0)
        if size > _FREE_NODES and size > _MAX_GROWTH * self.distinct:
            grown = f"{size:,} values out of {self.distinct:,} written"
            message = f"aliases make {grown}, more than {_MAX_GROWTH} times as many"
            raise _YamlError("alias-growth", message, _mark(root), "write fewer aliases of aliases")
        return node

    def node(self, source: yaml.Node, depth: int) -> _Made:
        known = self.done.get(id(source))
        if depth + (known.height if known else 0) > MAX_DEPTH:
            raise _too_deep(_mark(source))
        if known is not None:
            return known
        self.distinct += 1
        if isinstance(source, yaml.ScalarNode):
            return _Made(self.scalar(source), 1, 0)
        if id(source) in self.open:
            hint = "write the value out"
            raise _YamlError(
                "alias-cycle", "an alias inside the value that it stands for", _mark(source), hint
            )
        self.open.add(id(source))
        made = (
            self.sequence(source, depth)
            if isinstance(source, yaml.SequenceNode)
            else self.mapping(source, depth)
        )
        self.open.discard(id(source))
        self.done[id(source)] = made
        return made

    def scalar(self, source: yaml.ScalarNode) -> ScalarNode:
        mark = _mark(source)
        if source.tag in {_TAG + "str", _TAG + "value"}:
            return ScalarNode(source.value, mark, source.value)
        if source.tag not in _SCALAR_TAGS:
            raise self.unknown_tag(source)
        try:
            value = self.scalars.yaml_constructors[source.tag](self.scalars, source)
        except (ValueError, LookupError, yaml.YAMLError):
            what = source.tag.removeprefix(_TAG)
            message = f"{source.value!r} is no valid {what}"
            raise _YamlError("yaml-value", message, mark, "quote it to keep it as text") from None
        return ScalarNode(value, mark, source.value)

    def unknown_tag(self, source: yaml.Node) -> _YamlError:
        tag = str(source.tag)
        name = "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
        return _YamlError("unknown-tag", f"the tag {name} is not supported", _mark(source))

    def sequence(self, source: yaml.SequenceNode, depth: int) -> _Made:
        if source.tag not in _LIST_TAGS:
            raise self.unknown_tag(source)
        made = [self.node(item, depth + 1) for item in source.value]
        return _made(ListNode(tuple(part.node for part in made), _mark(source)), made)

    def mapping(self, source: yaml.Node, depth: int) -> _Made:
        if source.tag not in _MAP_TAGS:
            raise self.unknown_tag(source)
        own: dict[str, MapEntry] = {}
        merged: dict[str, MapEntry] = {}
        parts: list[_Made] = []
        for key_node, value_node in source.value:
            if key_node.tag == _TAG + "merge":
                parts += self.merge(value_node, merged, depth)
                continue
            key = self.key(key_node, own)
            parts.append(self.node(value_node, depth + 1))
            own[key] = MapEntry(key, _mark(key_node), parts[-1].node)
        entries = tuple(own.values()) + tuple(entry for key, entry in merged.items() if key not in own)
        return _made(MapNode(entries, _mark(source)), parts)

    def merge(self, source: yaml.Node, merged: dict[str, MapEntry], depth: int) -> list[_Made]:
        """Add what ``<<`` brings in: earlier mappings of the list win over later ones."""
        made = []
        for part in source.value if isinstance(source, yaml.SequenceNode) else [source]:
            made.append(self.node(part, depth + 1))
            node = made[-1].node
            if not isinstance(node, MapNode):
                hint = "write <<: *name or <<: [*one, *other]"
                raise _YamlError("merge-key", "<< takes a mapping or a list of mappings", _mark(part), hint)
            for entry in node.entries:
                merged.setdefault(entry.key, entry)
        return made

    def key(self, source: yaml.Node, own: dict[str, MapEntry]) -> str:
        mark = _mark(source)
        if not isinstance(source, yaml.ScalarNode):
            shown = "[...]" if isinstance(source, yaml.SequenceNode) else "{...}"
            raise _YamlError("key-type", "a key must be text", mark, f"quote it: '{shown}'")
        place = Place(self.file, *mark)
        key = str(source.value)
        if source.tag != _TAG + "str":
            if source.tag not in _SCALAR_TAGS and source.tag != _TAG + "value":
                raise self.unknown_tag(source)
            what = source.tag.removeprefix(_TAG)
            message = f"the key {key} is read as {what}, not as text"
            self.log.report("key-type", message, place, hint=f'quote it: "{key}"', width=len(key))
        if key in own:
            message = f"duplicate key {key!r}, first on line {own[key].mark[0]}"
            self.log.report("duplicate-key", message, place, hint="remove one of them", width=len(key))
        return key


def _made(node: Node, parts: list[_Made]) -> _Made:
    height = 1 + max((part.height for part in parts), default=0)
    return _Made(node, 1 + sum(part.size for part in parts), height)
