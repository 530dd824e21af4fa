"""What a rule that chooses nothing may have meant: the pattern with one fixed segment put right."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from strataregula.core.pattern import parse_key
from strataregula.core.segments import quote_segment
from strataregula.core.templates import Template
from strataregula.diagnostics import closest

__all__ = ["near_pattern"]

_MAX_KEYS: Final = 2_000


def near_pattern(pattern: str, template: Template, keys: Iterable[str]) -> str:
    """Return ``pattern`` with one fixed segment replaced by that of a key; the empty text for none like it.

    The first 2,000 keys are looked at.
    """
    fixed = {number: field[0] for number, field in enumerate(template.fields) if len(field) == 1}
    texts = {number: text for number, text in fixed.items() if isinstance(text, str)}
    written = pattern.split(".")
    if len(written) != len(template.fields) or not texts:
        return ""
    wanted: dict[int, dict[str, None]] = {}
    for key in islice(keys, _MAX_KEYS):
        segments = parse_key(key)
        wrong = [number for number, text in texts.items() if segments[number : number + 1] != (text,)]
        if len(segments) == len(written) and len(wrong) == 1:
            wanted.setdefault(wrong[0], {})[segments[wrong[0]]] = None
    for number, candidates in wanted.items():
        near = closest(texts[number], candidates, limit=1)
        if near:
            start = "!" if number == 0 and pattern.startswith("!") else ""
            return ".".join([*written[:number], start + quote_segment(near[0]), *written[number + 1 :]])
    return ""
