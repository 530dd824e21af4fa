import re

from bench.model import Host, Verdict
from bench.report.markdown import render
from bench.report.summary import next_steps


def test_every_kind_of_row(golden, every_kind):
    golden("bench/summary.md", render(every_kind, steps=next_steps(every_kind)))


def test_every_table_row_has_the_same_columns(every_kind):
    lines = [line for line in render(every_kind).split("\n") if line.startswith("|")]
    assert len(lines) == len(every_kind.comparisons) + 4
    assert {line.count("|") for line in lines} == {10}


def test_columns_without_any_value_are_left_out(report, single):
    text = render(report(single("a.py::f", Verdict.NEW, base=None)))
    assert re.search(r"\| verdict +\| benchmark +\| metric +\| +head \| +processes \|\n", text)


def test_it_names_its_base(report, row):
    text = render(report(row("a.py::f")))
    assert "commit c0ffee1234" in text
    assert "2026-01-01T10:00:00+00:00" in text
    assert "linux-x86_64-2cpu-cpython3.11-1a2b3c4d" in text


def test_ok_rows_are_collapsed(report, row):
    text = render(report(row("a.py::f"), row("a.py::g")))
    table = text[text.index("<details><summary>2 ok</summary>\n\n|") : text.index("</details>")]
    assert "a.py::f" in table
    assert "a.py::g" in table


def test_only_known_tags_are_live(every_kind):
    tags = set(re.findall(r"<[^>]*>", render(every_kind)))
    assert tags == {"<details>", "</details>", "<summary>", "</summary>", "<br>", "<sub>", "</sub>"}


def test_an_empty_report_is_still_a_page(report):
    text = render(report(host=Host()))
    assert "|" not in text
    assert text.startswith("## ✅ bench-guard\n\n**PASS: ")
    assert text.endswith("</sub>\n")


def test_commands_can_be_copied_and_cannot_leave_their_block(report, row):
    text = render(report(row("a.py::f")), steps=("look: bench-guard check -k 'f[n=1]'", "x\n```\n<b>"))
    assert "```text\nlook: bench-guard check -k 'f[n=1]'\nx\\n```\\n<b>\n```\n\n</details>" in text
