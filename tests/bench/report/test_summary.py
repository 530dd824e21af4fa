from dataclasses import replace

import pytest

from bench.model import Host, RunVerdict, Side, Verdict
from bench.report.summary import (
    GIT,
    case_name,
    headline,
    host_text,
    next_steps,
    notes,
    ordered,
    side_text,
)


def test_rows_come_by_importance(every_kind):
    verdicts = [row.verdict.value for row in ordered(every_kind.comparisons)]
    assert list(dict.fromkeys(verdicts)) == [
        "regressed",
        "failed",
        "missing",
        "undecided",
        "not_comparable",
        "new",
        "improved",
        "ok",
    ]


def test_suspects_come_before_the_calmly_undecided_and_larger_changes_first(row):
    rows = [
        row("a::1", Verdict.UNDECIDED, 0.3),
        row("a::2", Verdict.UNDECIDED, 0.12, suspect=True),
        row("a::3", Verdict.UNDECIDED, 0.2, suspect=True),
        row("a::4", Verdict.REGRESSED, 0.2),
        row("a::5", Verdict.REGRESSED, 0.5),
    ]
    assert [found.benchmark[-1] for found in ordered(rows)] == ["5", "4", "3", "2", "1"]


def test_new_rows_keep_the_order_of_the_suite(single):
    rows = [
        single("b::z", Verdict.NEW),
        single("b::a", Verdict.NEW, metric="peak"),
        single("a::a", Verdict.NEW),
    ]
    assert ordered(rows) == rows


def test_ok_rows_show_times_first(row):
    rows = [
        row("a::1", metric="rss", change=0.5),
        row("a::1", metric="peak"),
        row("a::2", change=0.0),
        row("a::1"),
    ]
    assert [(found.metric, found.change) for found in ordered(rows)] == [
        ("time", 0.011),
        ("time", 0.0),
        ("peak", 0.011),
        ("rss", 0.5),
    ]


def test_a_pass_says_what_was_measured(report, row, single):
    assert headline(report(row("a::1"), row("a::1", metric="peak"), row("a::2"))) == (
        "PASS: 2 benchmarks, no regression, in 41 s"
    )
    mixed = report(
        row("a::1", Verdict.IMPROVED, -0.3),
        row("a::2", Verdict.UNDECIDED),
        row("a::2"),
        row("a::3", Verdict.UNDECIDED, gates=False),
        single("a::4", Verdict.NEW, gates=False),
        single("a::4", Verdict.NEW, metric="peak", gates=False),
        single("a::5", Verdict.NOT_COMPARABLE, gates=False),
    )
    assert headline(mixed) == (
        "PASS: 5 benchmarks, no regression "
        "(1 improved, 1 undecided, 1 too noisy to gate, 1 new, 1 not comparable), in 41 s"
    )


def test_a_run_without_a_base_says_what_it_measured(report, row, single):
    new = [single(f"a::{n}", Verdict.NEW, gates=False) for n in range(2)]
    held = [row(f"a::{n}", change=None, metric="budget:p95") for n in range(2)]
    assert headline(report(*new, base=Side("none"))) == "PASS: 2 benchmarks measured, in 41 s"
    assert (
        headline(report(*new, held[0], base=Side("none")))
        == "PASS: 2 benchmarks measured, 1 budget held, in 41 s"
    )
    assert (
        headline(report(*new, *held, base=Side("none")))
        == "PASS: 2 benchmarks measured, 2 budgets held, in 41 s"
    )


def test_a_pass_in_which_nothing_gated_says_so(report, row):
    noisy = report(row("a::1", Verdict.UNDECIDED, gates=False), row("a::1", metric="rss", gates=False))
    assert headline(noisy) == "PASS: 1 benchmark measured, none could gate (1 too noisy to gate), in 41 s"


def test_shown_metrics_do_not_enter_the_sentence(report, row):
    odd = report(row("a::1"), row("a::1", Verdict.UNDECIDED, metric="rss", gates=False))
    assert headline(odd) == "PASS: 1 benchmark, no regression, in 41 s"


def test_a_regression_names_the_worst_and_counts_the_rest(report, row, single):
    rows = [row(f"a::f{n}", Verdict.REGRESSED, n / 10) for n in range(2, 7)]
    assert headline(report(*rows, verdict=RunVerdict.REGRESSED)) == (
        "REGRESSED: f6 (time +60.0 %), f5 (time +50.0 %), f4 (time +40.0 %) and 2 more, in 41 s"
    )
    broken = row("a::f", Verdict.REGRESSED, None, metric="budget:p95")
    gone = single("a::gone", Verdict.MISSING)
    assert headline(report(broken, gone, verdict=RunVerdict.REGRESSED)) == (
        "REGRESSED: f (budget:p95); missing: gone, in 41 s"
    )
    assert headline(report(verdict=RunVerdict.REGRESSED)) == "REGRESSED: see the rows below, in 41 s"


def test_an_undecided_run_says_why(report, row):
    suspect = row("a::f", Verdict.UNDECIDED, 0.2, suspect=True)
    calm = row("a::g", Verdict.UNDECIDED)
    assert headline(report(suspect, calm, verdict=RunVerdict.UNDECIDED)) == (
        "UNDECIDED: probably slower but not proved: f (time +20.0 %), in 41 s"
    )
    assert headline(report(calm, row("a::h"), verdict=RunVerdict.UNDECIDED)) == (
        "UNDECIDED: not decided: g, in 41 s"
    )
    assert headline(report(calm, row("a::h", Verdict.UNDECIDED), verdict=RunVerdict.UNDECIDED)) == (
        "UNDECIDED: not decided: g, h, in 41 s"
    )
    assert headline(report(verdict=RunVerdict.UNDECIDED)) == "UNDECIDED: nothing could gate, in 41 s"


def test_a_failed_run_names_what_failed(report, single):
    rows = [single(f"a::f{n}", Verdict.FAILED, gates=False) for n in range(4)]
    assert headline(report(*rows, verdict=RunVerdict.FAILED)) == (
        "FAILED: could not measure f0, f1, f2 and 1 more, in 41 s"
    )
    assert headline(report(verdict=RunVerdict.FAILED)) == "FAILED: nothing could be measured, in 41 s"


@pytest.mark.parametrize(
    ("side", "text"),
    [
        (Side("none"), "none"),
        (Side("git", "main", "c0ffee12345678"), "main, commit c0ffee1234"),
        (Side("baseline", "b.json", None, "2026-01-01", "box"), "b.json, 2026-01-01, box"),
    ],
)
def test_a_side_names_all_that_is_known(side, text):
    assert side_text(side) == text


def test_the_host_is_described_as_far_as_it_is_known(report):
    assert host_text(report(host=Host())) is None
    assert host_text(report(host=Host(0.214))).startswith("the host's own speed varied by 21 %")
    assert "factor of 1.02" in host_text(report())


def test_every_trouble_comes_with_a_command(every_kind):
    steps = {step.partition(":")[0]: step.partition(":")[2].strip() for step in next_steps(every_kind)}
    assert steps == {
        "look again": "bench-guard check -k parse",
        "if it is meant": "bench-guard baseline accept -k parse --reason 'WHY'",
        "see it alone": "bench-guard run -k boom",
        "if removed on purpose": "bench-guard baseline update --reason 'WHY'",
        "measure longer": "bench-guard check -k maybe --budget 300",
        "record a baseline": "bench-guard baseline update",
    }


def test_a_pass_needs_no_command(report, row):
    assert next_steps(report(row("a::1"), row("a::1", Verdict.UNDECIDED, metric="rss", gates=False))) == ()


def test_a_broken_budget_is_not_accepted_by_a_baseline(report, row):
    steps = next_steps(report(row("a::1", Verdict.REGRESSED, None, metric="budget:p95")))
    assert len(steps) == 1
    assert "baseline" not in steps[0]


def test_selections_are_quoted_for_the_shell_and_left_out_when_they_say_nothing(report, row, single):
    fresh = [single(f"a::f[n={n}]", Verdict.NEW) for n in range(2)]
    assert next_steps(report(*fresh, row("a::other")))[0].endswith("update -k 'f[n=0] or f[n=1]'")
    assert next_steps(report(*fresh))[0].endswith("baseline update")
    many = [row(f"a::f{n}", Verdict.REGRESSED) for n in range(9)]
    assert next_steps(report(*many))[0].endswith("bench-guard check")
    spaced = row("a::f[x=a b]", Verdict.REGRESSED)
    assert next_steps(report(spaced))[0].endswith("bench-guard check")


def test_a_run_without_a_base_has_nothing_to_record(report, single, row):
    rows = (single("a::new", Verdict.NEW), single("a::boom", Verdict.FAILED))
    steps = next_steps(report(*rows, base=Side("none"), verdict=RunVerdict.FAILED))
    assert [step.partition(":")[0] for step in steps] == ["see it alone"]


def test_rows_with_the_same_note_share_a_line(row):
    rows = [
        *(row(f"a::f{n}", metric="rss", gates=False, note="shown only") for n in range(5)),
        row("a::g", note="shown only"),
        row("a::g", metric="budget:p95", note="promised"),
        row("a::h", Verdict.REGRESSED, metric="budget:p95", note="promised"),
    ]
    assert notes(rows) == [
        ("f0, f1, f2 and 2 more (rss)", "shown only"),
        ("g (time)", "shown only"),
        ("h (budget:p95)", "promised"),
    ]


def test_the_name_of_a_case_is_what_follows_its_file():
    assert case_name("a/b.py::f[x=c::d]") == "f[x=c::d]"
    assert case_name("a/b.py") == "a/b.py"


def test_on_an_unknown_machine_the_times_ask_for_a_baseline(report, row, single):
    rows = [
        single("a::1", Verdict.NEW, gates=False),
        row("a::1", metric="peak"),
        single("a::1", Verdict.NEW, metric="rss", gates=False),
    ]
    assert headline(report(*rows)).startswith(
        "PASS: 1 benchmark, no regression (1 with a time new to the baseline)"
    )
    assert next_steps(report(*rows))[0].endswith("bench-guard baseline update")
    assert next_steps(report(*rows[1:])) == ()


def test_accepting_all_that_was_compared_says_that_it_is_meant(report, row):
    both = report(row("x::a", Verdict.REGRESSED, 0.3), row("x::b", Verdict.REGRESSED, 0.4))
    assert any("baseline accept -k 'a or b' --all --reason 'WHY'" in step for step in next_steps(both))
    many = report(*(row(f"x::f{i}", Verdict.REGRESSED, 0.3) for i in range(5)))
    assert any("bench-guard baseline update --reason 'WHY'" in step for step in next_steps(many))


class TestBetweenRevisions:
    @pytest.fixture
    def compared(self, report):
        def make(*rows, head=GIT):
            base = Side(GIT, "main...", "a" * 40)
            return replace(report(*rows), base=base, head=Side(head, "v2", "b" * 40))

        return make

    def test_what_to_type_next_names_commits_and_no_baseline(self, compared, row):
        steps = next_steps(compared(row("a.py::slow", Verdict.REGRESSED), row("a.py::fine", Verdict.OK)))

        assert [step.partition("bench-guard ")[2] for step in steps] == [
            f"ab --base {'a' * 12} --head {'b' * 12} -k slow"
        ]

    def test_a_working_tree_is_no_revision_to_name(self, compared, row):
        (step,) = next_steps(compared(row("a.py::slow", Verdict.REGRESSED), head="working tree"))

        assert step.endswith(f"ab --base {'a' * 12}")

    def test_suspects_are_measured_longer_and_failures_alone(self, compared, row):
        suspect = replace(row("a.py::slow", Verdict.UNDECIDED), suspect=True)
        steps = next_steps(compared(suspect, row("a.py::broken", Verdict.FAILED)))

        assert any("--budget 300" in step for step in steps)
        assert any("run -k broken" in step for step in steps)


def test_a_side_with_local_changes_says_so():
    text = side_text(Side("working tree", "working tree", "a" * 40 + "-dirty"))

    assert text == "working tree, commit aaaaaaaaaa with changes that are not committed"
