import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import ConfigurationError
from bench.selection import parse_expression

ID = "benchmarks/bench_parse.py::Small[n=100]"


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ("", True),
        ("   ", True),
        ("small", True),
        ("SMALL", True),
        ("large", False),
        ("not large", True),
        ("small and not large", True),
        ("large or small", True),
        ("large or small and nothing", False),
        ("(large or small) and parse", True),
        ("not (small or large)", False),
        ("not not small", True),
        ("n=100", True),
        ("[n=100]", True),
        ("bench_parse.py::small", True),
        ("(((small)))", True),
        ("android or small", True),
        ("nothing or notable", False),
    ],
)
def test_an_expression_selects_by_substring_and_logic(expression, selected):
    assert parse_expression(expression)(ID) is selected


@pytest.mark.parametrize(
    ("expression", "column", "expected"),
    [
        ("small and", 9, "expected a name"),
        ("or small", 0, "expected a name"),
        ("(small", 6, r"expected '\)'"),
        ("small)", 5, "expected 'and', 'or' or the end"),
        ("small large", 6, "expected 'and', 'or' or the end"),
        ("()", 1, "expected a name"),
        ("not", 3, "expected a name"),
    ],
)
def test_bad_syntax_points_at_the_place(expression, column, expected):
    with pytest.raises(ConfigurationError, match=expected) as caught:
        parse_expression(expression)
    _, shown, caret = caught.value.message.split("\n")
    assert shown.strip() == expression
    assert caret.index("^") - 2 == column


def test_deep_nesting_is_an_error_and_no_recursion_fault():
    with pytest.raises(ConfigurationError, match="nested deeper"):
        parse_expression("(" * 5000)
    with pytest.raises(ConfigurationError, match="nested deeper"):
        parse_expression("not " * 5000 + "a")


def test_control_characters_of_an_expression_do_not_reach_the_message():
    with pytest.raises(ConfigurationError) as caught:
        parse_expression("a \x1b[31m")
    assert "\x1b" not in caught.value.message


_words = st.sampled_from(["alpha", "beta", "gamma"])


def _trees():
    return st.recursive(
        _words,
        lambda inner: (
            st.tuples(st.just("not"), inner) | st.tuples(inner, st.sampled_from(["and", "or"]), inner)
        ),
        max_leaves=8,
    )


def _render(tree):
    if isinstance(tree, str):
        return tree
    return "(" + " ".join(part if part in {"and", "or", "not"} else _render(part) for part in tree) + ")"


def _truth(tree, name):
    if isinstance(tree, str):
        return tree in name
    if len(tree) == 2:
        return not _truth(tree[1], name)
    left, right = _truth(tree[0], name), _truth(tree[2], name)
    return left and right if tree[1] == "and" else left or right


@given(_trees(), st.sets(_words).map(lambda names: "_".join(sorted(names))))
def test_any_expression_means_what_python_would_say(tree, name):
    assert parse_expression(_render(tree))(name) is _truth(tree, name)


@given(st.text(alphabet="ab() notrd", max_size=25))
def test_any_text_is_either_understood_or_refused_with_a_caret(text):
    try:
        outcome = str(parse_expression(text)("ab"))
    except ConfigurationError as error:
        outcome = error.message
    assert outcome in {"True", "False"} or "^" in outcome
