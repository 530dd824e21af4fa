"""The keys that docs/formats.md lists are those that the program writes, in both directions, with their types."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench import guard, machine
from bench.cli.list import _as_json
from bench.clock import FakeClock
from bench.executor import Collection, FakeExecutor
from bench.model import BenchmarkSpec, Block, FailureKind, Method, ProcessFailure, ProcessRun
from bench.progress import SilentProgress
from bench.report import json_format, studies
from bench.settings import Settings
from bench.store import baselines, calibrations, runs
from bench.studies.calibration import calibrate
from bench.studies.selftest import self_test

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
HOST = machine.SystemMachine(environ={}).environment("1")
KINDS = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "true or false": lambda value: isinstance(value, bool),
    "pair": lambda value: isinstance(value, list) and len(value) == 2,
}
MAPS = {"machines", "benchmarks", "metrics", "settings"}
"""Objects whose keys are names of the user's, written ``<name>`` on the page."""


def documented(heading):
    """Key -> type of the tables below a ``## `` heading."""
    section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) +\|", section, re.MULTILINE))


def leaves(value, path=""):
    """(dotted key, value) of everything at the ends of a document; a list counts as one, an empty one not at all."""
    if isinstance(value, dict):
        named = path.rpartition(".")[2] in MAPS or path in {"benchmarks.<name>", "machines.<name>"}
        for key, inner in value.items():
            step = "<name>" if named else key
            yield from leaves(inner, f"{path}.{step}" if path else step)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            yield from leaves(item, f"{path}[]")
    elif value != []:
        yield path, value


def fits(value, kind):
    if kind.endswith(" or null"):
        return value is None or fits(value, kind.removesuffix(" or null"))
    if kind.startswith("list of "):
        return isinstance(value, list) and all(fits(item, kind.removeprefix("list of ")) for item in value)
    if pair := re.fullmatch(r"pair of (.+)s", kind):
        return isinstance(value, list) and len(value) == 2 and all(fits(item, pair[1]) for item in value)
    return KINDS[kind.removesuffix("s") if kind not in KINDS else kind](value)


def assert_documented(heading, *documents):
    kinds = documented(heading)
    written = [leaf for document in documents for leaf in leaves(document)]
    assert {key for key, _ in written} == set(kinds)
    assert [(key, value) for key, value in written if not fits(value, kinds[key])] == []


def spec(name, **more):
    return BenchmarkSpec(f"bench_x.py::{name}", "bench_x.py", name, 0, "hash", **more)


SPECS = [spec("steady", budgets=("time <= 1s",), params=(("n", "1"),)), spec("broken"), spec("gone")]


def answer(spec, task):
    """A host without noise; what is called broken raises once its baseline is recorded."""
    common = {"benchmark": spec.id, "metric": task.metric, "process": task.process, "hash_seed": 7}
    if spec.function == "broken" and answer.broken:
        return ProcessFailure(spec.id, task.metric, 0, FailureKind.RAISED, "ValueError: no", "tail")
    if task.metric in {"peak", "rss"}:
        return ProcessRun(**common, method=Method.SINGLE, values=(1e6,), cpu=1)
    blocks = tuple(Block(1e-4 * (1 + task.process / 1000), 2e-5) for _ in range(60))
    files = (("thing", "/project/thing.py"),)
    return ProcessRun(**common, method=Method.BLOCKS, blocks=blocks, subject_files=files, notes=("odd",))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Report, baseline file, run file and list, written by the real writers over a fake executor."""
    root = tmp_path_factory.mktemp("project")
    (root / "bench_x.py").write_text("")
    settings = Settings(root=root, suites=("bench_x.py",), baseline=root / "baselines", reports=root / "runs")
    store = baselines.FileBaselineStore(settings.baseline)
    header = runs.RunHeader("check", "2026-01-02", HOST, "c0ffee", True, {"tolerance": "0.1 (--tolerance)"})
    log = runs.FileRunLog(root / "runs", header, pytest.fail)

    def ports(specs):
        executor = FakeExecutor(specs, answer)
        return guard.Ports(
            executor, store, log, FakeClock(), SilentProgress(), HOST, "c0ffee", ("busy host: load 9",)
        )

    answer.broken = False
    guard.check(settings, ports(SPECS))
    guard.update_baseline(settings, ports(SPECS), "again")
    guard.accept(replace(settings, expression="gone"), ports(SPECS), "on purpose")
    answer.broken = True
    report = guard.check(settings, ports(SPECS[:2]))
    log.close()
    problem = ProcessFailure("bench_y.py", "collect", 0, FailureKind.IMPORT, "no module")
    return {
        "report": json.loads(json_format.to_json(report)),
        "baseline": json.loads(store.path.read_bytes()),
        "run": [json.loads(line) for line in log.path.read_bytes().splitlines()],
        "list": json.loads(_as_json(Collection(tuple(SPECS), (problem,)))),
        "folder": root,
    }


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Calibration file, its report and a self-test, written by the real writers over a fake executor."""
    root = tmp_path_factory.mktemp("studied")
    (root / "bench_x.py").write_text("")
    settings = Settings(root=root, suites=("bench_x.py",), baseline=root / "baselines", reports=root / "runs")

    def slowed(spec, task):
        run = answer(spec, task)
        if isinstance(run, ProcessFailure):
            return run
        factor = 1.0 if spec.function == "gone" else 1 + task.slowdown  # a slowdown that nobody sees
        return replace(run, blocks=tuple(Block(b.subject * factor, b.reference) for b in run.blocks))

    def pair(spec, task):
        run = slowed(spec, task)
        if isinstance(run, ProcessFailure):
            return run
        return replace(run, paired=True, blocks=tuple(Block(b.subject, 1e-4) for b in run.blocks))

    problem = ProcessFailure("bench_y.py", "collect", 0, FailureKind.IMPORT, "no module")
    answer.broken = False
    ports = guard.Ports(
        FakeExecutor(SPECS, slowed, [problem]), baselines.MemoryBaselineStore(), runs.MemoryRunLog(),
        FakeClock(), SilentProgress(), HOST, "c0ffee", ("busy host: load 9",),
        FakeExecutor(SPECS, pair), calibrations.FileCalibrationStore(settings.baseline),
    )  # fmt: skip
    report = calibrate(replace(settings, tolerance=0.01), ports, processes=6)
    return {
        "report": json.loads(studies.calibration_json(report)),
        "self-test": json.loads(studies.self_test_json(self_test(settings, ports))),
        "file": json.loads(ports.calibrations.path.read_bytes()),
    }


def test_the_calibration(studied):
    assert_documented("Calibration", studied["file"])


@pytest.mark.parametrize(
    ("heading", "name"),
    [("Calibration report", studies.CALIBRATION_FORMAT), ("Self-test", studies.SELF_TEST_FORMAT)],
)
def test_names_and_versions_of_the_studies(heading, name):
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert f"`{name}`, version {studies.VERSION}" in section


def test_the_calibration_report(studied):
    assert studied["report"]["settings"]
    assert_documented("Calibration report", studied["report"])


def test_the_self_test(studied):
    assert_documented("Self-test", studied["self-test"])


def test_the_report(written):
    assert {row["verdict"] for row in written["report"]["comparisons"]} >= {"ok", "failed", "missing"}
    assert_documented("Report", written["report"])


def test_the_baseline(written):
    assert_documented("Baseline", written["baseline"])


def test_the_run_file(written):
    header, *outcomes = written["run"]
    assert {key for outcome in outcomes for key in outcome} == {"run", "failure"}
    header["environment"]["volatile"] = {}
    kinds = {key for key in documented("Run file") if key.startswith("environment.volatile.")}
    header["environment"]["volatile"] = {key.rpartition(".")[2]: "0" for key in kinds}
    of_a_pair = {**outcomes[0], "run": {**outcomes[0]["run"], "host": [2e-5]}}
    assert_documented("Run file", header, of_a_pair, *outcomes)


def test_the_list(written):
    assert_documented("List", written["list"])


def test_every_key_of_an_environment():
    named = documented("Run file")
    stable = {
        key.removeprefix("environment.stable.") for key in named if key.startswith("environment.stable.")
    }
    volatile = {
        key.removeprefix("environment.volatile.") for key in named if key.startswith("environment.volatile.")
    }
    assert stable == set(machine.STABLE_KEYS)
    told = re.search(
        r"^Volatile keys, where readable: (.*?)\n\"\"\"", machine.__doc__ + '\n"""', re.DOTALL | re.MULTILINE
    )
    assert volatile == set(re.findall(r"``(\w+)``", told[1]))
    assert set(HOST.volatile) <= volatile


@pytest.mark.parametrize(
    ("heading", "module"),
    [("Report", json_format), ("Baseline", baselines), ("Run file", runs), ("Calibration", calibrations)],
)
def test_names_and_versions(heading, module):
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert f"`{module.FORMAT}`, version {module.VERSION}" in section


def test_the_examples_are_in_the_format_they_show(tmp_path):
    examples = dict(re.findall(r"<!-- (\w+) -->\n```json\n(.*?)```", PAGE, re.DOTALL))
    path = tmp_path / "baseline.json"
    path.write_text(examples["baseline"])
    assert baselines.FileBaselineStore(tmp_path).load().entries
    lines = tmp_path / "run.jsonl"
    lines.write_text(examples["run"])
    header, outcomes = runs.read_run(lines)
    assert (header.command, len(outcomes)) == ("check", 2)
    assert json.loads(examples["report"])["format"] == json_format.FORMAT
