"""The circumstances: what is read, from made-up systems too, and what is warned of."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gilscope.host import Environment, environment, warnings
from gilscope.host import cpus as cpus_module
from gilscope.host import load as load_module
from gilscope.host.circumstances import native_modules
from gilscope.host.cpus import cpu_quota
from gilscope.host.load import Load
from gilscope.host.machine import Cache
from gilscope.results.codec import decode, encode

MOUNTS = {
    1: "32 31 0:29 {root} /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n",
    2: "41 31 0:38 {root} /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n",
}
QUIET = decode(
    Environment,
    {
        "gilscope": "0",
        "python": {"switch_interval": 0.005},
        "cpus": {"os": 4, "affinity": 4, "usable": 4, "cores": 4},
        "machine": {"governor": "performance", "driver": "acpi-cpufreq"},
        "load": {"average": [0.1, 0.1, 0.1], "busy": 0.01, "steal": 0.0},
        "build": {"mode": "release"},
        "libraries": {"numpy": "2", "cython": "3", "jinja2": "3", "plotly": "7"},
    },
    "quiet",
)


def changed(group: str, **values: Any) -> Environment:
    """QUIET with these values in one of its groups."""
    if group == "libraries":
        return replace(QUIET, libraries=dict(QUIET.libraries) | values)
    return replace(QUIET, **{group: replace(getattr(QUIET, group), **values)})


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.slow
def test_environment_is_plain_json_and_tells_of_this_interpreter() -> None:
    here = environment(watch=0.01)
    assert decode(Environment, json.loads(json.dumps(encode(here))), "here") == here
    assert here.python.version == ".".join(map(str, sys.version_info[:3]))
    assert here.cpus.os == os.cpu_count()
    assert here.machine.vector in ("baseline", "avx2")


def test_usable_is_the_least_of_all_counts(tmp_path: Path) -> None:
    system(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": MOUNTS[2].format(root="/"),
            "sys/fs/cgroup/cpu.max": "50000 100000\n",
        },
    )
    assert environment(tmp_path, watch=0).cpus.usable == 0.5
    cpus = environment(watch=0).cpus
    assert cpus.usable == min(filter(None, (cpus.os, cpus.process, cpus.affinity, cpus.quota)))


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        pytest.param({}, None, id="no groups at all"),
        pytest.param({"cpu.max": "max 100000"}, None, id="no limit"),
        pytest.param({"cpu.max": "50000 100000"}, 0.5, id="half a CPU"),
        pytest.param({"cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 1.5, id="own group"),
        pytest.param({"cpu.max": "100000 100000", "a/b/cpu.max": "400000 100000"}, 1.0, id="a group above is tighter"),
        pytest.param({"a/b/cpu.max": ""}, None, id="empty file"),
    ],
)
def test_quota_v2(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    system(tmp_path, {"proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": MOUNTS[2].format(root="/")})
    system(tmp_path / "sys/fs/cgroup", files)
    assert cpu_quota(tmp_path) == quota


@pytest.mark.parametrize(("value", "quota"), [("-1", None), ("250000", 2.5)])
def test_quota_v1(tmp_path: Path, value: str, quota: float | None) -> None:
    system(tmp_path, {"proc/self/cgroup": "7:memory:/m\n3:cpu,cpuacct:/a\n0::/\n"})
    system(tmp_path, {"proc/self/mountinfo": MOUNTS[2].format(root="/") + MOUNTS[1].format(root="/")})
    system(tmp_path / "sys/fs/cgroup/cpu/a", {"cpu.cfs_quota_us": value, "cpu.cfs_period_us": "100000"})
    assert cpu_quota(tmp_path) == quota


def test_quota_in_a_container_that_sees_only_its_own_part_of_the_tree(tmp_path: Path) -> None:
    system(tmp_path, {"proc/self/cgroup": "0::/docker/1/job\n"})
    system(tmp_path, {"proc/self/mountinfo": MOUNTS[2].format(root="/docker/1")})
    system(tmp_path / "sys/fs/cgroup", {"cpu.max": "300000 100000", "job/cpu.max": "200000 100000"})
    assert cpu_quota(tmp_path) == 2.0
    system(tmp_path, {"proc/self/cgroup": "0::/elsewhere\n"})
    assert cpu_quota(tmp_path) == 3.0


def test_busy_and_steal_are_shares_of_the_time_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system(tmp_path, {"proc/stat": "cpu  100 0 100 1000 0 0 0 50 0 0\ncpu0 1 2 3\n"})
    later = "cpu  110 0 120 1060 0 0 0 60 0 0\ncpu0 1 2 3\n"  # 10 + 20 busy, 60 idle, 10 stolen
    monkeypatch.setattr(load_module.time, "sleep", lambda seconds: system(tmp_path, {"proc/stat": later}))
    load = environment(tmp_path).load
    assert (load.busy, load.steal) == (pytest.approx(0.3), pytest.approx(0.1))


def test_a_system_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sched_getaffinity", "process_cpu_count"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (_ for _ in ()).throw(OSError()))
    bare = environment(tmp_path)
    assert bare.load == Load()
    assert bare.cpus.affinity is None
    assert bare.cpus.quota is None
    assert bare.machine.caches == ()
    assert isinstance(warnings(bare), list)


def test_two_threads_of_one_core_count_once(tmp_path: Path) -> None:
    for cpu in range(4):
        folder = f"sys/devices/system/cpu/cpu{cpu}/topology"
        system(tmp_path, {f"{folder}/core_id": str(cpu // 2), f"{folder}/physical_package_id": "0"})
    assert cpus_module.cores(tmp_path, [0, 1, 2, 3]) == 2
    assert cpus_module.cores(tmp_path, [0, 2]) == 2
    assert cpus_module.cores(tmp_path, [9]) is None


def test_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBERNETES_SERVICE_HOST", "container"):
        monkeypatch.delenv(name, raising=False)
    system(
        tmp_path,
        {
            "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu hypervisor avx2\n",
            "sys/devices/system/cpu/cpu0/cache/index0/level": "1",
            "sys/devices/system/cpu/cpu0/cache/index0/type": "Data",
            "sys/devices/system/cpu/cpu0/cache/index0/size": "32K",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
            "run/.containerenv": "",
        },
    )
    machine = environment(tmp_path, watch=0).machine
    assert machine.cpu == "Some CPU"
    assert machine.caches == (Cache(level=1, kind="Data", size="32K", cpus=""),)
    assert machine.governor == "powersave"
    assert (machine.container, machine.virtual) == ("podman", "hypervisor")


def test_nothing_to_warn_of() -> None:
    assert warnings(QUIET) == []


@pytest.mark.parametrize(
    ("group", "change", "name"),
    [
        ("cpus", {"usable": 1, "affinity": 1}, "one CPU"),
        ("cpus", {"usable": 2.5, "quota": 2.5}, "quota"),
        ("load", {"busy": 0.5}, "busy"),
        ("load", {"average": (9.0, 1.0, 1.0)}, "load"),
        ("load", {"steal": 0.2}, "steal"),
        ("python", {"debug": True}, "debug Python"),
        ("python", {"sanitizers": ("address",)}, "debug Python"),
        ("python", {"free_threaded": True}, "GIL on"),
        ("python", {"switch_interval": 0.1}, "switch interval"),
        ("build", {"mode": "address"}, "debug build"),
        ("machine", {"governor": "powersave"}, "governor"),
        ("libraries", {"jinja2": None}, "lab"),
    ],
)
def test_each_warning_comes_alone_and_with_a_remedy(group: str, change: dict[str, Any], name: str) -> None:
    (warning,) = warnings(changed(group, **change))
    assert warning.name == name
    assert warning.remedy
    assert "\n" not in warning.message + warning.remedy


def test_half_a_cpu_is_both_a_quota_and_too_little() -> None:
    half = changed("cpus", usable=0.5, quota=0.5)
    assert [warning.name for warning in warnings(half)] == ["one CPU", "quota"]


def test_a_file_that_tells_nothing_warns_of_nothing() -> None:
    assert warnings(Environment()) == []


def test_ordinary_powersave_and_missing_record_are_no_trouble() -> None:
    ordinary = changed("machine", governor="powersave", driver="intel_pstate")
    assert warnings(replace(ordinary, build=None)) == []


def test_a_changed_switch_interval_is_seen() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.05)
    try:
        here = environment(watch=0)
    finally:
        sys.setswitchinterval(before)
    assert "switch interval" in [warning.name for warning in warnings(here)]


def test_native_modules_import_and_a_broken_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(native_modules().values()) == {None}
    monkeypatch.setitem(sys.modules, "gilscope.capi.spin", None)  # makes its import fail
    broken = {name: error for name, error in native_modules().items() if error}
    assert list(broken) == ["gilscope.capi.spin"]
    assert "ModuleNotFoundError" in broken["gilscope.capi.spin"]


def test_the_build_is_recorded() -> None:
    """setup.py wrote down how it built what is imported here."""
    build = environment(watch=0).build
    assert build is not None
    assert build.mode in ("release", "debug", "address", "thread")
    assert build.compiler
    assert "-std=c11" in build.flags
