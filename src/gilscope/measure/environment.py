"""The circumstances of a measurement: interpreter, CPUs, machine, build; and what about them is in the way.

Everything here is read, not guessed: what a system does not tell is None. Linux tells all of it, other
systems less.
"""

import importlib
import importlib.metadata
import json
import os
import platform
import re
import sys
import sysconfig
import time
import warnings as python_warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gilscope

ROOT = Path("/")
LAB = ("cython", "jinja2", "plotly")
"""What the extra [lab] brings, by distribution name."""

# Above these a measurement is disturbed: of all CPU time, what other processes use and what the host takes away.
BUSY_MOST = 0.1
STEAL_MOST = 0.02
SWITCH_INTERVAL = 0.005  # CPython's own


@dataclass(frozen=True, slots=True)
class Warning_:  # noqa: N801  (the plain name is Python's own)
    """Something in the way of a good measurement, and what to do about it; each in a line."""

    name: str
    message: str
    remedy: str

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def environment(root: Path = ROOT, watch: float = 0.2) -> dict[str, Any]:
    """The circumstances, as plain JSON values, in these groups:

    gilscope   its version
    python     version, build, compiler, implementation; free_threaded and debug builds; gil_enabled now;
               switch_interval in seconds
    cpus       how many: os, process, affinity, quota, and usable, the least of them; cores, SMT siblings as one
    machine    cpu (its model), architecture, vector (the level that the kernels use), caches, governor, driver,
               system, container, virtual
    load       average over 1, 5 and 15 minutes; busy and steal, shares of all CPU time while this function
               watched for `watch` seconds and did nothing itself
    build      how the extensions were built; None where setup.py did not record it
    libraries  versions, None for what is missing
    """
    return {
        "gilscope": gilscope.__version__,
        "python": _python(),
        "cpus": _cpus(root),
        "machine": _machine(root),
        "load": _load(root, watch),
        "build": _build(),
        "libraries": {name: _version(name) for name in ("numpy", *LAB)},
    }


def warnings(environment: dict[str, Any]) -> list[Warning_]:
    """What in these circumstances is in the way, the most important first."""
    return list(_warnings(environment))


def native_modules() -> dict[str, str | None]:
    """Imports every compiled module. By full name: None if all is well, else what is wrong."""
    kernels = sorted(path.stem for path in Path(gilscope.__file__).parent.glob("kernels/[!_]*.py"))
    return {
        f"gilscope.{package}.{name}": _import_error(package, name) for package in ("capi", "cy") for name in kernels
    }


def usable_cpus() -> float:
    """How many threads of this process can run at once: the least of affinity, quota and CPU count."""
    return float(_cpus(ROOT)["usable"])


def cpu_quota(root: Path = ROOT) -> float | None:
    """The CPU time that the control groups (v1 or v2) grant this process, in CPUs, such as 0.5. None: no limit.

    A group cannot use more than the groups above it, so the least of all these limits counts.
    """
    return min((limit for group in _cpu_groups(root) if (limit := _group_limit(group)) is not None), default=None)


def _python() -> dict[str, Any]:
    number, date = platform.python_build()
    configured = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "build": f"{number}, {date}",
        "compiler": platform.python_compiler(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil_enabled": _gil_enabled(),
        "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
        "sanitizers": re.findall(r"--with-(address|memory|thread|undefined-behavior)-sanitizer\b(?!=no)", configured),
        "switch_interval": sys.getswitchinterval(),
    }


def _gil_enabled() -> bool:
    probe = getattr(sys, "_is_gil_enabled", None)
    return True if probe is None else bool(probe())


def _cpus(root: Path) -> dict[str, Any]:
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    counts = {
        "os": os.cpu_count(),
        "process": getattr(os, "process_cpu_count", lambda: None)(),  # from Python 3.13 on
        "affinity": None if affinity is None else len(affinity),
        "quota": cpu_quota(root),
    }
    usable = min((count for count in counts.values() if count is not None), default=1)
    return counts | {"usable": usable, "cores": _cores(root, affinity or [])}


def _cores(root: Path, cpus: list[int]) -> int | None:
    """How many cores these CPUs are, two threads of one core counted once."""
    folders = [root / f"sys/devices/system/cpu/cpu{cpu}/topology" for cpu in cpus]
    cores = {(_read(folder / "physical_package_id"), _read(folder / "core_id")) for folder in folders}
    return None if not cores or ("", "") in cores else len(cores)


def _cpu_groups(root: Path) -> Iterator[Path]:
    """The folders of this process's cpu control group and of all groups above it that can be seen from here."""
    places = {}
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, place = line.split(":", 2)
        places["cpu" if "cpu" in controllers.split(",") else controllers] = place
    for line in _read(root / "proc/self/mountinfo").splitlines():
        mount, _, kind = line.partition(" - ")
        mounted, point = mount.split()[3:5]
        system, _, options = kind.split(" ", 2)
        holds_cpu = system == "cgroup2" or (system == "cgroup" and "cpu" in options.split(","))
        where = places.get("" if system == "cgroup2" else "cpu")
        if not holds_cpu or where is None:
            continue
        # In a container the mount may show only the container's own part of the tree.
        inside = Path(where).relative_to(mounted) if Path(where).is_relative_to(mounted) else Path()
        top = root / point.lstrip("/")
        yield from (top / part for part in (inside, *inside.parents))


def _group_limit(group: Path) -> float | None:
    if (group / "cpu.max").exists():
        quota, _, period = _read(group / "cpu.max").partition(" ")
    else:
        quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
    try:
        return int(quota) / int(period) if int(quota) > 0 else None
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return None


def _machine(root: Path) -> dict[str, Any]:
    frequency = root / "sys/devices/system/cpu/cpu0/cpufreq"
    return {
        "cpu": _field(_read(root / "proc/cpuinfo"), "model name") or platform.processor() or None,
        "architecture": platform.machine(),
        "vector": _vector(),
        "caches": _caches(root),
        "governor": _read(frequency / "scaling_governor") or None,
        "driver": _read(frequency / "scaling_driver") or None,
        "system": platform.platform(),
        "container": _container(root),
        "virtual": _virtual(root),
    }


def _field(text: str, name: str) -> str:
    match = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
    return match[1] if match else ""


def _vector() -> str | None:
    for path in sorted(Path(gilscope.__file__).parent.glob("kernels/[!_]*.py")):
        try:
            return str(importlib.import_module(f"gilscope.capi.{path.stem}").VECTOR)
        except ImportError:
            continue
    return None


def _caches(root: Path) -> list[dict[str, Any]]:
    folders = sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*"))
    caches = [
        {name: _read(folder / name) for name in ("level", "type", "size", "shared_cpu_list")} for folder in folders
    ]
    return [
        {"level": int(cache["level"]), "kind": cache["type"], "size": cache["size"], "cpus": cache["shared_cpu_list"]}
        for cache in caches
        if cache["level"].isdigit()
    ]


def _container(root: Path) -> str | None:
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    found = re.search(r"docker|kubepods|lxc|containerd|libpod", _read(root / "proc/1/cgroup"))
    return found[0] if found else os.environ.get("container")  # noqa: SIM112  (systemd spells it so)


def _virtual(root: Path) -> str | None:
    product = _read(root / "sys/class/dmi/id/product_name")
    if re.search(r"virtual|kvm|qemu|vmware|bochs|xen|hvm|compute engine|ec2|droplet", product, re.IGNORECASE):
        return product
    kernel = _read(root / "proc/sys/kernel/osrelease")
    if "microsoft" in kernel.lower():
        return "WSL"
    flags = _field(_read(root / "proc/cpuinfo"), "flags").split()
    return "hypervisor" if "hypervisor" in flags else None


def _load(root: Path, watch: float) -> dict[str, Any]:
    try:
        average = list(os.getloadavg())
    except OSError:
        average = None
    before = _ticks(root)
    time.sleep(watch if before else 0)
    spent = [after - earlier for after, earlier in zip(_ticks(root), before, strict=False)]
    total = sum(spent)
    if total <= 0:
        return {"average": average, "busy": None, "steal": None}
    user, nice, system, _idle, _iowait, irq, softirq, steal = spent
    return {"average": average, "busy": (user + nice + system + irq + softirq) / total, "steal": steal / total}


def _ticks(root: Path) -> list[int]:
    """CPU time since the start, of all CPUs: user, nice, system, idle, iowait, irq, softirq, steal."""
    name, *ticks = (_read(root / "proc/stat").splitlines() or ["?"])[0].split()
    return [int(tick) for tick in ticks[:8]] if name == "cpu" else []


def _build() -> dict[str, Any] | None:
    """What setup.py wrote beside the package: mode, compiler, flags, openmp, cython."""
    try:
        record: dict[str, Any] = json.loads(Path(gilscope.__file__).with_name("_build.json").read_text())
    except (OSError, ValueError):
        return None
    return record


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _import_error(package: str, name: str) -> str | None:
    before = _gil_enabled()
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        try:
            importlib.import_module(f"gilscope.{package}.{name}")
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return "turned the GIL on" if _gil_enabled() and not before else None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _warnings(environment: dict[str, Any]) -> Iterator[Warning_]:
    python, cpus, load = environment["python"], environment["cpus"], environment["load"]
    machine, build, usable = environment["machine"], environment["build"], cpus["usable"]
    if usable < 2:
        yield Warning_(
            "one CPU",
            f"{usable:g} CPU{'' if usable == 1 else 's'} to use: nothing can run side by side here",
            "give the process two CPUs or more (taskset, the container's CPU limit)",
        )
    if cpus["quota"] is not None and cpus["quota"] < (cpus["affinity"] or cpus["os"]):
        yield Warning_(
            "quota",
            f"a control group grants {cpus['quota']:g} of {cpus['affinity'] or cpus['os']} CPUs: "
            "threads beyond that are stopped for part of each period",
            "raise the quota (docker run --cpus), or use no more threads than it grants",
        )
    if load["busy"] is not None and load["busy"] > BUSY_MOST:
        yield Warning_(
            "busy",
            f"other processes use {load['busy']:.0%} of the CPUs now",
            "close them or wait; the ceiling shows what they leave",
        )
    elif load["average"] is not None and load["average"][0] > (cpus["os"] or 1):
        yield Warning_(
            "load",
            f"load average {load['average'][0]:.1f} on {cpus['os']} CPUs: busy until a moment ago",
            "wait a minute, then look again",
        )
    if load["steal"] is not None and load["steal"] > STEAL_MOST:
        yield Warning_(
            "steal",
            f"the host gives {load['steal']:.0%} of this machine's CPU time to others",
            "measure on a host of your own, or when it is quieter",
        )
    if python["debug"] or python["sanitizers"]:
        kind = " and ".join([*(["debug"] if python["debug"] else []), *python["sanitizers"]])
        yield Warning_(
            "debug Python",
            f"a {kind} build of Python: its times say little about a release build",
            "use a release build of Python to measure",
        )
    if build is not None and build["mode"] != "release":
        yield Warning_(
            "debug build",
            f"the extensions were built with GILSCOPE_BUILD={build['mode']}",
            "build them again without it to measure",
        )
    if python["free_threaded"] and python["gil_enabled"]:
        yield Warning_(
            "GIL on",
            "a free-threaded Python with its GIL turned on",
            "unset PYTHON_GIL, leave out -X gil=1, and import no module that turns it on (a RuntimeWarning names it)",
        )
    if abs(python["switch_interval"] - SWITCH_INTERVAL) > 1e-6:
        yield Warning_(
            "switch interval",
            f"the switch interval is {python['switch_interval'] * 1e3:g} ms, not {SWITCH_INTERVAL * 1e3:g} ms",
            "find who calls sys.setswitchinterval() (sitecustomize?), and leave it out",
        )
    # Under these two drivers powersave is the ordinary governor, which goes to full speed under load.
    if machine["governor"] == "powersave" and machine["driver"] not in ("intel_pstate", "amd-pstate-epp"):
        yield Warning_(
            "governor",
            "the governor powersave keeps the CPU at its lowest frequency",
            "sudo cpupower frequency-set -g performance",
        )
    if missing := [name for name in LAB if environment["libraries"][name] is None]:
        yield Warning_(
            "lab",
            f"{', '.join(missing)} not installed: no report and no annotated pages",
            "pip install 'gilscope[lab]'",
        )
