"""What an import costs: the heavy libraries are loaded by whoever needs them, when they need them."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "click", "filelock", "hypothesis", "jinja2", "matplotlib", "memory_profiler", "msgspec", "numpy", "pluggy",
    "psutil", "pyperf", "pytest", "rich", "scipy", "tabulate", "yaml",
}  # fmt: skip

PROGRAM = """
import sys
before = set(sys.modules)
{statement}
import json
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(statement, cwd):
    command = [sys.executable, "-P", "-c", PROGRAM.format(statement=statement)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


def packages(modules):
    return {name.split(".")[0] for name in modules}


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import bench", set()),
        ("from bench import benchmark", set()),
        ("import bench.measure.worker", set()),
        ("from bench import benchmark_function, measure_memory_usage, compare_implementations", set()),
        ("from bench import profile_function, profile_memory, trace_memory_allocations", set()),
        ("from bench import PerformanceRegression", {"msgspec"}),
        ("import bench.guard", {"msgspec", "filelock"}),
        ("import bench.cli.main", {"click"}),
        ("import strataregula", set()),
        ("from strataregula import PatternExpander", set()),
        ("from strataregula import ConfigCompiler", {"yaml"}),
        ("import strataregula.cli.main", {"click"}),
    ],
)
def test_an_import_loads_no_heavy_library_that_it_does_not_need(tmp_path, statement, allowed):
    assert packages(loaded_by(statement, tmp_path)) & HEAVY <= allowed


def test_a_suite_file_costs_a_worker_two_modules_of_ours(tmp_path):
    loaded = loaded_by("from bench import benchmark", tmp_path)
    assert {name for name in loaded if name.startswith("bench")} == {"bench", "bench.authoring"}


def test_a_worker_loads_little_beyond_the_standard_library(tmp_path):
    loaded = loaded_by("import bench.measure.worker", tmp_path)
    assert packages(loaded) - {"bench"} <= set(sys.stdlib_module_names)
    assert not loaded & {"asyncio", "subprocess", "multiprocessing", "unittest", "email", "ssl", "sqlite3"}
    assert len(loaded) < 110


def test_every_public_name_of_both_packages_can_be_had(tmp_path):
    for package in ("bench", "strataregula"):
        statement = f"import {package}; [getattr({package}, name) for name in {package}.__all__]"
        assert package in loaded_by(statement, tmp_path)
