import os
import re

import pytest

from bench import machine
from bench.machine import STABLE_KEYS, FakeMachine, SystemMachine


def plant(root, files):
    for place, text in files.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def affinity(monkeypatch):
    """A process that may use CPUs 0-3, and what it was last told to use."""
    allowed = {0, 1, 2, 3}

    def restrict(pid, cpus):
        allowed.clear()
        allowed.update(cpus)

    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(allowed), raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", restrict, raising=False)
    return allowed


def test_this_host_has_every_stable_key_and_no_empty_value():
    environment = machine.read_environment("7")
    assert tuple(environment.stable) == STABLE_KEYS
    assert all(environment.stable.values())
    assert environment.stable["reference"] == "7"
    assert re.fullmatch(r"[0-9a-f]{8}", environment.stable["build"])


def test_stable_keys_do_not_change_between_readings():
    assert machine.read_environment("1").stable == machine.read_environment("1").stable


def test_the_docstring_names_every_stable_key():
    for key in STABLE_KEYS:
        assert re.search(rf"^{key} ", machine.__doc__, re.MULTILINE), key


def test_cpu_model_is_read_and_its_spaces_collapsed(tmp_path):
    root = plant(
        tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast  CPU @ 3GHz \ncpu MHz\t: 2999.6\n"}
    )
    environment = SystemMachine(root, {}).environment("1")
    assert environment.stable["cpu"] == "Fast CPU @ 3GHz"
    assert environment.volatile["frequency"] == "3000"


def test_without_a_model_the_architecture_stands_for_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", "linux")
    environment = SystemMachine(tmp_path, {}).environment("1")
    assert environment.stable["cpu"] == environment.stable["architecture"]
    assert "frequency" not in environment.volatile


def test_another_machine_kind_can_be_faked():
    here = SystemMachine(environ={}).environment("1")
    elsewhere = SystemMachine(environ={"BENCH_GUARD_MACHINE": "other"}).environment("1")
    assert elsewhere.stable == {**here.stable, "cpu": "other"}
    assert elsewhere.machine != here.machine


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, "none"),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, "none"),
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, "1.50"),
        ({"sys/fs/cgroup/cpu.max": "garbage\n"}, "none"),
        ({"sys/fs/cgroup/cpu.max": "100 0\n"}, "none"),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "50000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "200000 100000\n",
            },
            "0.50",
        ),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            "2.00",
        ),
        (
            {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"},
            "none",
        ),
    ],
)
def test_quota_is_the_tightest_limit_of_the_control_groups(tmp_path, files, quota):
    assert SystemMachine(plant(tmp_path, files), {}).environment("1").stable["quota"] == quota


def test_throttling_is_counted_where_the_group_tells(tmp_path):
    root = plant(tmp_path, {"sys/fs/cgroup/cpu.stat": "usage_usec 5\nnr_throttled 12\n"})
    assert SystemMachine(root, {}).environment("1").volatile["throttling"] == "12"


@pytest.mark.parametrize(
    ("environ", "allocator"),
    [
        ({"PYTHONMALLOC": "malloc"}, "malloc"),
        (
            {"PYTHONMALLOC": "malloc", "LD_PRELOAD": "/usr/lib/libjemalloc.so.2 /lib/libx.so"},
            "malloc+libjemalloc.so.2",
        ),
    ],
)
def test_allocator_names_the_choice_and_what_is_preloaded(tmp_path, environ, allocator):
    assert SystemMachine(tmp_path, environ).environment("1").stable["allocator"] == allocator


@pytest.mark.parametrize(
    ("free_threaded", "pymalloc", "name"), [(1, 1, "mimalloc"), (0, 0, "malloc"), (None, 1, "pymalloc")]
)
def test_the_default_allocator_follows_the_build(monkeypatch, free_threaded, pymalloc, name):
    values = {"Py_GIL_DISABLED": free_threaded, "WITH_PYMALLOC": pymalloc}
    monkeypatch.setattr("sysconfig.get_config_var", values.get)
    assert machine._default_allocator() == name


def test_build_digest_ignores_where_it_was_installed_and_sees_how_it_was_built(monkeypatch):
    def digest(options):
        monkeypatch.setattr("sysconfig.get_config_var", {"CONFIG_ARGS": options}.get)
        return machine.build_digest()

    plain = digest("'--enable-optimizations' '--prefix=/opt/a'")
    assert digest("'--enable-optimizations' '--prefix=/opt/b' '--libdir=/x'") == plain
    assert digest("'--prefix=/opt/a'") != plain


def test_workers_get_the_last_cpu_or_an_isolated_one(tmp_path, affinity):
    assert SystemMachine(tmp_path).pick_cpu() == 3
    plant(tmp_path, {"sys/devices/system/cpu/isolated": "1-2,7\n"})
    assert SystemMachine(tmp_path).pick_cpu() == 2


def test_no_cpu_is_picked_without_affinity(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert SystemMachine(tmp_path).pick_cpu() is None
    assert not SystemMachine(tmp_path).move_parent_off(None).moved


def test_the_parent_leaves_the_core_of_its_workers_and_comes_back(tmp_path, affinity):
    plant(tmp_path, {"sys/devices/system/cpu/cpu3/topology/thread_siblings_list": "1,3\n"})
    with SystemMachine(tmp_path).move_parent_off(3) as away:
        assert away.moved
        assert affinity == {0, 2}
    assert affinity == {0, 1, 2, 3}
    assert not away.moved


def test_the_parent_shares_a_core_rather_than_nothing(tmp_path, affinity):
    affinity.intersection_update({1, 3})
    plant(tmp_path, {"sys/devices/system/cpu/cpu3/topology/thread_siblings_list": "1,3\n"})
    SystemMachine(tmp_path).move_parent_off(3)
    assert affinity == {1}


@pytest.mark.parametrize("cpu", [9, None])
def test_the_parent_stays_when_there_is_nothing_to_leave(tmp_path, affinity, cpu):
    away = SystemMachine(tmp_path).move_parent_off(cpu)
    assert not away.moved
    away.restore()
    assert affinity == {0, 1, 2, 3}


def test_the_parent_stays_on_its_only_cpu(tmp_path, affinity):
    affinity.intersection_update({3})
    assert not SystemMachine(tmp_path).move_parent_off(3).moved


def test_a_quiet_host_gives_no_notice(tmp_path, affinity, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1))
    monkeypatch.setattr(machine, "_timer_step", lambda: 1e-7)
    assert SystemMachine(tmp_path, {}).notices() == ()


def test_a_bad_host_is_told_all_its_faults_with_advice(tmp_path, affinity, monkeypatch):
    affinity.intersection_update({0})
    monkeypatch.setattr(os, "getloadavg", lambda: (64.0, 0, 0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(machine, "_timer_step", lambda: 15e-6)
    plant(tmp_path, {"sys/fs/cgroup/cpu.max": "50000 100000"})
    busy, single, quota, timer = SystemMachine(tmp_path, {}).notices()
    assert "load 64.0 on 4 CPUs" in busy
    assert "stop other work" in busy
    assert "only one CPU" in single
    assert "grants 0.50 CPU" in quota
    assert "15.0 us" in timer


def test_a_host_without_pinning_or_load_says_so_once(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.setattr(machine, "_timer_step", lambda: 1e-7)

    def unknown():
        raise OSError

    monkeypatch.setattr(os, "getloadavg", unknown)
    assert [text.split(":")[0] for text in SystemMachine(tmp_path, {}).notices()] == ["no pinning"]


def test_a_clock_that_never_moves_is_taken_at_its_word(monkeypatch):
    monkeypatch.setattr(machine.time, "perf_counter", lambda: 5.0)
    assert machine._timer_step() == machine.time.get_clock_info("perf_counter").resolution


def test_libc_falls_back_where_the_system_does_not_say(monkeypatch):
    def unsupported(name):
        raise ValueError

    monkeypatch.setattr(os, "confstr", unsupported, raising=False)
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("", ""))
    assert machine._libc() == "unknown"


def test_volatile_sensors_may_be_missing(monkeypatch):
    import psutil

    monkeypatch.delattr(psutil, "sensors_temperatures", raising=False)
    assert machine._temperature() == ""


def test_the_hottest_sensor_is_recorded(monkeypatch):
    import psutil

    class Reading:
        def __init__(self, current):
            self.current = current

    readings = {"cpu": [Reading(41.0), Reading(55.4)], "disk": [Reading(30.0)]}
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: readings, raising=False)
    assert machine._temperature() == "55"
    monkeypatch.setattr(psutil, "sensors_temperatures", dict, raising=False)
    assert machine._temperature() == ""


def test_macos_names_its_cpu_through_sysctl_or_not_at_all(tmp_path, monkeypatch):
    import subprocess

    class Answer:
        stdout = "Apple M1\n"

    monkeypatch.setattr(machine.sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: Answer)
    assert SystemMachine(tmp_path, {})._cpu_model() == "Apple M1"

    def missing(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    assert SystemMachine(tmp_path, {})._cpu_model() == ""


def test_the_module_functions_speak_of_this_host(affinity, monkeypatch):
    assert machine.pick_cpu() in {0, 1, 2, 3}
    machine.move_parent_off(machine.pick_cpu()).restore()
    assert affinity == {0, 1, 2, 3}
    assert isinstance(machine.host_notices(), tuple)


def test_the_fake_answers_what_it_was_given_and_moves_nothing():
    fake = FakeMachine(stable={"cpu": "mine"}, cpu=2, said=("loud",))
    assert set(fake.environment("3").stable) == set(STABLE_KEYS)
    assert fake.environment("3").stable["cpu"] == "mine"
    assert fake.environment("3").stable["reference"] == "3"
    assert fake.pick_cpu() == 2
    assert not fake.move_parent_off(2).moved
    assert fake.notices() == ("loud",)


def test_a_watch_tells_what_has_happened_since(tmp_path):
    root = plant(tmp_path, {"proc/stat": "cpu  100 0 0 100 0 0 0 0 0 0\n"})
    told = SystemMachine(root, {}).watch()
    assert told() == ()
    plant(tmp_path, {"proc/stat": "cpu  150 0 0 100 0 0 0 50 0 0\n"})
    assert [text.partition(":")[0] for text in told()] == [
        "the hypervisor gave 50 % of the CPU time to other guests"
    ]


def test_this_host_can_be_watched():
    assert all(isinstance(text, str) for text in machine.watch_host()())


def test_power_saving_is_among_the_notices(tmp_path):
    root = plant(tmp_path, {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n"})
    assert any("governor" in text for text in SystemMachine(root, {}).notices())
