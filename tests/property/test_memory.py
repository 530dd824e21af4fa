"""Streams and lazy results in a process of their own: what they add to its resident memory, measured by the system."""

import os
import subprocess
import sys

import pytest

FULL = "STRATAREGULA_FUZZ" in os.environ
KEYS = 10_000_000 if FULL else 400_000
MIB = 1024 * 1024

STREAM = """
import resource, sys
from strataregula import ConfigCompiler
from strataregula.emit import write

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

last = int(sys.argv[1])
document = {"domains": {"zone": ["north", "south"]}, "latency": {
    f"{{zone}}.host{{1..{last // 2}}}.disk": {"value": 5, "merge": "replace"},
    "north.host{1..9}.disk": 7,
    "!south.host7.disk": None,
}}
compiled = ConfigCompiler().compile(document, lazy=True)
class Counted:
    lines = bytes = 0
    def write(self, text):
        Counted.lines += text.count("\\n")
        Counted.bytes += len(text)
small = ConfigCompiler().compile({"domains": {"zone": ["n"]}, "latency": {"{zone}.{1..5000}": 5}}, lazy=True)
write(small, Counted(), "ndjson")
Counted.lines = 0
before, peak = resident(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write(compiled, Counted(), "ndjson")
grown = max(resident() - before, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024)
print(Counted.lines, grown)
"""

LAZY = """
import resource, sys, time
from strataregula import ConfigCompiler
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
names = {name: [f"{name}{number}" for number in range(1_000)] for name in ("zone", "host", "disk")}
rules = {"{zone}.{host}.{disk}": 5, "zone7.{host}.{disk}": 6, "*.*.disk99*": {"value": 8, "priority": 1}}
compiled = ConfigCompiler().compile({"domains": names, "latency": rules}, lazy=True)
assert compiled["zone7.host8.disk9"] == 6 and compiled["zone7.host8.disk990"] == 8
assert compiled.explain("zone1.host1.disk1").found
print(len(compiled.section("latency").rules), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def measured(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=600
    )
    return tuple(map(int, done.stdout.split()))


pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc"),
]


def test_streaming_any_number_of_keys_to_ndjson_adds_less_than_10_mb():
    lines, grown = measured(STREAM, str(KEYS))
    assert lines == KEYS - 1
    assert grown < 10_000_000


def test_a_configuration_of_a_billion_keys_adds_less_than_100_mb():
    rules, grown = measured(LAZY)
    assert rules == 3
    assert grown < 100 * MIB
