"""The load: the CPU time that other processes use, now and over an interval."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from gilscope.host.files import ROOT, read

TICKS_LEAST = 20
"""Clock ticks, usually of 10 ms, that a share of CPU time needs to be meaningful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Shares of all CPU time, 0 to 1, while nothing was measured; None if the system does not tell."""

    average: tuple[float, ...] | None = None
    """Over 1, 5 and 15 minutes."""
    busy: float | None = None
    """Used by other processes."""
    steal: float | None = None
    """Given to others by the host of a virtual machine."""


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU time of all CPUs since the system's start, in clock ticks."""

    busy: int
    steal: int
    total: int

    def since(self, earlier: "CpuTime") -> "CpuTime":
        return CpuTime(self.busy - earlier.busy, self.steal - earlier.steal, self.total - earlier.total)


def cpu_time(root: Path = ROOT) -> CpuTime | None:
    """CPU time from /proc/stat; None if there is none."""
    name, *words = (read(root / "proc/stat").splitlines() or ["?"])[0].split()
    if name != "cpu":
        return None
    user, nice, system, idle, iowait, irq, softirq, steal = (int(word) for word in words[:8])
    busy = user + nice + system + irq + softirq
    return CpuTime(busy, steal, busy + idle + iowait + steal)


def load(root: Path = ROOT, watch: float = 0.2) -> Load:
    """The load while this function does nothing for `watch` seconds."""
    try:
        average = os.getloadavg()
    except OSError:
        average = None
    before = cpu_time(root)
    if before is None:
        return Load(average=average)
    time.sleep(watch)
    after = cpu_time(root)
    spent = after.since(before) if after else None
    if spent is None or spent.total <= 0:
        return Load(average=average)
    return Load(average=average, busy=spent.busy / spent.total, steal=spent.steal / spent.total)


class Neighbours:
    """The CPU time that other processes use, without this one and its children, since the object's creation."""

    def __init__(self) -> None:
        self._before, self._own_before = cpu_time(), _own()

    def share(self) -> float | None:
        """Its share of all CPU time, 0 to 1; None if the system does not tell, or after too short a time."""
        now = cpu_time()
        if self._before is None or now is None:
            return None
        spent = now.since(self._before)
        if spent.total < TICKS_LEAST:
            return None
        second = os.sysconf("SC_CLK_TCK")
        used = (spent.busy + spent.steal) / second - (_own() - self._own_before)
        return max(0.0, used / (spent.total / second))


def _own() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])
