"""What an experiment measures with: time, rounds in the company of the machine's own ceiling, cells on threads."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from gilscope.kernels import Arguments, load
from gilscope.measure.calibrate import calls_for, seconds_of
from gilscope.measure.environment import environment
from gilscope.pools import Function, Pool, Serial, Threads
from gilscope.variants import native

WORKERS = 2
"""Every lesson shows on two cores."""
ROUNDS_LEAST = 5
MACHINE_SAMPLE = 0.01  # seconds of each ceiling in a round


class NotHere(Exception):  # noqa: N818  (it is a finding, not an error)
    """Why an experiment can not be done on this interpreter or machine, in a few words."""


class Lab:
    """The means of one experiment, for `seconds`. What the machine gave meanwhile is kept in `machine`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.cpus = float(environment(watch=0)["cpus"]["usable"])
        self.one: list[float] = []
        self.many: list[float] = []
        self._used = _Used()
        self._spin = load()["spin"]
        self._calls: int | None = None

    def machine(self) -> dict[str, Any]:
        """What plain C threads took, by rounds; and the part of all CPU time that others used meanwhile."""
        others = self._used.by_others()
        return {"one": self.one, "many": self.many, "workers": WORKERS, "cpus": self.cpus, "others": others}

    def rounds(self, part: float = 1.0, least: int = ROUNDS_LEAST) -> Iterator[int]:
        """Counts rounds until this part of the time is up, and has the machine's ceiling measured before each."""
        started, done = perf_counter(), 0
        while done < least or (perf_counter() - started) * (done + 1) / done < part * self.seconds:
            self._bracket()
            yield done
            done += 1

    def scaling(
        self,
        cells: Mapping[str, tuple[Function, Sequence[Arguments]]],
        sample: float = 0.015,
        part: float = 1.0,
        plain: Mapping[str, tuple[Callable[..., float], Sequence[Arguments]]] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Interleaved rounds of every cell, on one thread and on two that do as much each; see stats.Scaling.

        cells: a function, and for each of WORKERS threads its arguments. sample: seconds of a cell's calls in a round.
        plain: the same for work on plain C threads, by its ceiling function. Of the cells on two threads there is also
        `busy`: the CPUs that they kept busy in each round.
        """
        calls = {name: calls_for(seconds_of(function, jobs[0]), sample) for name, (function, jobs) in cells.items()}
        found: dict[str, dict[str, Any]] = {
            name: {"one": [], "many": [], "busy": [], "factor": WORKERS, "calls": calls[name]} for name in cells
        }
        for name, (run, jobs) in (plain or {}).items():
            calls[name] = calls_for(run(jobs[:1], 1), sample)
            found[name] = {"one": [], "many": [], "factor": WORKERS, "calls": calls[name]}
        with ExitStack() as stack:
            pools: dict[str, Pool] = {"one": Serial(), "many": stack.enter_context(Threads(WORKERS))}
            for _ in self.rounds(part):
                for name, (run, jobs) in (plain or {}).items():
                    for key, pool in pools.items():
                        found[name][key].append(run(jobs[: pool.workers], calls[name]))
                for name, (function, jobs) in cells.items():
                    for key, pool in pools.items():
                        used = process_time()
                        found[name][key].append(pool.round(function, jobs[: pool.workers], calls[name]))
                    found[name]["busy"].append((process_time() - used) / found[name]["many"][-1])
        return found

    def _bracket(self) -> None:
        ceiling: Callable[..., float] = native(self._spin, "capi").ceiling
        job = self._spin.inputs(self._spin.sizes["small"], 0)
        self._calls = self._calls or calls_for(ceiling([job], 1), MACHINE_SAMPLE)
        self.one.append(ceiling([job], self._calls))
        self.many.append(ceiling([job] * WORKERS, self._calls))


class _Used:
    """The CPU time that others than this process and its children use, from now on."""

    def __init__(self) -> None:
        self._before = self._now()

    def by_others(self) -> float | None:
        """As a part of what all CPUs had; None where the system does not tell, or it was too short to tell."""
        (all_before, own_before), (all_now, own_now) = self._before, self._now()
        passed = [now - before for now, before in zip(all_now, all_before, strict=True)]
        if sum(passed) < 20:  # ticks of 10 ms
            return None
        user, nice, system, _idle, _iowait, irq, softirq, steal = passed
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        whole = sum(passed) / os.sysconf("SC_CLK_TCK")
        return max(0.0, (busy - (own_now - own_before)) / whole)

    def _now(self) -> tuple[list[int], float]:
        try:
            ticks = [int(word) for word in Path("/proc/stat").read_text().split(maxsplit=9)[1:9]]
        except OSError:
            ticks = [0] * 8
        return ticks, sum(os.times()[:4])
