import io
import sys
import threading

import pytest

from bench.cli.progress import BarProgress, LineProgress


def test_plain_lines_come_at_each_quarter(capsys):
    progress = LineProgress()
    progress.begin("measuring", 8)
    for _ in range(8):
        progress.advance("a::b")
    progress.end()
    assert capsys.readouterr().err.split("\n") == [
        "measuring (about 8 steps)",
        "measuring: 2 of 8",
        "measuring: 4 of 8",
        "measuring: 6 of 8",
        "measuring: 8 of 8",
        "",
    ]


def test_plain_lines_of_a_phase_of_unknown_length(capsys):
    progress = LineProgress()
    progress.begin("collecting", None)
    progress.advance("x", 30)
    progress.advance("x", 10)
    progress.advance("x", 10)
    assert capsys.readouterr().err == "collecting\ncollecting: 30\ncollecting: 50\n"


def test_what_is_said_is_harmless_and_goes_to_standard_error(capsys):
    LineProgress().say("one \x1b[31m\ntwo")
    assert capsys.readouterr().err == "one \\x1b[31m\ntwo\n"


@pytest.fixture
def screen(monkeypatch):
    """``screen()`` makes standard error a terminal; called in the test, because capturing starts between."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def attach():
        found = Terminal()
        monkeypatch.setattr(sys, "stderr", found)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        return found

    return attach


def test_a_bar_shows_the_benchmark_in_hand(screen):
    terminal = screen()
    progress = BarProgress()
    progress.begin("time [x]", 4)
    progress.advance("a.py::parse[n=1]", 2)
    progress.say("measuring [bold]thing[/bold] \x1b[31mfrom\nhere")
    progress.end()
    text = terminal.getvalue()
    assert "time [x]" in text
    assert "a.py::parse[n=1]" in text
    assert "2/4" in text
    assert "measuring [bold]thing[/bold] \\x1b[31mfrom" in text


def test_a_bar_draws_only_when_it_is_told_to(screen):
    terminal = screen()
    progress = BarProgress()
    progress.begin("time", 4)
    drawn = len(terminal.getvalue())
    assert progress._bar.live.auto_refresh is False
    assert not [thread for thread in threading.enumerate() if "Refresh" in type(thread).__name__]
    assert len(terminal.getvalue()) == drawn
    progress.end()


def test_a_bar_survives_phases_without_an_end_and_an_end_without_a_phase(screen):
    terminal = screen()
    progress = BarProgress()
    progress.end()
    progress.advance("nothing")
    progress.begin("one", None)
    progress.begin("two", 1)
    progress.end()
    progress.end()
    assert "two" in terminal.getvalue()
