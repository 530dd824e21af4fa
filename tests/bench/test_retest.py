"""A suite that moved as a whole: who is asked again, and what the second answer changes."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.model import Baseline, BaselineEntry, Comparison, Host, Report, RunVerdict, Side, Verdict
from bench.retest import confirmed, suspicion
from bench.settings import Settings

COMMIT, MACHINE = "c" * 40, "linux-x"
NAMES = [f"b.py::case{number}" for number in range(6)]
SETTINGS = Settings(Path("/p"), (), Path("/p/baselines"), Path("/p/reports"))


def row(name, verdict=Verdict.REGRESSED, change=0.2, metric="time"):
    return Comparison(
        name,
        metric,
        "s",
        verdict,
        base=1.0,
        head=1.0 + change,
        change=change,
        tolerance=0.1,
        note="as it was",
    )


def report(*rows, kind="baseline", commit=COMMIT):
    base, head = Side(kind, "ref", commit, None, MACHINE), Side("working tree")
    return Report(RunVerdict.REGRESSED, 1, base, head, Host(), rows, 10.0, ("old words",))


def baseline(commit=COMMIT, machine=MACHINE):
    return Baseline({}, tuple(BaselineEntry(name, machine, "h", {}, commit) for name in NAMES))


ALL_SLOWER = report(*(row(name) for name in NAMES))


class TestWhoIsAskedAgain:
    def test_the_red_ones_of_a_suite_that_moved(self):
        mixed = report(*(row(name) for name in NAMES[:5]), row(NAMES[5], Verdict.OK, 0.0))

        found = suspicion(mixed, baseline())

        assert found.commit == COMMIT
        assert found.benchmarks == frozenset(NAMES[:5])

    def test_nobody_where_few_moved(self):
        few = report(row(NAMES[0]), *(row(name, Verdict.OK, 0.0) for name in NAMES[1:]))

        assert suspicion(few, baseline()) is None

    def test_nobody_where_all_became_faster(self):
        assert suspicion(report(*(row(n, Verdict.IMPROVED, -0.3) for n in NAMES)), baseline()) is None

    @pytest.mark.parametrize("commit", [None, f"{COMMIT}-dirty"])
    def test_nobody_where_the_commit_cannot_be_had(self, commit):
        assert suspicion(report(*ALL_SLOWER.comparisons, commit=commit), baseline(commit)) is None

    @pytest.mark.parametrize("other", [baseline("d" * 40), baseline(machine="another"), Baseline()])
    def test_nobody_whose_entry_is_of_other_code_or_another_machine(self, other):
        assert suspicion(ALL_SLOWER, other) is None


class TestWhatTheSecondAnswerChanges:
    def again(self, verdict, change):
        return report(*(row(name, verdict, change) for name in NAMES), kind="git")

    def test_no_change_side_by_side_acquits_all(self):
        settled = confirmed(ALL_SLOWER, self.again(Verdict.OK, 0.004), SETTINGS)

        assert (settled.verdict, settled.exit_code) == (RunVerdict.PASS, 0)
        first = settled.comparisons[0]
        assert (first.verdict, first.change) == (Verdict.OK, 0.004)
        assert "+20.0 % against the baseline" in first.note
        assert COMMIT[:10] in first.note

    def test_a_regression_side_by_side_stays_red_and_says_so(self):
        settled = confirmed(ALL_SLOWER, self.again(Verdict.REGRESSED, 0.18), SETTINGS)

        assert (settled.verdict, settled.exit_code) == (RunVerdict.REGRESSED, 1)
        first = settled.comparisons[0]
        assert (first.verdict, first.change) == (Verdict.REGRESSED, 0.2)
        assert "confirmed" in first.note
        assert "+18.0 %" in first.note
        assert "as it was" in first.note

    @pytest.mark.parametrize("verdict", [Verdict.UNDECIDED, Verdict.FAILED, Verdict.NEW])
    def test_no_clear_answer_leaves_it_red(self, verdict):
        settled = confirmed(ALL_SLOWER, self.again(verdict, 0.1), SETTINGS)

        assert settled.comparisons == ALL_SLOWER.comparisons
        assert settled.exit_code == 1

    def test_memory_and_benchmarks_that_were_not_asked_about_stay_as_they_are(self):
        memory = row(NAMES[0], metric="peak")
        first = replace(ALL_SLOWER, comparisons=(*ALL_SLOWER.comparisons, memory))

        settled = confirmed(first, report(row(NAMES[0], Verdict.OK, 0.0), kind="git"), SETTINGS)

        assert settled.comparisons[1:] == first.comparisons[1:]
        assert settled.exit_code == 1

    def test_the_time_of_both_counts(self):
        assert confirmed(ALL_SLOWER, self.again(Verdict.OK, 0.0), SETTINGS).duration_s == 20.0
