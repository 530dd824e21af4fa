"""The text of references: what is one, what is escaped, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strataregula.core.interpolation import MAX_INNER, Reference, ReferenceSyntaxError, parse_text, refers


def shown(text):
    return [piece if isinstance(piece, str) else [piece.source] for piece in parse_text(text)]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("a $b$ {c} $", ["a $b$ {c} $"]),
        ("${a.b}", [["${a.b}"]]),
        ("x${a}y${b}", ["x", ["${a}"], "y", ["${b}"]]),
        ("$${a}", ["${a}"]),
        ("$$${a}", ["$", ["${a}"]]),
        ("$$$${a}", ["$${a}"]),
        ("${a}$${b}", [["${a}"], "${b}"]),
        ('${a."x}y".b}', [['${a."x}y".b}']]),
        ('${a"b}', [['${a"b}']]),
        ('${env:A:-"}', [['${env:A:-"}']]),
        ("${a.${b}.c}", [["${a.${b}.c}"]]),
    ],
)
def test_the_pieces_of_a_text(text, pieces):
    assert shown(text) == pieces


def test_a_reference_inside_a_reference_keeps_its_place():
    (outer,) = parse_text("${edge.${role}.${site}x}")
    assert outer.inside == (
        "edge.",
        Reference(("role",), "${role}"),
        ".",
        Reference(("site",), "${site}"),
        "x",
    )


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("ab${c", 2, "never closed"),
        ("ab${c${d}", 2, "never closed"),
        ("x${}", 1, "empty"),
        ('${a."b}', 4, "quote"),
        ("${" * (MAX_INNER + 1) + "a" + "}" * (MAX_INNER + 1), 2 * MAX_INNER, "inside each other"),
    ],
)
def test_what_is_no_reference_is_refused_at_its_place(text, at, reason):
    with pytest.raises(ReferenceSyntaxError) as caught:
        parse_text(text)
    assert caught.value.at == at
    assert reason in caught.value.reason
    assert caught.value.hint


@given(st.text(st.sampled_from('a.$${}":\\'), max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        pieces = parse_text(text)
    except ReferenceSyntaxError:
        return
    if "${" not in text:
        assert pieces == ((text,) if text else ())
    for piece in pieces:
        if isinstance(piece, Reference):
            assert piece.source in text


@given(st.text(st.sampled_from("a.$ {}"), max_size=30))
def test_doubling_the_dollars_before_a_brace_keeps_any_text(text):
    escaped, dollars = "", 0
    for character in text:
        if character == "{":
            escaped += "$" * dollars
        dollars = dollars + 1 if character == "$" else 0
        escaped += character
    assert "".join(parse_text(escaped)) == text


@pytest.mark.parametrize(
    ("value", "answer"),
    [("${a}", True), ("a", False), ({"a": ["x", {"b": "${c}"}]}, True), ({"${a}": 1}, False), (1, False)],
)
def test_where_references_are_looked_for(value, answer):
    assert refers(value) is answer
