import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.escape import markdown, printable_lines, shortened


def test_lines_are_kept_and_control_characters_shown():
    assert printable_lines("a\x1b[31m\n\tb\r\n\n") == ["a\\x1b[31m", "    b"]
    assert printable_lines("") == [""]


@pytest.mark.parametrize(
    "text", ["a|b", "`code`", "<b>", "&amp;", "[x](y)", "![x](y)", "*a*", "_a_", "~a~", "#1", "@me", "$x$"]
)
def test_nothing_takes_part_in_markdown(text):
    written = markdown(text)
    assert html.unescape(written) == text
    plain = re.sub(r"&#\d+;", "", written)
    assert not set("|`<>&[*~#@$!") & set(plain)
    assert not plain.startswith("_")


def test_links_are_not_made_of_plain_addresses():
    assert "://" not in markdown("see https://example.org")
    assert "www." not in markdown("see www.example.org")


def test_words_stay_readable():
    assert markdown("expand_wide, 4.61 ms (+1.1 %)") == "expand_wide, 4.61 ms (+1.1 %)"


def test_line_breaks_stay_inside_a_cell():
    assert markdown("one\ntwo") == "one<br>two"


@given(st.text())
def test_any_text_gives_one_line_without_live_markup(text):
    written = markdown(text)
    assert "\n" not in written
    assert "|" not in written
    assert not re.search(r"<(?!br>)", written)


@given(st.text(min_size=1), st.integers(3, 40))
def test_a_shortened_text_fits_and_keeps_its_end(text, width):
    short = shortened(text, width)
    assert len(short) <= width
    assert text.endswith(short.removeprefix(".."))
