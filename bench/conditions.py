"""[edge] What the host does to a measurement: power saving, memory pressure, time that others take.

``read`` gives the text of a file below the file system's root, empty where there is none, so nothing here
fails on a system that does not have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Read = Callable[[str], str]

STEAL_SHARE = 0.05
"""Above this share of the run's CPU time taken by the hypervisor, hardly a process is left undisturbed."""
FREE_MEMORY_SHARE = 0.05
PRESSURE = 10.0
"""Per cent of the last ten seconds in which something waited for memory."""

_DYNAMIC_DRIVERS = ("intel_pstate", "amd-pstate", "amd_pstate", "intel_cpufreq")
"""Under these drivers ``powersave`` is the ordinary mode, which does raise the clock under load."""


def read_below(root: Path, place: str) -> str:
    """The text of a file, empty where it cannot be read."""
    try:
        return (root / place).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def standing_notices(read: Read) -> Iterator[str]:
    """What will disturb every run until somebody changes it, each with what to do."""
    folder = "sys/devices/system/cpu/cpu0/cpufreq"
    governor = read(f"{folder}/scaling_governor").strip()
    if governor == "powersave" and not read(f"{folder}/scaling_driver").startswith(_DYNAMIC_DRIVERS):
        yield (
            "the CPU frequency governor is powersave: the clock stays low or wanders; "
            "`sudo cpupower frequency-set -g performance` for the time of the run"
        )
    if _on_battery():
        yield "on battery: the clock is held down and changes with the charge; plug the computer in"
    yield from _memory_notices(read)


def _memory_notices(read: Read) -> Iterator[str]:
    found = re.findall(r"^(\w+):\s+(\d+) kB$", read("proc/meminfo"), re.MULTILINE)
    sizes = {name: float(size) for name, size in found}
    total, free = sizes.get("MemTotal", 0.0), sizes.get("MemAvailable")
    waiting = re.search(r"^some avg10=([\d.]+)", read("proc/pressure/memory"), re.MULTILINE)
    if free is not None and total > 0 and free / total < FREE_MEMORY_SHARE:
        yield (
            f"memory is short: {free / 1024:.0f} of {total / 1024:.0f} MiB are available; close something, "
            "before the system begins to swap"
        )
    elif waiting and float(waiting[1]) > PRESSURE:
        yield f"memory pressure: something waited for memory {waiting[1]} % of the time; close something"


def _on_battery() -> bool:
    import psutil  # noqa: PLC0415  -- costs more than the rest of this module

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is not None and battery.power_plugged is False


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters since boot: CPU time in ticks, the part that the hypervisor took, pages swapped, stops."""

    total: int = 0
    steal: int = 0
    swapped: int = 0
    throttled: int = 0


def read_counters(read: Read, group_folders: Callable[[], Iterator[str]]) -> Counters:
    """The counters now; zeros where the system has none.

    ``group_folders`` gives the control group folders of this process, its own first.
    """
    ticks = re.search(r"^cpu +([\d ]+)$", read("proc/stat"), re.MULTILINE)
    # user nice system idle iowait irq softirq steal; guest times are in user already
    times = [int(number) for number in ticks[1].split()[:8]] if ticks else []
    swaps = re.findall(r"^pswp(?:in|out) (\d+)$", read("proc/vmstat"), re.MULTILINE)
    told = (read(f"{folder}/cpu.stat") for folder in group_folders())
    stops = (re.search(r"^nr_throttled (\d+)$", text, re.MULTILINE) for text in told)
    found = next((stop for stop in stops if stop), None)
    return Counters(
        total=sum(times),
        steal=times[7] if len(times) == 8 else 0,
        swapped=sum(map(int, swaps)),
        throttled=int(found[1]) if found else 0,
    )


def passing_notices(before: Counters, after: Counters) -> Iterator[str]:
    """What disturbed this run, each with what to do."""
    total = after.total - before.total
    stolen = (after.steal - before.steal) / total if total > 0 else 0.0
    if stolen > STEAL_SHARE:
        yield (
            f"the hypervisor gave {stolen * 100:.0f} % of the CPU time to other guests: "
            "use a dedicated host, or run again at a quieter hour"
        )
    if after.swapped > before.swapped:
        pages = after.swapped - before.swapped
        yield f"the system swapped during the run ({pages} pages): free some memory and run again"
    if after.throttled > before.throttled:
        times = after.throttled - before.throttled
        yield (
            f"the control group was stopped {times} time{'s' if times > 1 else ''} for using its quota: "
            "raise the container's CPU limit"
        )
