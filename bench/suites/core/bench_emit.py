"""Writing a compiled configuration of 940 keys."""

from io import StringIO

from workloads import configuration

from bench import benchmark
from strataregula import ConfigCompiler
from strataregula.emit import write


def make_configuration():
    return ConfigCompiler().compile(configuration(20))


@benchmark(setup=make_configuration, items=940)
def emit_json(compiled):
    write(compiled, StringIO(), "json")


@benchmark(setup=make_configuration, items=940)
def emit_python(compiled):
    write(compiled, StringIO(), "python")


@benchmark(setup=make_configuration, items=940)
def emit_ndjson(compiled):
    write(compiled, StringIO(), "ndjson")
