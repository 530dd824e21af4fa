"""The host as an edge: what kind of machine this is, which CPU to measure on, what disturbs it.

*Stable* keys decide whether two times are comparable at all, *volatile* ones are recorded and never decide.

=============== =========================================================================================
stable key      value
=============== =========================================================================================
cpu             the model as the system names it, else the architecture; ``BENCH_GUARD_MACHINE`` replaces it
architecture    ``x86_64``, ``aarch64``, ...
cores           logical CPUs of the machine
quota           CPUs that the control group grants (``1.50``), ``none`` without a limit
os              ``linux``, ``darwin``
libc            ``glibc 2.36``; ``unknown`` where it does not say
implementation  ``cpython``
python          ``3.11``
build           digest of the interpreter's version, compiler and configure options (not of its location)
pointer         bits of a pointer
allocator       ``PYTHONMALLOC``, else the interpreter's default, and a preloaded malloc library
reference       version of the reference kernel
=============== =========================================================================================

Volatile keys, where readable: ``frequency`` (MHz), ``hostname``, ``load`` (one minute), ``steal`` (share of
CPU time since boot), ``throttling`` (times the control group was stopped), ``temperature`` (°C, hottest).
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from bench.conditions import passing_notices, read_below, read_counters, standing_notices
from bench.model import Environment

STABLE_KEYS = (
    "cpu", "architecture", "cores", "quota", "os", "libc",
    "implementation", "python", "build", "pointer", "allocator", "reference",
)  # fmt: skip

COARSE_TIMER_S = 1e-6
"""A clock whose smallest step is longer than this cannot time blocks of half a millisecond to 0.2 %."""

BUSY_LOAD = 0.5
"""Load per CPU, before we start, from which somebody else is using the host."""

_MACHINE_VARIABLE = "BENCH_GUARD_MACHINE"
_LOCATION_OPTION = re.compile(r"--(prefix|exec-prefix|\w*dir|srcdir|cache-file)=")


class Machine(Protocol):
    """What the guard asks of the host."""

    def environment(self, reference_version: str) -> Environment:
        """Stable and volatile keys, as listed in the module's docstring."""
        ...

    def pick_cpu(self) -> int | None:
        """The CPU that workers are pinned to; None where processes cannot be pinned."""
        ...

    def move_parent_off(self, cpu: int | None) -> ParentAffinity:
        """Keep this process away from ``cpu``; see :class:`ParentAffinity`."""
        ...

    def notices(self) -> tuple[str, ...]:
        """What will disturb measurements here, each with what can be done about it."""
        ...


class ParentAffinity:
    """This process kept off a CPU, from construction until :meth:`restore` (or the end of a ``with``).

    ``moved`` is False where it stayed: no pinning on this platform, or no second CPU to go to.
    """

    def __init__(self, before: frozenset[int], allowed: frozenset[int]) -> None:
        self._before = before
        self.moved = bool(allowed) and allowed != before
        if self.moved:
            os.sched_setaffinity(0, allowed)

    def restore(self) -> None:
        """Give the process back the CPUs that it had."""
        if self.moved:
            os.sched_setaffinity(0, self._before)
            self.moved = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()


class SystemMachine:
    """The host this program runs on, read through ``/proc``, ``/sys``, the platform module and psutil.

    ``root`` and ``environ`` stand for the file system's root and the environment; tests plant their own.
    """

    def __init__(self, root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> None:
        self._root = root
        self._environ = os.environ if environ is None else environ

    def environment(self, reference_version: str) -> Environment:
        """Stable and volatile keys, as listed in the module's docstring; nothing unreadable is an error."""
        architecture = platform.machine() or "unknown"
        stable = {
            "cpu": self._environ.get(_MACHINE_VARIABLE) or self._cpu_model() or architecture,
            "architecture": architecture,
            "cores": str(os.cpu_count() or 1),
            "quota": self._quota_text(),
            "os": platform.system().lower() or "unknown",
            "libc": _libc(),
            "implementation": sys.implementation.name,
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "build": build_digest(),
            "pointer": str(struct.calcsize("P") * 8),
            "allocator": self._allocator(),
            "reference": reference_version,
        }
        return Environment(stable=stable, volatile=self._volatile())

    def pick_cpu(self) -> int | None:
        """An isolated CPU if the kernel keeps one free, else the last one: interrupts favour the first."""
        usable = _affinity()
        if not usable:
            return None
        isolated = _cpu_list(self._read("sys/devices/system/cpu/isolated"))
        return max(usable & isolated or usable)

    def move_parent_off(self, cpu: int | None) -> ParentAffinity:
        """Keep this process off ``cpu`` and, if others remain, off the other hardware threads of its core."""
        before = _affinity()
        if cpu is None or cpu not in before:
            return ParentAffinity(before, frozenset())
        siblings = _cpu_list(self._read(f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"))
        return ParentAffinity(before, before - siblings - {cpu} or before - {cpu})

    def notices(self) -> tuple[str, ...]:
        """Busy host, no pinning, one CPU, a tight CPU quota, a coarse timer, power saving, short memory."""
        return tuple(self._notices())

    def watch(self) -> Callable[[], tuple[str, ...]]:
        """Start to watch the host; the answer tells, when it is called, what has disturbed it since then."""
        before = read_counters(self._read, self._group_folders)
        return lambda: tuple(passing_notices(before, read_counters(self._read, self._group_folders)))

    def _notices(self) -> Iterator[str]:
        cores = os.cpu_count() or 1
        load = _load()
        if load is not None and load > BUSY_LOAD * cores:
            yield (
                f"busy host: load {load:.1f} on {cores} CPUs before measuring; stop other work, "
                "or expect more processes and more undecided benchmarks"
            )
        usable = _affinity()
        if not usable:
            yield (
                f"no pinning: {platform.system() or 'this system'} does not let a process choose its CPU; "
                "expect more noise than on Linux; close other programs, or measure on a Linux runner"
            )
        elif len(usable) == 1:
            yield "only one CPU is usable: this program shares it with its workers; allow it a second one"
        quota = self._quota()
        if quota is not None and quota < 1:
            yield (
                f"the control group grants {quota:.2f} CPU: workers will be stopped inside a block; "
                "raise the container's CPU limit to at least 1"
            )
        step = _timer_step()
        if step > COARSE_TIMER_S:
            yield (
                f"coarse timer: the clock advances in steps of {step * 1e6:.1f} us; on Linux choose "
                "a better one with /sys/devices/system/clocksource/clocksource0/current_clocksource"
            )
        yield from standing_notices(self._read)

    def _read(self, place: str) -> str:
        return read_below(self._root, place)

    def _cpu_model(self) -> str:
        match = re.search(r"^model name\s*:\s*(\S.*)$", self._read("proc/cpuinfo"), re.MULTILINE)
        if match:
            return " ".join(match[1].split())
        return _macos_cpu_model() if sys.platform == "darwin" else ""

    def _group_folders(self) -> Iterator[str]:
        """Control group folders of this process from its own to the root (version 2)."""
        match = re.search(r"^0::/(.*)$", self._read("proc/self/cgroup"), re.MULTILINE)
        parts = [p for p in match[1].split("/") if p not in {"", "."}] if match else []
        for depth in range(len(parts), -1, -1):
            yield "/".join(["sys/fs/cgroup", *parts[:depth]])

    def _quota(self) -> float | None:
        """CPUs granted: the tightest limit on the way to the root; None without one."""
        texts = [self._read(f"{folder}/cpu.max") for folder in self._group_folders()]
        version_1 = "sys/fs/cgroup/cpu/cpu.cfs_"
        texts.append(f"{self._read(version_1 + 'quota_us')} {self._read(version_1 + 'period_us')}")
        limits = [limit for limit in map(_parse_quota, texts) if limit is not None]
        return min(limits, default=None)

    def _quota_text(self) -> str:
        quota = self._quota()
        return "none" if quota is None else f"{quota:.2f}"

    def _allocator(self) -> str:
        default = "debug" if sys.flags.dev_mode else _default_allocator()
        libraries = re.split(r"[: ]+", self._environ.get("LD_PRELOAD", ""))
        preloaded = [Path(library).name for library in libraries if "malloc" in library]
        return "+".join([self._environ.get("PYTHONMALLOC") or default, *preloaded])

    def _volatile(self) -> dict[str, str]:
        load = _load()
        found = {
            "frequency": self._frequency(),
            "hostname": platform.node(),
            "load": "" if load is None else f"{load:.2f}",
            "steal": _steal(),
            "throttling": self._throttling(),
            "temperature": _temperature(),
        }
        return {key: value for key, value in found.items() if value}

    def _frequency(self) -> str:
        match = re.search(r"^cpu MHz\s*:\s*([\d.]+)", self._read("proc/cpuinfo"), re.MULTILINE)
        return f"{float(match[1]):.0f}" if match else ""

    def _throttling(self) -> str:
        for folder in self._group_folders():
            match = re.search(r"^nr_throttled (\d+)$", self._read(f"{folder}/cpu.stat"), re.MULTILINE)
            if match:
                return match[1]
        return ""


@dataclass(frozen=True, slots=True)
class FakeMachine:
    """A host made of given answers; moves nothing."""

    stable: Mapping[str, str] = field(default_factory=dict)
    cpu: int | None = None
    said: tuple[str, ...] = ()

    def environment(self, reference_version: str) -> Environment:
        """Every stable key present, the given ones as given."""
        given = {"reference": reference_version, **self.stable}
        return Environment(stable=dict.fromkeys(STABLE_KEYS, "fake") | given)

    def pick_cpu(self) -> int | None:
        """The given CPU."""
        return self.cpu

    def move_parent_off(self, cpu: int | None) -> ParentAffinity:  # noqa: ARG002
        """Stays where it is."""
        return ParentAffinity(frozenset(), frozenset())

    def notices(self) -> tuple[str, ...]:
        """The given notices."""
        return self.said


def read_environment(reference_version: str) -> Environment:
    """The environment of this host; ``reference_version`` names the reference kernel in use."""
    return SystemMachine().environment(reference_version)


def pick_cpu() -> int | None:
    """The CPU to pin workers to on this host, None without affinity."""
    return SystemMachine().pick_cpu()


def move_parent_off(cpu: int | None) -> ParentAffinity:
    """Keep this process off ``cpu`` from now on; use it in a ``with``, or call ``restore()``, to undo."""
    return SystemMachine().move_parent_off(cpu)


def host_notices() -> tuple[str, ...]:
    """What will disturb measurements on this host."""
    return SystemMachine().notices()


def watch_host() -> Callable[[], tuple[str, ...]]:
    """Watch this host from now on; see :meth:`SystemMachine.watch`."""
    return SystemMachine().watch()


def build_digest() -> str:
    """Eight hex digits for the interpreter's build: equal for equal builds wherever they are installed."""
    import hashlib  # noqa: PLC0415  -- only the parent needs it
    import sysconfig  # noqa: PLC0415

    options = shlex.split(str(sysconfig.get_config_var("CONFIG_ARGS") or ""))
    parts = [
        platform.python_version(),
        platform.python_compiler(),
        str(sysconfig.get_config_var("SOABI")),
        str(sysconfig.get_config_var("OPT")),
        *(option for option in options if not _LOCATION_OPTION.match(option)),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _affinity() -> frozenset[int]:
    """CPUs this process may use; empty where the platform cannot say."""
    if not hasattr(os, "sched_setaffinity"):
        return frozenset()
    return frozenset(os.sched_getaffinity(0))


def _cpu_list(text: str) -> frozenset[int]:
    """The kernel's list format, ``0-2,5``, as numbers."""
    ranges = re.findall(r"(\d+)(?:-(\d+))?", text)
    return frozenset(cpu for low, high in ranges for cpu in range(int(low), int(high or low) + 1))


def _parse_quota(text: str) -> float | None:
    """``"150000 100000"`` -> 1.5; None for ``max``, ``-1`` or anything else."""
    match = re.fullmatch(r"\s*(\d+)\s+(\d+)\s*", text)
    return int(match[1]) / int(match[2]) if match and int(match[2]) else None


def _libc() -> str:
    try:
        named = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        named = None
    return named or " ".join(part for part in platform.libc_ver() if part) or "unknown"


def _default_allocator() -> str:
    import sysconfig  # noqa: PLC0415

    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "mimalloc"
    return "malloc" if sysconfig.get_config_var("WITH_PYMALLOC") == 0 else "pymalloc"


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def _timer_step() -> float:
    """The smallest step that the timer is seen to make, in seconds."""
    readings = [time.perf_counter() for _ in range(2000)]
    steps = [later - earlier for earlier, later in pairwise(readings) if later > earlier]
    return min(steps, default=time.get_clock_info("perf_counter").resolution)


def _steal() -> str:
    """Share of all CPU time since boot that the hypervisor gave to others."""
    import psutil  # noqa: PLC0415

    times = psutil.cpu_times()
    total = sum(times)
    return f"{times.steal / total:.4f}" if total and hasattr(times, "steal") else ""


def _temperature() -> str:
    import psutil  # noqa: PLC0415

    if not hasattr(psutil, "sensors_temperatures"):
        return ""
    sensors = psutil.sensors_temperatures().values()
    hottest = max((reading.current for group in sensors for reading in group), default=None)
    return "" if hottest is None else f"{hottest:.0f}"


def _macos_cpu_model() -> str:
    import subprocess  # noqa: PLC0415

    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
