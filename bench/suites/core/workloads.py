"""The inputs of the suite: the same ones in every process and on every machine, made from fixed seeds."""

from __future__ import annotations

from random import Random
from typing import Any

SEED = 20_240_601

REGIONS = {
    "north": ["alder", "birch", "cedar", "elm", "fir", "gorse", "hazel"],
    "east": ["amber", "beryl", "coral", "diamond", "emerald", "feldspar", "garnet", "halite"],
    "south": ["anise", "basil", "cumin", "dill", "endive", "fennel", "ginger", "hyssop", "iris"],
    "west": ["auk", "brant", "crane", "dove", "egret", "finch", "grebe", "heron"],
    "centre": ["anvil", "bolt", "chisel", "drill", "edger", "file", "gauge", "hammer"],
    "isles": ["adze", "barge", "canoe", "dory", "ferry", "galley", "ketch"],
}
ROLES = ["gateway", "api", "web"]
DOMAINS: dict[str, Any] = {"site": {"by": "region", "values": REGIONS}, "role": ROLES}
SHAPES = ["edge.{site}.{role}"]
SITES = [site for sites in REGIONS.values() for site in sites]


def wildcard_patterns(count: int) -> dict[str, int]:
    """``count`` rules that each make one key a site (47), none of them twice."""
    return {f"svc{number:03d}.{{site}}.latency": number for number in range(count)}


def literal_patterns(count: int) -> dict[str, int]:
    """``count`` rules without any wildcard."""
    return {f"svc{number:04d}.{SITES[number % len(SITES)]}.latency": number for number in range(count)}


def mixed_patterns(count: int) -> list[str]:
    """Pattern texts of every kind: literals, stars, globs, classes, captures, choices, quotes, escapes."""
    shapes = (
        "edge.{}.gateway",
        "edge.*.{}",
        "edge.{}*.api",
        "edge.{{site}}.{}",
        "edge.{{site:a*}}.{}",
        "{{east,west}}.{}.{{1..9}}",
        "node[0-9].{}.?x",
        '"host.{}".*.up',
        "a\\.b.{}.**",
        "!edge.{}.old",
    )
    return [shapes[number % len(shapes)].format(f"n{number:03d}") for number in range(count)]


def layered_rules() -> dict[str, Any]:
    """A section in which rules overlap: bases, narrower rules, filters, exceptions, a removal."""
    rules: dict[str, Any] = {
        "edge.*.*": 20,
        "edge.*.gateway": 5,
        "edge.{site}.api": {"value": 9, "where": {"region": "north"}},
        "edge.{site}.{role}": {
            "value": 28,
            "where": {"region": ["isles", "south"]},
            "except": {"role": "gateway"},
        },
        "edge.{auk,dove}.web": 11,
        "!edge.ferry.web": None,
    }
    rules |= {f"edge.{site}.gateway": 3 for site in SITES[:10]}
    return rules


def yaml_text() -> str:
    """One document of domains, shapes and 40 rules."""
    lines = ["domains:", "  site:", "    by: region", "    values:"]
    lines += [f"      {region}: [{', '.join(sites)}]" for region, sites in REGIONS.items()]
    lines += [f"  role: [{', '.join(ROLES)}]", 'shapes: ["edge.{site}.{role}"]', "service_times:"]
    lines += [f"  edge.{site}.gateway: {number}" for number, site in enumerate(SITES[:30])]
    lines += [
        "  edge.{site}.api: {value: 7, where: {region: north}, priority: 10}",
        '  "*.*.web": [1, "on", 2.5]',
    ]
    return "\n".join(lines) + "\n"


def configuration(rules: int) -> dict[str, Any]:
    """A document that compiles to ``rules`` times 47 keys in one section."""
    return {"domains": DOMAINS, "latency": wildcard_patterns(rules)}


def keys_of(rules: int, count: int) -> list[str]:
    """``count`` keys of `configuration`, in an order without a pattern."""
    choose = Random(SEED)  # noqa: S311  -- a workload, not a secret
    return [f"svc{choose.randrange(rules):03d}.{choose.choice(SITES)}.latency" for _ in range(count)]


def match_patterns(count: int) -> list[str]:
    """``count`` wildcard patterns in the three tiers of the matcher."""
    shapes = ("svc{}.*.latency", "svc{}.a*.latency", "*.{}.{{east,west}}", "svc{}.alder.latency")
    return [shapes[number % len(shapes)].format(f"{number:04d}") for number in range(count)]


def match_texts(patterns: int, count: int) -> list[str]:
    """``count`` keys, of which about three in four match one of `match_patterns`."""
    choose = Random(SEED)  # noqa: S311  -- a workload, not a secret
    return [
        f"svc{choose.randrange(patterns):04d}.{choose.choice(['alder', 'amber', 'west'])}.latency"
        for _ in range(count)
    ]
