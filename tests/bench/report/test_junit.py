from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from bench.model import Comparison, Host, Report, RunVerdict, Side, Verdict
from bench.report.junit import render


def test_every_kind_of_row(golden, every_kind):
    golden("bench/junit.xml", render(every_kind))


def test_the_counts_are_those_of_the_cases(every_kind):
    suite = ET.fromstring(render(every_kind)).find("testsuite")
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 12, "failures": 3, "errors": 1, "skipped": 4}
    assert len(suite.findall("testcase/failure")) == 3
    assert len(suite.findall("testcase/error")) == 1
    assert len(suite.findall("testcase/skipped")) == 4


def test_a_case_is_named_by_file_function_and_metric(report, row):
    case = ET.fromstring(render(report(row("deep/a.py::f[n=1]")))).find("testsuite/testcase")
    assert case.attrib == {"classname": "benchmarks.deep.a", "name": "f[n=1] time"}


@given(st.text(), st.sampled_from(Verdict))
def test_any_text_gives_readable_xml(text, verdict):
    row = Comparison(text, "time", "s", verdict, note=text)
    report = Report(RunVerdict.PASS, 0, Side(text), Side("b"), Host(), (row,), 1.0, messages=(text,))
    assert ET.fromstring(render(report)).tag == "testsuites"
