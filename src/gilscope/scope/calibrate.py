"""The instrument measured: workloads that hold and release for exact times, and what the scope says about them."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gilscope.scope import states as st
from gilscope.scope.recording import RATE, record

SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Of the time, with the GIL."""
CYCLES = (20e-6, 1e-3, 20e-3, 200e-3)
"""Seconds of a hold and a release together: how long a call is."""
LOOKS_RATE = 5_000.0
ERROR_MOST = {True: 0.01, False: 0.03}
"""How far the ledger's or the looks' share may lie from the truth, for calls of 1 ms and more and for shorter ones."""


@dataclass(frozen=True, slots=True)
class Point:
    """One workload: the share of its time with the GIL, as it is and as it was seen."""

    cycle: float
    """Seconds."""
    truth: float
    sampler: float | None
    """None where this interpreter's GIL can not be read."""
    ledger: float | None
    """None where there is no ledger."""

    @property
    def error(self) -> float:
        """Of the scope's answer: the ledger's where there is one, else the sampler's."""
        best = self.ledger if self.ledger is not None else self.sampler
        return 1.0 if best is None else abs(best - self.truth)

    @property
    def fine(self) -> bool:
        return self.error <= ERROR_MOST[self.cycle >= 1e-3]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"error": self.error, "fine": self.fine}


def calibrate(
    seconds: float = 10.0, rate: float = LOOKS_RATE, progress: Callable[[float, str], None] | None = None
) -> Iterator[Point]:
    """Runs each workload for its part of `seconds`, alone in this process, and yields what was seen of it."""
    report = progress or (lambda done, label: None)
    cases = [(cycle, share) for cycle in CYCLES for share in SHARES]
    for number, (cycle, share) in enumerate(cases):
        report(number / len(cases), f"{cycle * 1e3:g} ms, {share:.0%} held")
        yield point(cycle, share, seconds / len(cases), rate)
    report(1.0, "done")


def point(cycle: float, share: float, seconds: float, rate: float = RATE) -> Point:
    """One workload of this cycle and share, for at least this long."""
    from gilscope.scope._workload import cycle as work

    with record(rate=rate) as recording:
        started = time.perf_counter_ns()
        held, released, waited, _ = work(cycle * share, cycle * (1 - share), max(seconds, cycle))
        ended = time.perf_counter_ns()
    lane = next(lane for lane in recording.lanes if lane.native_id == threading.get_native_id())
    times = recording.ticks["time"][lane.first : lane.first + len(lane.states)]
    inside = lane.states[(times >= started) & (times < ended)]
    sampler = float(np.isin(inside, (st.HOLDS, st.HOLDS_ABSENT)).mean()) if len(inside) else None
    ledger = None
    if recording.circumstances["ledger"]:
        events = st.releases(lane.events)
        events = events[(events["released"] >= started) & (events["got"] <= ended)]
        ledger = 1 - float((events["got"] - events["released"]).sum()) / (ended - started)
    known = recording.circumstances["internals"] and recording.circumstances["gil"]
    return Point(cycle, held / (held + released + waited), sampler if known else None, ledger)
