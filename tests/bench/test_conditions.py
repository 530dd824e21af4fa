import psutil
import pytest

from bench import conditions
from bench.conditions import Counters, passing_notices, read_counters, standing_notices

FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq"
ROOMY = "MemTotal:       8000000 kB\nMemAvailable:   4000000 kB\n"
SHORT = "MemTotal:       8000000 kB\nMemAvailable:    200000 kB\n"


@pytest.fixture(autouse=True)
def plugged(monkeypatch):
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)


def files(texts):
    return lambda place: texts.get(place, "")


def test_a_system_that_tells_nothing_is_not_complained_about():
    assert list(standing_notices(files({}))) == []
    assert read_counters(files({}), lambda: iter(())) == Counters()
    assert list(passing_notices(Counters(), Counters())) == []


@pytest.mark.parametrize(
    ("governor", "driver", "noticed"),
    [
        ("powersave", "acpi-cpufreq", True),
        ("powersave", "", True),
        ("powersave", "intel_pstate", False),
        ("powersave", "amd-pstate-epp", False),
        ("performance", "acpi-cpufreq", False),
        ("schedutil", "acpi-cpufreq", False),
    ],
)
def test_a_clock_that_is_held_down(governor, driver, noticed):
    read = files(
        {f"{FREQUENCY}/scaling_governor": f"{governor}\n", f"{FREQUENCY}/scaling_driver": f"{driver}\n"}
    )
    found = list(standing_notices(read))
    assert [("governor is powersave" in text, "cpupower" in text) for text in found] == [
        (True, True)
    ] * noticed


@pytest.mark.parametrize(("plugged_in", "noticed"), [(False, True), (True, False), (None, False)])
def test_on_battery(monkeypatch, plugged_in, noticed):
    class Battery:
        power_plugged = plugged_in

    monkeypatch.setattr(psutil, "sensors_battery", Battery, raising=False)
    assert ["plug the computer in" in text for text in standing_notices(files({}))] == [True] * noticed


@pytest.mark.parametrize(
    ("memory", "pressure", "words"),
    [
        (SHORT, "", "memory is short: 195 of 7812 MiB"),
        (SHORT, "some avg10=50.00 avg60=0", "memory is short"),
        (
            ROOMY,
            "some avg10=12.50 avg60=0.00 total=5\nfull avg10=0.00",
            "waited for memory 12.50 % of the time",
        ),
        (ROOMY, "some avg10=3.00 avg60=0.00 total=5\n", None),
        (ROOMY, "", None),
        ("nonsense", "nonsense", None),
    ],
)
def test_memory_that_is_short(memory, pressure, words):
    found = list(standing_notices(files({"proc/meminfo": memory, "proc/pressure/memory": pressure})))
    assert [words in text for text in found] == ([True] if words else [])
    assert all("close something" in text for text in found)


def test_counters_are_read_where_the_system_keeps_them():
    texts = {
        "proc/stat": "cpu  10 1 5 100 2 0 1 30 7 0\ncpu0 1 1 1 1\n",
        "proc/vmstat": "nr_free_pages 1\npswpin 4\npswpout 6\n",
        "group/cpu.stat": "usage_usec 5\nnr_throttled 3\n",
    }
    assert read_counters(files(texts), lambda: iter(["none", "group"])) == Counters(149, 30, 10, 3)


def test_an_old_kernel_counts_no_steal():
    assert read_counters(files({"proc/stat": "cpu  10 1 5 100\n"}), lambda: iter(())) == Counters(
        116, 0, 0, 0
    )


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (Counters(1100, 60), "the hypervisor gave 60 % of the CPU time to other guests"),
        (Counters(1100, 4), None),
        (Counters(1000, 0, swapped=7), "the system swapped during the run (7 pages)"),
        (Counters(1000, 0, throttled=1), "stopped 1 time for using its quota"),
        (Counters(1000, 0, throttled=4), "stopped 4 times for using its quota"),
        (Counters(0, 0), None),
    ],
)
def test_what_disturbed_the_run_is_said_with_advice(after, words):
    found = list(passing_notices(Counters(1000, 0), after))
    assert [words in text for text in found] == ([True] if words else [])
    assert all("run again" in text or "raise" in text for text in found)


def test_files_below_a_root(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "stat").write_text("cpu 1\n")
    assert conditions.read_below(tmp_path, "proc/stat") == "cpu 1\n"
    assert conditions.read_below(tmp_path, "proc/none") == ""
    assert conditions.read_below(tmp_path, "proc\0") == ""
