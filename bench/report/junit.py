"""JUnit XML, which most continuous integration servers read: a test case for every comparison."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bench.model import Comparison, Report, Verdict
from bench.report.summary import headline, side_text
from bench.report.tables import BASE, CHANGE, HEAD
from bench.text import printable

_FAILURES = frozenset({Verdict.REGRESSED, Verdict.MISSING})
_SKIPPED = frozenset({Verdict.UNDECIDED, Verdict.NEW, Verdict.NOT_COMPARABLE})


def render(report: Report) -> str:
    """Write one ``testsuite``: regressed and missing fail, failed is an error, undecided and new skip."""
    rows = report.comparisons
    suite = ET.Element(
        "testsuite", _counts(rows) | {"name": "bench-guard", "time": f"{report.duration_s:.3f}"}
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("base", side_text(report.base)), ("head", side_text(report.head))):
        ET.SubElement(properties, "property", name=name, value=printable(value))
    for row in rows:
        _add_case(suite, row)
    ET.SubElement(suite, "system-out").text = _text("\n".join((headline(report), *report.messages)))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(rows: tuple[Comparison, ...]) -> dict[str, str]:
    return {
        "tests": str(len(rows)),
        "failures": str(sum(row.verdict in _FAILURES for row in rows)),
        "errors": str(sum(row.verdict is Verdict.FAILED for row in rows)),
        "skipped": str(sum(row.verdict in _SKIPPED for row in rows)),
    }


def _add_case(suite: ET.Element, row: Comparison) -> None:
    path, _, name = row.benchmark.partition("::")
    case = ET.SubElement(
        suite,
        "testcase",
        classname=printable(path.removesuffix(".py").replace("/", ".")),
        name=printable(f"{name} {row.metric}".lstrip()),
    )
    message = printable(f"{row.verdict.value}: {BASE.cell(row)} -> {HEAD.cell(row)} ({CHANGE.cell(row)})")
    if row.verdict in _FAILURES:
        ET.SubElement(case, "failure", type=row.verdict.value, message=message).text = _text(row.note or "")
    elif row.verdict is Verdict.FAILED:
        ET.SubElement(case, "error", type=row.verdict.value, message=message).text = _text(row.note or "")
    elif row.verdict in _SKIPPED:
        ET.SubElement(case, "skipped", message=message)


def _text(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))
