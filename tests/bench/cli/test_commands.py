import json
from dataclasses import replace

import pytest

from bench.cli import doctor
from bench.cli.main import main
from bench.errors import SubjectError
from bench.model import Acceptance, Baseline, BaselineEntry, MetricRecord
from bench.store.baselines import FileBaselineStore

KIND = "linux-x86_64-2cpu-cpython3.11-7f3a"


def store(project, *, kind=KIND, stable=None, reason=None):
    entry = BaselineEntry(
        "benchmarks/bench_a.py::parse",
        kind,
        "hash",
        {"time": MetricRecord("s", (-1.0, -1.02), 0.00461), "peak": MetricRecord("B", (2048.0,), 2048.0)},
        "c0ffee1234567",
        "2026-01-02T03:04:05+00:00",
        reason,
    )
    noisy = BaselineEntry(
        "benchmarks/bench_a.py::noisy",
        kind,
        "hash",
        {"time": MetricRecord("s", (1.0, 2.0), 1.5, calibratable=False)},
    )
    memory = BaselineEntry("benchmarks/bench_a.py::memory", kind, "hash", {})
    baseline = Baseline({kind: stable or {"cpu": "Fast CPU"}}, (entry, noisy, memory))
    return FileBaselineStore(project / "baselines").update(lambda _: baseline)


def test_list_writes_one_id_a_line(project, edges, capsys):
    assert main(["list"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "benchmarks/bench_a.py::parse\nbenchmarks/bench_a.py::expand[n=1]\n"
    assert "measuring thing from /project/thing.py" in captured.err


def test_list_selects(project, edges, capsys):
    assert main(["list", "-k", "parse"]) == 0
    assert capsys.readouterr().out == "benchmarks/bench_a.py::parse\n"
    assert main(["list", "-k", "nothing"]) == 4
    assert main(["list", "-k", "and"]) == 2


def test_list_says_which_suite_is_broken(project, edges, capsys):
    edges.executor.break_a_suite()
    for arguments in (["list"], ["list", "-q"]):
        assert main(arguments) == 4
        captured = capsys.readouterr()
        assert "bench_a.py::parse" in captured.out
        assert captured.err.count("bench_b.py: no \\x1b[31mmodule") == 1


def test_list_as_data(project, edges, capsys):
    edges.executor.break_a_suite()
    assert main(["list", "--json", "-"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert document["benchmarks"][0]["id"] == "benchmarks/bench_a.py::parse"
    assert document["problems"][0]["suite"] == "benchmarks/bench_b.py"
    assert main(["list", "--json", "list.json"]) == 4
    assert json.loads((project / "list.json").read_text()) == document
    assert "bench_a.py::parse\n" in capsys.readouterr().out


def test_baseline_show_without_a_baseline(project, capsys):
    assert main(["baseline", "show"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "there is no baseline" in captured.err
    assert "bench-guard check" in captured.err


def test_baseline_show_lists_what_is_stored(project, golden, capsys):
    store(project, reason="new | parser \x1b[31m")
    assert main(["baseline", "show"]) == 0
    golden("bench/baseline_show.txt", capsys.readouterr().out)


def test_baseline_show_lists_what_was_accepted(project, golden, capsys):
    store(project)
    accepted = Acceptance(
        "benchmarks/bench_a.py::parse", KIND, "time", "s", 0.004, 0.005, 0.25,
        "2026-02-03T04:05:06+00:00", "c0ffee1234567-dirty", "dates too \x1b[31m",
    )  # fmt: skip
    unknown = replace(accepted, metric="peak", unit="B", old=0.0, new=2048.0, change=None, commit=None)
    FileBaselineStore(project / "baselines").update(lambda old: replace(old, accepted=(accepted, unknown)))
    assert main(["baseline", "show", "-k", "parse"]) == 0
    golden("bench/baseline_accepted.txt", capsys.readouterr().out)
    assert main(["baseline", "show", "-k", "noisy"]) == 0
    assert "accepted" not in capsys.readouterr().out


def test_baseline_show_selects(project, capsys):
    store(project)
    assert main(["baseline", "show", "-k", "noisy"]) == 0
    text = capsys.readouterr().out
    assert "noisy" in text
    assert "parse" not in text
    assert main(["baseline", "show", "-k", "nothing"]) == 0
    assert capsys.readouterr().out == "nothing is stored under these names\n"


def test_baseline_show_of_a_damaged_file(project, capsys):
    path = store(project)
    path.write_text("{")
    assert main(["baseline", "show"]) == 2
    assert "baseline.json:1:2: not valid JSON" in capsys.readouterr().err


def doctor_says(capsys, *arguments):
    code = main(["doctor", *arguments])
    return code, capsys.readouterr().out


def test_doctor_finds_nothing_wrong(project, edges, monkeypatch, capsys):
    monkeypatch.setattr(doctor.machine, "host_notices", lambda: ())
    monkeypatch.setattr(doctor.machine, "pick_cpu", lambda: 1)
    monkeypatch.setattr(doctor, "git_version", lambda: "2.40")
    store(project, kind=edges.environment.machine)
    code, text = doctor_says(capsys)
    assert code == 0
    assert text.endswith("\neverything works\n")
    assert "tolerance" in text
    assert "[default]" in text
    assert "2 benchmarks in 1 file\n" in text
    assert "thing from /project/thing.py" in text


def test_doctor_says_which_optional_packages_are_missing(project, edges, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_OPTIONAL_PACKAGES", ("surely-not-there",))
    assert "surely-not-there (not installed)" in doctor_says(capsys)[1]


def test_doctor_warns_with_advice_and_passes(project, edges, monkeypatch, capsys):
    monkeypatch.setattr(doctor.machine, "host_notices", lambda: ("busy host: load 3; stop other work",))
    monkeypatch.setattr(doctor.machine, "pick_cpu", lambda: None)
    monkeypatch.setattr(doctor, "git_version", lambda: None)
    (project / "pyproject.toml").write_text(
        "[tool.bench-guard]\nsubject = ['other']\n[tool.bench-guard.benchmarks.'wrong.*']\ntolerance = 0.2\n"
    )
    code, text = doctor_says(capsys)
    assert code == 0
    for warning in (
        "warning: pinning: not possible here\n    expect more noise",
        "warning: host: busy host\n    load 3; stop other work",
        "warning: git: not found",
        "warning: subject: other is imported by no suite",
        "warning: override: wrong.* matches no benchmark",
        "baseline.json does not exist\n    bench-guard check records one",
    ):
        assert warning in text
    assert "[pyproject.toml:2]" in text


def test_doctor_names_the_nearest_machine_kind(project, edges, capsys):
    near = dict(edges.environment.stable) | {"python": "3.12", "cpu": "other"}
    store(project, stable=near)
    code, text = doctor_says(capsys)
    assert code == 0
    assert f"nearest is {KIND}, different in cpu, python" in text
    assert "bench-guard baseline update adds it" in text


def test_doctor_without_a_subject(project, edges, capsys):
    (project / "pyproject.toml").write_text("[tool.bench-guard]\nsubject = []\n")
    code, text = doctor_says(capsys)
    assert code == 0
    assert "warning: subject: none known" in text


def test_doctor_finds_a_wrong_setting(project, edges, capsys):
    (project / "pyproject.toml").write_text("[tool.bench-guard]\ntolerence = 1\n")
    code, text = doctor_says(capsys)
    assert code == 2
    assert "problem: settings: pyproject.toml:2: unknown key 'tolerence'" in text


def test_doctor_finds_a_suite_that_does_not_import(project, edges, capsys):
    edges.executor.break_a_suite()
    code, text = doctor_says(capsys)
    assert code == 2
    assert "problem: suite: benchmarks/bench_b.py\n    no \\x1b[31mmodule" in text


def test_doctor_finds_a_missing_subject(project, edges, capsys):
    edges.error = SubjectError("thing was not found", hint="name it")
    code, text = doctor_says(capsys)
    assert code == 2
    assert "problem: setup: thing was not found\n    name it" in text


def test_doctor_finds_that_nothing_is_collected_and_a_damaged_baseline(project, edges, capsys):
    store(project).write_text("")
    code, text = doctor_says(capsys, "-k", "nothing")
    assert code == 2
    assert "problem: suites: -k 'nothing' selects none" in text
    assert "baseline.json: is empty" in text


def test_doctor_knows_an_empty_baseline(project, edges, capsys):
    FileBaselineStore(project / "baselines").update(lambda _: Baseline())
    code, text = doctor_says(capsys)
    assert code == 0
    assert "does not know this machine kind\n" in text


@pytest.mark.integration
def test_doctor_sees_the_commit(project, edges, capsys):
    import subprocess

    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *arguments], check=True, cwd=project)
    _, text = doctor_says(capsys)
    assert " with local changes" not in text
    (project / "pyproject.toml").write_text("")
    assert " with local changes" in doctor_says(capsys)[1]
