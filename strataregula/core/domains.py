"""Domains: the named values that captures range over, read from documents and looked up by patterns.

A domain is a list (``role: [gateway, api]``) or a hierarchy, children by parent
(``prefecture: {by: region, values: {kanto: [tokyo]}}``). A hierarchy is a relation: its columns are
``prefecture`` and ``prefecture.region``, and when ``region`` is a hierarchy itself
``prefecture.region.country`` too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from strataregula.core.nodes import ListNode, MapEntry, MapNode, Node, ScalarNode, kind_of
from strataregula.core.pattern import MAX_LENGTH, is_name
from strataregula.diagnostics import DiagnosticLog, did_you_mean
from strataregula.model import Domain, Place

__all__ = ["EMPTY_DOMAINS", "DomainSet", "Relation", "check_parents", "read_domains"]


@dataclass(frozen=True, slots=True)
class Relation:
    """Values that belong together.

    ``rows`` are different tuples, one text for each of ``names``, in the order of the source.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def project(self, names: tuple[str, ...]) -> Relation:
        """Keep the columns ``names`` in this order; equal rows once."""
        if names == self.names:
            return self
        columns = [self.names.index(name) for name in names]
        return Relation(names, tuple(dict.fromkeys(tuple(row[at] for at in columns) for row in self.rows)))

    def keep(self, name: str, accepted: frozenset[str], *, inside: bool = True) -> Relation:
        """Keep the rows whose ``name`` is in ``accepted`` (or is not, with ``inside=False``)."""
        at = self.names.index(name)
        return Relation(self.names, tuple(row for row in self.rows if (row[at] in accepted) is inside))

    def join(self, other: Relation, mine: str, theirs: str) -> Relation:
        """Pair the rows whose column ``mine`` equals the other's column ``theirs``."""
        left, right = self.names.index(mine), other.names.index(theirs)
        by_value: dict[str, list[tuple[str, ...]]] = {}
        for row in other.rows:
            by_value.setdefault(row[right], []).append(row)
        rows = tuple(row + match for row in self.rows for match in by_value.get(row[left], ()))
        return Relation(self.names + other.names, rows)

    def column(self, name: str) -> tuple[str, ...]:
        """Return the different values of one column in order."""
        at = self.names.index(name)
        return tuple(dict.fromkeys(row[at] for row in self.rows))


class DomainSet:
    """Every domain of one compilation; immutable once built."""

    def __init__(self, domains: Iterable[Domain] = ()) -> None:
        self.domains: Mapping[str, Domain] = {domain.name: domain for domain in domains}
        self._relations = {name: self._relation(name) for name in self.domains}
        self._children: dict[str, list[str]] = {}
        for domain in self.domains.values():
            if domain.parent:
                self._children.setdefault(domain.parent, []).append(domain.name)
        self._lone: dict[str, Relation] = {}
        self._independent: dict[tuple[str, ...], bool] = {}

    def _relation(self, name: str) -> Relation:
        """Build the relation of one domain with all its ancestors as columns."""
        domain = self.domains[name]
        if not domain.parent:
            return Relation((name,), tuple((value,) for value in domain.values))
        path = f"{name}.{domain.parent}"
        relation = Relation(
            (name, path), tuple(dict.fromkeys(zip(domain.values, domain.parents, strict=True)))
        )
        seen, at = {name}, domain
        while at.parent in self.domains and self.domains[at.parent].parent and at.parent not in seen:
            at = self.domains[at.parent]
            seen.add(at.name)
            above = Relation(("#", f"{path}.{at.parent}"), tuple(zip(at.values, at.parents, strict=True)))
            joined = relation.join(above, path, "#")
            relation = joined.project(tuple(column for column in joined.names if column != "#"))
            path = f"{path}.{at.parent}"
        return relation

    def find(self, name: str) -> tuple[Relation, str] | None:
        """Return the relation and the column that a capture's ``name`` means, or None when it is unknown.

        ``prefecture`` and ``prefecture.region`` are columns of one relation. The bare name of a parent that
        is no domain of its own has the parents of every hierarchy by that name as values.
        """
        if name in self._relations:
            return self._relations[name], name
        root = name.partition(".")[0]
        relation = self._relations.get(root)
        if relation is not None and name in relation.names:
            return relation, name
        if name in self._children:
            return self._parents(name), name
        return None

    def _parents(self, name: str) -> Relation:
        relation = self._lone.get(name)
        if relation is None:
            values = [parent for child in self._children[name] for parent in self.domains[child].parents]
            relation = self._lone[name] = Relation(
                (name,), tuple((value,) for value in dict.fromkeys(values))
            )
        return relation

    def independent(self, names: tuple[str, ...]) -> bool:
        """Tell whether captures with these names multiply freely: none repeated, no two of one hierarchy."""
        known = self._independent.get(names)
        if known is None:
            known = self._independent[names] = self._are_independent(names)
        return known

    def _are_independent(self, names: tuple[str, ...]) -> bool:
        taken: set[str] = set()
        for name in names:
            found = self.find(name)
            columns = found[0].names if found else (name,)
            parts = {part for column in columns for part in column.split(".")}
            if parts & taken:
                return False
            taken |= parts
        return True

    def names(self) -> tuple[str, ...]:
        """Return every name that a capture may use."""
        columns = [column for relation in self._relations.values() for column in relation.names]
        return tuple(dict.fromkeys([*columns, *self._children]))


EMPTY_DOMAINS: Final = DomainSet()


def check_parents(domains: DomainSet, log: DiagnosticLog) -> None:
    """Report hierarchies whose parents are not among the values of the domain that they name."""
    for domain in domains.domains.values():
        above = domains.domains.get(domain.parent)
        if above is None:
            continue
        known = frozenset(above.values)
        for parent in dict.fromkeys(domain.parents):
            if parent not in known and log.has_room("undefined-value"):
                message = f"{parent!r} in domain {domain.name!r} is no {domain.parent}"
                log.report("undefined-value", message, domain.place, hint=did_you_mean(parent, above.values))


def read_domains(node: Node, file: str, log: DiagnosticLog) -> list[Domain]:
    """Read the value of ``domains:``.

    Problems go to ``log`` and the domains that could be read are returned.
    """
    if not isinstance(node, MapNode):
        hint = "write domains: {name: [value, ...]}"
        log.report(
            "domain-type", f"domains is {kind_of(node)}, not a mapping", Place(file, *node.mark), hint=hint
        )
        return []
    reader = _DomainReader(file, log)
    domains = [reader.domain(entry) for entry in node.entries]
    return [domain for domain in domains if domain is not None]


class _DomainReader:
    def __init__(self, file: str, log: DiagnosticLog) -> None:
        self.file, self.log = file, log

    def report(self, code: str, message: str, node: Node | MapEntry, hint: str = "") -> None:
        self.log.report(code, message, Place(self.file, *node.mark), hint=hint)

    def domain(self, entry: MapEntry) -> Domain | None:
        place = Place(self.file, *entry.mark)
        if not is_name(entry.key):
            hint = "use letters, digits, _ and -, not a digit first"
            self.report("domain-name", f"{entry.key!r} is no name for a domain", entry, hint)
            return None
        if isinstance(entry.node, MapNode):
            return self.hierarchy(entry, entry.node, place)
        values = self.values(entry.node, f"domain {entry.key!r}")
        if values is None:
            return None
        if not values and not (isinstance(entry.node, ListNode) and entry.node.items):
            self.report(
                "empty-domain", f"domain {entry.key!r} has no values", entry, "list at least one value"
            )
        return Domain(entry.key, values, place=place)

    def values(self, node: Node, owner: str) -> tuple[str, ...] | None:
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            hint = f"write [{node.value}]"
            self.report(
                "domain-values", f"{owner} is the text {node.value!r} where a list is meant", node, hint
            )
            return (node.value,) if node.value else ()
        if isinstance(node, ScalarNode) and node.value is None:
            return ()
        if not isinstance(node, ListNode):
            message = f"{owner} is {kind_of(node)}, not a list"
            self.report("domain-type", message, node, "write [value, ...], or {by: parent, values: {...}}")
            return None
        kept: dict[str, None] = {}
        for item in node.items:
            text = self.value(item, owner)
            if text is None:
                continue
            if text in kept:
                self.report("duplicate-value", f"{owner} holds {text!r} twice", item, "keep it once")
            kept[text] = None
        return tuple(kept)

    def value(self, item: Node, owner: str) -> str | None:
        if not isinstance(item, ScalarNode):
            self.report("domain-type", f"{owner} holds {kind_of(item)}; values are text", item)
            return None
        if not isinstance(item.value, str):
            message = f"{owner} holds {item.text}, read as {kind_of(item)}, not as text"
            self.report("key-type", message, item, f'quote it: "{item.text}"')
        if not item.text or len(item.text) > MAX_LENGTH:
            self.report("domain-type", f"{owner} holds a value that is empty or too long", item)
            return None
        return item.text

    def hierarchy(self, entry: MapEntry, node: MapNode, place: Place) -> Domain | None:
        by, values = node.find("by"), node.find("values")
        extra = [item for item in node.entries if item.key not in {"by", "values"}]
        for item in extra:
            hint = did_you_mean(item.key, ("by", "values")) or "a hierarchy has by and values"
            self.report("domain-type", f"domain {entry.key!r} has the unknown key {item.key!r}", item, hint)
        if extra:
            return None
        if by is None or values is None or not isinstance(values.node, MapNode):
            hint = "write {by: parent, values: {parent1: [child, ...]}}"
            self.report(
                "domain-type", f"domain {entry.key!r} is no hierarchy: by or values is missing", entry, hint
            )
            return None
        parent = by.node.value if isinstance(by.node, ScalarNode) else None
        if not isinstance(parent, str) or not is_name(parent) or parent == entry.key:
            self.report("domain-type", f"by of domain {entry.key!r} is not the name of its parent", by.node)
            return None
        return self.rows(entry.key, parent, values.node, place)

    def rows(self, name: str, parent: str, values: MapNode, place: Place) -> Domain:
        pairs: list[tuple[str, str]] = []
        for group in values.entries:
            if not group.key:
                self.report("domain-type", f"domain {name!r} has a parent without a name", group)
                continue
            children = self.values(group.node, f"{group.key!r} in domain {name!r}")
            if children is None:
                continue
            if not children:
                hint = "list its children, or remove it"
                self.report("empty-domain", f"{group.key!r} in domain {name!r} has no values", group, hint)
            pairs += [(child, group.key) for child in children]
        if not values.entries:
            self.log.report(
                "empty-domain", f"domain {name!r} has no values", place, hint="list its children by parent"
            )
        return Domain(
            name, tuple(child for child, _ in pairs), parent, tuple(above for _, above in pairs), place
        )
