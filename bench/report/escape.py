"""Text from outside (names, notes, output of the measured code) made harmless for each kind of reader."""

from __future__ import annotations

import re

from bench.text import printable

_MARKDOWN_SPECIAL = re.compile(
    r"[&<>|`*\[\\~#@!$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?<=www)\.", re.IGNORECASE
)


def printable_lines(text: str) -> list[str]:
    """Split into lines (without empty ones at the end) and make each printable."""
    return [printable(line.expandtabs(4)) for line in text.rstrip().split("\n")]


def markdown(text: str) -> str:
    """Write text so that Markdown and HTML show it as it is, in a table cell too.

    Line breaks become ``<br>``. Numeric entities are used throughout, because they can never take part in
    Markdown's structure.
    """
    lines = printable_lines(text)
    return "<br>".join(_MARKDOWN_SPECIAL.sub(lambda found: f"&#{ord(found[0])};", line) for line in lines)


def shortened(text: str, width: int) -> str:
    """Cut the front off a text that is longer than ``width``; the end is what tells benchmarks apart.

    >>> shortened("benchmarks/parse.py::small[n=100]", 20)
    '..e.py::small[n=100]'
    """
    if len(text) <= width:
        return text
    return f"..{text[len(text) - max(width - 2, 1) :]}"
