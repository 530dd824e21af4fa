"""Documents to rules: reserved names, the long form of a rule, and how layers add up.

A domain defined again in a later layer replaces the earlier one; shapes add up; the rules of all layers
stay, ordered by layer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from strataregula.core.documents import Document
from strataregula.core.domains import DomainSet, check_parents, read_domains
from strataregula.core.merging import NO_PATHS, STRATEGIES, MergePaths
from strataregula.core.nodes import ListNode, MapEntry, MapNode, Node, ScalarNode, kind_of, plain, read_texts
from strataregula.core.packs import PACKS
from strataregula.core.pattern import is_name, parse_glob, parse_pattern
from strataregula.core.schema import NO_SCHEMAS, Schema, Schemas, read_schemas
from strataregula.core.segments import Capture, Literal, Pattern
from strataregula.core.settings import Limits, Settings, read_settings
from strataregula.diagnostics import DiagnosticLog, did_you_mean, report_syntax
from strataregula.errors import PatternSyntaxError
from strataregula.model import REMOVED, Condition, Domain, Place, Rule

__all__ = ["RESERVED", "Layers", "check_shapes", "read_layers", "read_rule"]

RESERVED: Final = ("domains", "shapes", "layers", "use", "settings", "schema")
_LONG_FORM: Final = frozenset({"value", "where", "except", "priority", "merge"})
_MAX_PRIORITY: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Layers:
    """What all documents say together, in the order of the sources."""

    rules: tuple[Rule, ...]
    sections: tuple[str, ...]
    domains: DomainSet
    shapes: tuple[Pattern, ...]
    limits: Limits
    merges: MergePaths
    schemas: Schemas


def read_layers(documents: Iterable[Document], log: DiagnosticLog, limits: Limits) -> Layers:
    """Read every document; problems go to ``log``, and what could be read is returned.

    ``limits`` are those of the caller; the documents may set lower ones.
    """
    reader = _LayerReader(log, limits)
    for document in documents:
        reader.document(document)
    if reader.settings.lenient:
        log.relax()
    domains = DomainSet(reader.domains.values())
    check_parents(domains, log)
    for shape, place in reader.shapes:
        check_shapes((shape,), domains, place, log)
    merges = reader.settings.merges
    _check_paths(merges, reader.sections, log)
    return Layers(
        tuple(reader.rules),
        tuple(reader.sections),
        domains,
        tuple(shape for shape, _ in reader.shapes),
        reader.settings.limits,
        MergePaths({path: strategy for path, (strategy, _) in merges.items()}) if merges else NO_PATHS,
        Schemas(reader.schemas) if reader.schemas else NO_SCHEMAS,
    )


def _check_paths(
    paths: Mapping[str, tuple[str, Place]], sections: Collection[str], log: DiagnosticLog
) -> None:
    """Report paths of strategies that can match no key."""
    for path, (_, place) in paths.items():
        first, *others = parse_pattern(path).segments
        section = first.literal
        if section is not None and section not in sections:
            hint = did_you_mean(section, sections) or "begin with the name of a section: section.**"
            log.report("no-effect", f"{path!r} merges nothing: no section {section!r}", place, hint=hint)
        elif not others and not first.is_any_depth:
            hint = f"write {path}.** for all keys of the section"
            log.report(
                "no-effect", f"{path!r} merges nothing: it names a section and no key", place, hint=hint
            )


def check_shapes(shapes: Iterable[Pattern], domains: DomainSet, place: Place, log: DiagnosticLog) -> None:
    """Report shapes that are more than literals and captures of known domains, one a segment."""
    for shape in shapes:
        for segment in shape.segments:
            part = segment.parts[0] if len(segment.parts) == 1 else None
            if (
                not isinstance(part, Capture | Literal)
                or shape.negated
                or (isinstance(part, Capture) and part.glob)
            ):
                hint = "write a shape like edge.{region}.{role}"
                log.report(
                    "shape-form", f"the shape {shape} has more than literals and captures", place, hint=hint
                )
                break
            if isinstance(part, Capture) and domains.find(part.name) is None:
                message = f"no domain is called {part.name!r}"
                log.report("undefined-domain", message, place, hint=did_you_mean(part.name, domains.names()))


class _LayerReader:
    def __init__(self, log: DiagnosticLog, limits: Limits) -> None:
        self.log = log
        self.settings = Settings(limits)
        self.schemas: dict[str, tuple[Schema, Place]] = {}
        self.rules: list[Rule] = []
        self.sections: dict[str, None] = {}
        self.domains: dict[str, Domain] = {}
        self.domain_layers: dict[str, int] = {}
        self.shapes: list[tuple[Pattern, Place]] = []

    def document(self, document: Document) -> None:
        for entry in document.root.entries:
            place = Place(document.name, *entry.mark)
            if entry.key == "domains":
                self.add_domains(read_domains(entry.node, document.name, self.log), document)
            elif entry.key == "use":
                self.use(entry.node, document)
            elif entry.key == "shapes":
                self.add_shapes(entry.node, document)
            elif entry.key == "settings":
                read_settings(entry.node, document.name, self.settings, self.log)
            elif entry.key == "schema":
                read_schemas(entry.node, document.name, self.schemas, self.log)
            elif entry.key != "layers":
                self.question(entry, place)
                self.section(entry, document)

    def question(self, entry: MapEntry, place: Place) -> None:
        for name in RESERVED:
            if _one_edit(entry.key, name):
                message = f"the section {entry.key!r} looks like the reserved name {name!r}"
                hint = f"write {name!r}, or choose a name that differs more"
                self.log.report("questioned-name", message, place, hint=hint, width=len(entry.key))

    def add_domains(self, domains: list[Domain], document: Document) -> None:
        for domain in domains:
            before = self.domains.get(domain.name)
            if before is not None and self.domain_layers[domain.name] == document.layer.index:
                message = f"domain {domain.name!r} is defined twice in one layer, first at {before.place}"
                self.log.report("duplicate-key", message, domain.place, hint="keep one of them")
            self.domains[domain.name] = domain
            self.domain_layers[domain.name] = document.layer.index

    def use(self, node: Node, document: Document) -> None:
        for name, place in read_texts(node, document.name, "use", "[jp-prefectures]", self.log):
            pack = PACKS.get(name)
            if pack is None:
                hint = did_you_mean(name, PACKS) or f"known packs: {', '.join(PACKS)}"
                self.log.report("unknown-pack", f"no pack is called {name!r}", place, hint=hint)
                continue
            for domain in pack:
                self.domains.setdefault(domain.name, domain)
                self.domain_layers.setdefault(domain.name, -1)

    def add_shapes(self, node: Node, document: Document) -> None:
        for text, place in read_texts(node, document.name, "shapes", '["edge.{region}.{role}"]', self.log):
            try:
                self.shapes.append((parse_pattern(text), place))
            except PatternSyntaxError as error:
                report_syntax(error, place, self.log)

    def section(self, entry: MapEntry, document: Document) -> None:
        if not isinstance(entry.node, MapNode):
            message = f"the section {entry.key!r} is {kind_of(entry.node)}, not a mapping of rules"
            place = Place(document.name, *entry.mark)
            self.log.report("section-type", message, place, hint="write name: {pattern: value}")
            return
        self.sections.setdefault(entry.key)
        for rule_entry in entry.node.entries:
            self.rule(entry.key, rule_entry, document)

    def rule(self, section: str, entry: MapEntry, document: Document) -> None:
        place = Place(document.name, *entry.mark)
        rule = read_rule(section, entry, place, len(self.rules), self.log, layer=document.layer.index)
        if rule is not None:
            self.rules.append(rule)


def read_rule(
    section: str, entry: MapEntry, place: Place, order: int, log: DiagnosticLog, *, layer: int = 0
) -> Rule | None:
    """Read one line of a section, short or long form; problems go to ``log``, None after a fatal one."""
    node = entry.node
    negated = entry.key.startswith("!")
    if isinstance(node, MapNode) and node.find("value"):
        if _LONG_FORM.issuperset(item.key for item in node.entries):
            return _LongForm(section, entry, place, order, log).rule(node, layer)
        _question_words(node, place.file, log)
    if negated and not (isinstance(node, ScalarNode) and node.value is None):
        message = f"the removing pattern {entry.key!r} has a value"
        log.report(
            "removal-value", message, place, hint=f"write '{entry.key}': null, or escape the mark: \\!"
        )
        return None
    return Rule(section, entry.key, REMOVED if negated else plain(node), place, layer, order)


def _question_words(node: MapNode, file: str, log: DiagnosticLog) -> None:
    """Report what looks like a misspelled word of the long form where all else would be one."""
    others = [item for item in node.entries if item.key not in _LONG_FORM]
    likely = {item.key: word for item in others for word in sorted(_LONG_FORM) if _one_edit(item.key, word)}
    if len(likely) < len(others):
        return
    for item in others:
        word = likely[item.key]
        message = (
            f"{item.key!r} looks like {word!r} of the long form; as it is, the whole mapping is the value"
        )
        hint = f"write {word}, or {{value: {{value: ...}}}} for a mapping"
        place = Place(file, *item.mark)
        log.report("questioned-name", message, place, hint=hint, width=len(item.key))


class _LongForm:
    """Reads ``{value, where, except, priority, merge}``."""

    def __init__(self, section: str, entry: MapEntry, place: Place, order: int, log: DiagnosticLog) -> None:
        self.section, self.entry, self.at, self.order, self.log = section, entry, place, order, log

    def place(self, node: Node | MapEntry) -> Place:
        return Place(self.at.file, *node.mark)

    def rule(self, node: MapNode, layer: int) -> Rule | None:
        fields = {item.key: item for item in node.entries}
        value = plain(fields["value"].node)
        if self.entry.key.startswith("!"):
            if value is not None:
                message = f"the removing pattern {self.entry.key!r} has a value"
                self.log.report(
                    "removal-value", message, self.place(fields["value"]), hint="write value: null"
                )
                return None
            value = REMOVED
        priority = self.priority(fields.get("priority"))
        where = self.conditions(fields.get("where"))
        unless, excluded = self.exceptions(fields.get("except"))
        merge = self.merge(fields.get("merge"))
        if priority is None or where is None or unless is None or merge is None:
            return None
        return Rule(
            self.section,
            self.entry.key,
            value,
            self.at,
            layer,
            self.order,
            priority,
            where,
            unless,
            excluded,
            merge,
        )

    def priority(self, entry: MapEntry | None) -> int | None:
        if entry is None:
            return 0
        value = entry.node.value if isinstance(entry.node, ScalarNode) else None
        if type(value) is not int or abs(value) > _MAX_PRIORITY:
            message = f"priority is {kind_of(entry.node)}, not a whole number up to {_MAX_PRIORITY:,}"
            self.log.report("rule-form", message, self.place(entry.node), hint="write priority: 10")
            return None
        return value

    def merge(self, entry: MapEntry | None) -> str | None:
        """Return the strategy, the empty text when none is written, None for an unknown one."""
        if entry is None:
            return ""
        value = entry.node.value if isinstance(entry.node, ScalarNode) else None
        if value in STRATEGIES:
            return str(value)
        hint = did_you_mean(str(value), STRATEGIES) or f"one of {', '.join(STRATEGIES)}"
        self.log.report("rule-form", f"unknown merge strategy {value!r}", self.place(entry.node), hint=hint)
        return None

    def conditions(self, entry: MapEntry | None) -> tuple[Condition, ...] | None:
        if entry is None:
            return ()
        if not isinstance(entry.node, MapNode):
            message = f"{entry.key} is {kind_of(entry.node)}, not a mapping of captures"
            hint = f"write {entry.key}: {{region: kanto}}"
            self.log.report("rule-form", message, self.place(entry.node), hint=hint)
            return None
        found = [self.condition(item) for item in entry.node.entries]
        return None if None in found else tuple(item for item in found if item is not None)

    def condition(self, entry: MapEntry) -> Condition | None:
        if not all(map(is_name, entry.key.split("."))):
            self.log.report("rule-form", f"{entry.key!r} is no name of a capture", self.place(entry))
            return None
        values = self.text_list(entry)
        if not values:
            return None
        try:
            for value in values:
                parse_glob(value)
        except PatternSyntaxError as error:
            report_syntax(error, self.place(entry.node), self.log)
            return None
        return Condition(entry.key, values, self.place(entry))

    def text_list(self, entry: MapEntry) -> tuple[str, ...]:
        items = entry.node.items if isinstance(entry.node, ListNode) else (entry.node,)
        texts = tuple(
            item.value for item in items if isinstance(item, ScalarNode) and isinstance(item.value, str)
        )
        if len(texts) < len(items) or not texts:
            message = f"{entry.key} takes text or a list of texts, not {kind_of(entry.node)}"
            self.log.report("rule-form", message, self.place(entry.node), hint="quote it")
            return ()
        return texts

    def exceptions(self, entry: MapEntry | None) -> tuple[tuple[Condition, ...] | None, tuple[str, ...]]:
        """Return the mapping form and the list form of ``except``; one of them is empty."""
        if entry is None or isinstance(entry.node, MapNode):
            return self.conditions(entry), ()
        texts = self.text_list(entry)
        return (() if texts else None), texts


def _one_edit(text: str, name: str) -> bool:
    """Tell whether one insertion, deletion, replacement or swap of neighbours makes ``name`` of ``text``."""
    if text == name or abs(len(text) - len(name)) > 1:
        return False
    same = 0
    while same < min(len(text), len(name)) and text[same] == name[same]:
        same += 1
    rest, wanted = text[same:], name[same:]
    swapped = rest[1::-1] + rest[2:] == wanted and len(rest) > 1
    return swapped or rest[1:] == wanted or rest == wanted[1:] or rest[1:] == wanted[1:]
