"""The ``-k`` expression: names joined by ``and``, ``or``, ``not`` and parentheses, as in pytest.

A name selects every benchmark whose id contains it, upper and lower case alike. Grammar::

    expression = term ("or" term)*
    term       = factor ("and" factor)*
    factor     = "not" factor | "(" expression ")" | name
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bench.errors import ConfigurationError

Selector = Callable[[str], bool]

_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")
_DEPTH_LIMIT = 50


def parse_expression(text: str) -> Selector:
    """Return the predicate over benchmark ids that ``text`` describes; an empty text selects everything.

    Raises :class:`ConfigurationError` with a caret under the place that cannot be understood.
    """
    if not text.strip():
        return lambda _: True
    return _Parser(text).parse()


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [(match[1], match.start(1)) for match in _TOKEN.finditer(text)]
        self._next = 0
        self._depth = 0

    def parse(self) -> Selector:
        selector = self._expression()
        if self._peek() is not None:
            raise self._wrong("expected 'and', 'or' or the end")
        return selector

    def _peek(self) -> str | None:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else None

    def _accept(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._next += 1
        return True

    def _expression(self) -> Selector:
        terms = [self._term()]
        while self._accept("or"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda name: any(term(name) for term in terms)

    def _term(self) -> Selector:
        factors = [self._factor()]
        while self._accept("and"):
            factors.append(self._factor())
        return factors[0] if len(factors) == 1 else lambda name: all(factor(name) for factor in factors)

    def _factor(self) -> Selector:
        self._depth += 1
        if self._depth > _DEPTH_LIMIT:
            raise self._wrong(f"nested deeper than {_DEPTH_LIMIT}")
        try:
            return self._negation() if self._accept("not") else self._primary()
        finally:
            self._depth -= 1

    def _negation(self) -> Selector:
        inner = self._factor()
        return lambda name: not inner(name)

    def _primary(self) -> Selector:
        if self._accept("("):
            inner = self._expression()
            if not self._accept(")"):
                raise self._wrong("expected ')'")
            return inner
        token = self._peek()
        if token is None or token in {"and", "or", ")"}:
            raise self._wrong("expected a name, 'not' or '('")
        self._next += 1
        wanted = token.casefold()
        return lambda name: wanted in name.casefold()

    def _wrong(self, expected: str) -> ConfigurationError:
        tokens = self._tokens
        place = tokens[self._next][1] if self._next < len(tokens) else len(self._text.rstrip())
        shown = "".join(char if char.isprintable() else " " for char in self._text)
        return ConfigurationError(
            f"-k: {expected}\n  {shown}\n  {' ' * place}^",
            hint="write names joined by and, or, not: -k 'expand and not slow'",
        )
