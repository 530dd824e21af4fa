"""A compiled configuration in use: reading keys, asking where they come from."""

from workloads import DOMAINS, SHAPES, configuration, keys_of, layered_rules

from bench import benchmark
from strataregula import ConfigCompiler


def make_configuration():
    return ConfigCompiler().compile(configuration(40)), keys_of(40, 500)


@benchmark(setup=make_configuration, items=1_000)
def look_up(work):
    compiled, keys = work
    section = compiled.section("latency")
    return sum([section[key] for key in keys]) + sum([compiled[key] for key in keys])


def make_explained():
    document = {"domains": DOMAINS, "shapes": SHAPES, "edge": layered_rules()}
    return ConfigCompiler().compile(document), [
        "edge.auk.web",
        "edge.alder.gateway",
        "edge.adze.api",
        "edge.fir.api",
    ]


@benchmark(setup=make_explained, items=4)
def explain_key(work):
    compiled, keys = work
    return [compiled.explain(key) for key in keys]
