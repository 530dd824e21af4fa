"""Text that came from outside, made fit to be shown: names, messages, a subject's output."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""``text`` with control and other unprintable characters as escapes, so that a terminal obeys none.

    >>> printable("red\x1b[31m")
    'red\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
