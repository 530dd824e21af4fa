"""From files to a plan: reading a document, binding and counting its rules."""

from workloads import DOMAINS, SHAPES, layered_rules, yaml_text

from bench import benchmark
from strataregula.core.documents import MemoryFiles, read_sources
from strataregula.core.pattern_expander import PatternExpander
from strataregula.core.planner import clear_caches
from strataregula.diagnostics import DiagnosticLog


def make_files():
    return MemoryFiles({"services.yaml": yaml_text().encode()})


@benchmark(setup=make_files)
def load_yaml(files):
    return read_sources(("services.yaml",), DiagnosticLog(), files)


@benchmark(setup=layered_rules, items=16)
def plan_rules(rules):
    clear_caches()
    return PatternExpander(DOMAINS, SHAPES).plan(rules)
