"""A reference expander: what a configuration means, written to be read and not to be fast.

It knows nothing of the compiler. Rules are data (no text is parsed), every assignment of values to captures is
tried, every key is tested against every rule, and every division of a text against every piece of a pattern.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any

REMOVED = object()

DOMAINS = {
    "city": {"by": "zone", "values": {"n": ["a", "b"], "s": ["b", "c"]}},
    "role": ["x", "y"],
    "odd": ["1.2", '"q', "a"],
}
CITIES = [("a", "n"), ("b", "n"), ("b", "s"), ("c", "s")]
"""The hierarchy as rows: a value may stand under two parents."""
LISTS = {"role": ["x", "y"], "odd": ["1.2", '"q', "a"], "zone": ["n", "s"]}


@dataclass(frozen=True)
class Rule:
    """``segments`` are tuples of pieces; the empty tuple is ``**``.

    A piece is ``("text", t)``, ``("capture", name, glob)``, ``("choice", options)``, ``("star",)``, ``("any",)`` for
    ``?`` or ``("class", characters)``.
    """

    segments: tuple
    value: Any = 0
    priority: int = 0
    layer: int = 0
    negated: bool = False
    where: tuple = ()
    excluded: tuple = field(default=())

    @property
    def makes(self):
        """A rule makes keys when nothing in it chooses."""
        chooses = any(piece[0] in {"star", "any", "class"} for segment in self.segments for piece in segment)
        return not self.negated and not chooses and all(self.segments)


def names_of(rule):
    return {piece[1] for segment in rule.segments for piece in segment if piece[0] == "capture"}


def assignments(rule):
    """Every assignment of values to the captures of a rule that its domains, globs and conditions allow."""
    names = names_of(rule)
    hierarchy = names & {"city", "city.zone"} or (names & {"zone"} if "city" in names else set())
    rows = CITIES if hierarchy else [(None, None)]
    free = sorted(names - {"city", "city.zone"} - ({"zone"} if hierarchy else set()))
    for city, zone in rows:
        for values in itertools.product(*(LISTS[name] for name in free)):
            bound = dict(zip(free, values, strict=True))
            if hierarchy:
                bound |= {"city": city, "city.zone": zone, "zone": zone}
            if globs_hold(rule, bound) and all(bound[name] in allowed for name, allowed in rule.where):
                yield bound


def globs_hold(rule, bound):
    captures = [piece for segment in rule.segments for piece in segment if piece[0] == "capture"]
    return all(not glob or fits(glob, bound[name]) for _, name, glob in captures)


def fits(pieces, text):
    """Whether a text is a sequence of pieces without captures: try every division."""
    if not pieces:
        return not text
    return any(
        piece_is(pieces[0], text[:end]) and fits(pieces[1:], text[end:]) for end in range(len(text) + 1)
    )


def piece_is(piece, text):
    match piece:
        case ("text", literal):
            return text == literal
        case ("choice", options):
            return text in options
        case ("star",):
            return True
        case ("any",):
            return len(text) == 1
        case ("class", characters):
            return len(text) == 1 and text in characters


def filled(segment, bound):
    return tuple(("text", bound[piece[1]]) if piece[0] == "capture" else piece for piece in segment)


def made_by(rule):
    """The keys (as tuples of segments) that a rule makes, in order and once each."""
    keys = {}
    for bound in assignments(rule):
        options = []
        for segment in rule.segments:
            pieces = [piece[1] if piece[0] == "choice" else [piece[1]] for piece in filled(segment, bound)]
            options.append(["".join(texts) for texts in itertools.product(*pieces)])
        for key in itertools.product(*options):
            if not any(covers(pattern, key) for pattern in rule.excluded):
                keys[key] = None
    return list(keys)


def covers(rule, key):
    if any(covers(pattern, key) for pattern in rule.excluded):
        return False
    return any(
        aligned([filled(segment, bound) for segment in rule.segments], key) for bound in assignments(rule)
    )


def aligned(segments, key):
    """Whether segments stand for a key: ``**`` takes any number of its segments."""
    if not segments:
        return not key
    if not segments[0]:
        return any(aligned(segments[1:], key[taken:]) for taken in range(len(key) + 1))
    return bool(key) and fits(segments[0], key[0]) and aligned(segments[1:], key[1:])


def precedence(rule):
    deep = sum(not segment for segment in rule.segments)
    free = sum(segment == (("star",),) for segment in rule.segments)
    literal = sum(all(piece[0] == "text" for piece in segment) for segment in rule.segments if segment)
    written = sum(len(piece[1]) for segment in rule.segments for piece in segment if piece[0] == "text")
    return rule.layer, rule.priority, -deep, -free, -(len(rule.segments) - deep - free - literal), written


def expanded(rules):
    """Return ``(keys with values, codes of problems)`` of one section.

    Rules that make nothing are told before any key is made, and then nothing else is. The result is the one
    of a lenient reading: of rules that contradict each other the last one counts.
    """
    makers = [made_by(rule) for rule in rules if rule.makes]
    made = dict.fromkeys(key for keys in makers for key in keys)
    problems = {"no-keys" for rule in rules if not rule.makes and not any(covers(rule, key) for key in made)}
    result = {}
    for key in made:
        covering = [rule for rule in rules if covers(rule, key)]
        best = max(map(precedence, covering))
        winners = [REMOVED if rule.negated else rule.value for rule in covering if precedence(rule) == best]
        if any(value is not winners[0] and value != winners[0] for value in winners):
            problems.add("conflict")
        if winners[-1] is not REMOVED:
            result[key] = winners[-1]
    return result, problems if all(makers) else {"no-keys"}


def key_text(segments):
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return ".".join(quoted(text) if "." in text or text.startswith('"') else text for text in segments)


def pattern_text(rule):
    text = ".".join("".join(map(piece_text, segment)) if segment else "**" for segment in rule.segments)
    return "!" + text if rule.negated else text


def piece_text(piece):
    match piece:
        case ("text", literal):
            return literal
        case ("choice", options):
            return "{" + ",".join(options) + "}"
        case ("class", characters):
            return f"[{characters}]"
        case ("capture", name, glob):
            return "{" + name + (":" if glob else "") + "".join(map(piece_text, glob)) + "}"
        case _:
            return {"star": "*", "any": "?"}[piece[0]]


def document(rules):
    """The layers of one section as mappings, base first."""
    layers = {}
    for rule in rules:
        form = {"value": None if rule.negated else rule.value, "priority": rule.priority}
        if rule.where:
            form["where"] = {name: list(allowed) for name, allowed in rule.where}
        if rule.excluded:
            form["except"] = [pattern_text(pattern) for pattern in rule.excluded]
        layers.setdefault(rule.layer, {})[pattern_text(rule)] = form
    sources = [{"s": layers[layer]} for layer in sorted(layers)]
    return [{"domains": DOMAINS, **sources[0]}, *sources[1:]]
