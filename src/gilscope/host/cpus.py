"""The CPUs that this process can use: affinity, control groups, cores."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gilscope.host.files import ROOT, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpus:
    """Numbers of CPUs; None if the system does not tell."""

    os: int | None = None
    """All CPUs of the system."""
    process: int | None = None
    """Python's own count for this process (3.13 and newer)."""
    affinity: int | None = None
    quota: float | None = None
    """CPU time that the control groups grant, in CPUs."""
    usable: float = 1.0
    """The smallest of the above: how many threads can run at once."""
    cores: int | None = None
    """The cores behind the affinity, two threads of one core counted once."""


def cpus(root: Path = ROOT) -> Cpus:
    """The CPUs of this process."""
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    process = getattr(os, "process_cpu_count", lambda: None)()
    quota = cpu_quota(root)
    counts = (os.cpu_count(), process, None if affinity is None else len(affinity), quota)
    return Cpus(
        os=os.cpu_count(),
        process=process,
        affinity=None if affinity is None else len(affinity),
        quota=quota,
        usable=float(min((count for count in counts if count is not None), default=1)),
        cores=cores(root, affinity or []),
    )


def usable_cpus() -> float:
    """How many threads of this process can run at once: the smallest of affinity, quota and CPU count."""
    return cpus().usable


def cpu_quota(root: Path = ROOT) -> float | None:
    """The CPU time that the control groups (v1 or v2) grant this process, in CPUs, such as 0.5. None: no limit.

    A group cannot use more than the groups above it, so the smallest of their limits counts.
    """
    return min((limit for group in _cpu_groups(root) if (limit := _group_limit(group)) is not None), default=None)


def cores(root: Path, cpus: list[int]) -> int | None:
    """The number of cores of these CPUs; two hardware threads of one core count once."""
    folders = [root / f"sys/devices/system/cpu/cpu{cpu}/topology" for cpu in cpus]
    cores = {(read(folder / "physical_package_id"), read(folder / "core_id")) for folder in folders}
    return None if not cores or ("", "") in cores else len(cores)


def _cpu_groups(root: Path) -> Iterator[Path]:
    """The folders of this process's cpu control group and of all visible groups above it."""
    places = {}
    for line in read(root / "proc/self/cgroup").splitlines():
        _, controllers, place = line.split(":", 2)
        places["cpu" if "cpu" in controllers.split(",") else controllers] = place
    for line in read(root / "proc/self/mountinfo").splitlines():
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
        quota, _, period = read(group / "cpu.max").partition(" ")
    else:
        quota, period = read(group / "cpu.cfs_quota_us"), read(group / "cpu.cfs_period_us")
    try:
        return int(quota) / int(period) if int(quota) > 0 else None
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return None
