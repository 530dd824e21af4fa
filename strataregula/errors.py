"""The errors of the compiler and the exit codes that they stand for.

::

    StrataregulaError                     1  everything below; never raised itself
    |-- PatternSyntaxError (ValueError)   1  a pattern or key that does not parse: source, span, hint
    |-- CompilationError                  1  every problem of one compilation (3: a file could not be read)
    |-- MissingKey (KeyError)             1  a look-up of a key that was not compiled, with near matches
    |-- AmbiguousKey (KeyError)           1  a look-up of a key that several sections hold
    |-- EmitError (ValueError)            1  a value that the chosen output format cannot hold
    |-- OutputError (OSError)             3  the result could not be written
    |-- UncountedKeys (TypeError)         2  the length of a lazy result that only walking it would tell
    |-- UsageError (ValueError)           2  an argument outside what the function documents

Exit codes of the command line: 0 fine, 1 diagnostics with errors, 2 usage, 3 input or output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

__all__ = [
    "AmbiguousKey",
    "CompilationError",
    "EmitError",
    "MissingKey",
    "OutputError",
    "PatternSyntaxError",
    "StrataregulaError",
    "UncountedKeys",
    "UsageError",
    "visible",
]

_KEPT = {ord("\t"): "    "}


def visible(text: str) -> str:
    r"""Return ``text`` safe for a terminal.

    Control and other unprintable characters become ``\xNN`` or ``\uNNNN``; a tab becomes four spaces.
    Printable Unicode stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    kept = _KEPT.get(ord(character))
    if kept is not None:
        return kept
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


class Reportable(Protocol):
    """What a `CompilationError` needs to know of a diagnostic; `strataregula.model.Diagnostic` is one."""

    @property
    def code(self) -> str:
        """Stable machine-readable name of the kind of problem."""

    @property
    def is_input_failure(self) -> bool:
        """True when a file could not be read at all."""

    def render(self) -> str:
        """Return the text for people, several lines, safe for a terminal."""


class StrataregulaError(Exception):
    """Root of every error that the package raises on purpose.

    `exit_code` is what a command exits with when the error ends it.
    """

    exit_code: int = 1


class UsageError(StrataregulaError, ValueError):
    """An argument is outside what the called function documents."""

    exit_code = 2


class EmitError(StrataregulaError, ValueError):
    """A compiled value has no form in the chosen output format; the message names key and alternative."""


class OutputError(StrataregulaError, OSError):
    """The result could not be written to ``target``; an old file of that name is still whole."""

    exit_code = 3

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"cannot write {visible(target)}: {visible(reason)}")
        self.target = target


class PatternSyntaxError(StrataregulaError, ValueError):
    """A pattern or a key does not follow the grammar.

    ``source`` is the whole text, ``span`` the half-open range ``(start, end)`` of characters at fault,
    ``reason`` one sentence without the source, ``hint`` what to type next (may be empty).
    """

    def __init__(self, reason: str, *, source: str, span: tuple[int, int], hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.source = source
        self.span = span
        self.hint = hint

    def __str__(self) -> str:
        start, end = self.span
        before = visible(self.source[:start])
        marked = visible(self.source[start:end])
        lines = [
            f"{self.reason}, at character {start + 1} of the pattern",
            f"  {before}{marked}{visible(self.source[end:])}",
            f"  {' ' * len(before)}{'^' * max(1, len(marked))}",
        ]
        if self.hint:
            lines.append(f"  hint: {visible(self.hint)}")
        return "\n".join(lines)


class CompilationError(StrataregulaError):
    """A compilation failed; ``diagnostics`` holds every problem found, at most 200."""

    max_shown: ClassVar[int] = 20

    def __init__(self, diagnostics: Sequence[Reportable]) -> None:
        super().__init__(f"{len(diagnostics)} problems")
        self.diagnostics = tuple(diagnostics)
        if any(diagnostic.is_input_failure for diagnostic in self.diagnostics):
            self.exit_code = 3

    def __str__(self) -> str:
        shown = [diagnostic.render() for diagnostic in self.diagnostics[: self.max_shown]]
        more = len(self.diagnostics) - len(shown)
        if more > 0:
            shown.append(f"... and {more} more")
        return "\n".join(shown)


class MissingKey(StrataregulaError, KeyError):  # noqa: N818 - reads like the KeyError that it is
    """No section holds ``key``; ``near`` lists similar keys, the most similar first."""

    def __init__(self, key: object, near: Sequence[str] | Callable[[], Sequence[str]] = ()) -> None:
        super().__init__(key)
        self.key = key
        self._near = near

    @property
    def near(self) -> tuple[str, ...]:
        """Similar keys, the most similar first; found when first asked for, so that a miss stays cheap."""
        if callable(self._near):
            self._near = tuple(self._near())
        return tuple(self._near)

    def __str__(self) -> str:
        text = f"no such key: {visible(str(self.key))!r}"
        if self.near:
            text += f" (did you mean {', '.join(repr(visible(name)) for name in self.near)}?)"
        return text

    def __reduce__(self) -> tuple[type[MissingKey], tuple[object, tuple[str, ...]]]:
        return MissingKey, (self.key, self.near)


class AmbiguousKey(StrataregulaError, KeyError):  # noqa: N818 - reads like the KeyError that it is
    """Several sections hold ``key``; ``sections`` names them in the order of the sources."""

    def __init__(self, key: str, sections: Sequence[str]) -> None:
        super().__init__(key)
        self.key = key
        self.sections = tuple(sections)

    def __str__(self) -> str:
        names = ", ".join(repr(visible(name)) for name in self.sections)
        return f"key {visible(self.key)!r} is in several sections: {names}; read it with section(NAME)[key]"


class UncountedKeys(StrataregulaError, TypeError):  # noqa: N818 - reads like the keys that it is about
    """``len()`` of a lazy section whose rules overlap and make too many keys to walk.

    ``at_most`` is the number of keys of all its rules. A `TypeError`, as for anything without a length, so
    that ``list()`` and ``sorted()`` do without.
    """

    exit_code = 2

    def __init__(self, section: str, at_most: int) -> None:
        super().__init__(
            f"section {visible(section)!r} has up to {at_most:,} keys, how many exactly only walking them "
            "would tell: sum(1 for key in section)"
        )
        self.section, self.at_most = section, at_most
