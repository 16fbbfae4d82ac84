"""The instrument measured: workloads that hold and release for exact times, and what the scope says about them."""

import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module

import numpy as np

from gilscope.results.calibration import Point
from gilscope.scope import states as st
from gilscope.scope.recording import RATE, Recording, record

SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Of the time, with the GIL."""
CYCLES = (20e-6, 1e-3, 20e-3, 200e-3)
"""Seconds of a hold and the release after it."""
LOOKS_RATE = 5_000.0


def calibrate(
    seconds: float = 10.0, rate: float = LOOKS_RATE, progress: Callable[[float, str], None] | None = None
) -> Iterator[Point]:
    """Runs each workload alone in this process, and yields what the scope says of it.

    Parameters
    ----------
    seconds
        About how long all of them take.
    rate
        Looks per second.
    progress
        Is told the part done, 0 to 1, and which workload is next.

    Raises
    ------
    RecordingError
        As for `gilscope.record`.
    """
    report = progress or (lambda done, label: None)
    cases = [(cycle, share) for cycle in CYCLES for share in SHARES]
    for number, (cycle, share) in enumerate(cases):
        report(number / len(cases), f"{cycle * 1e3:g} ms, {share:.0%} held")
        yield point(cycle, share, seconds / len(cases), rate)
    report(1.0, "done")


def point(cycle: float, share: float, seconds: float, rate: float = RATE) -> Point:
    """One workload of this cycle and share, for at least this long."""
    with record(rate=rate) as recording:
        workload = import_module("gilscope.scope._workload")  # not everywhere; record() has said so
        started = time.perf_counter_ns()
        held, released, waited, _ = workload.cycle(cycle * share, cycle * (1 - share), max(seconds, cycle))
        ended = time.perf_counter_ns()
    lane = next(lane for lane in recording.lanes if lane.native_id == threading.get_native_id())
    return Point(
        cycle=cycle,
        truth=held / (held + released + waited),
        sampler=_by_sampler(recording, lane, started, ended),
        ledger=_by_ledger(recording, lane, started, ended),
    )


def _by_sampler(recording: Recording, lane: st.Lane, started: int, ended: int) -> float | None:
    """The share of the looks between these ns that show the lane with the GIL."""
    times = recording.ticks["time"][lane.first : lane.first + len(lane.states)]
    inside = lane.states[(times >= started) & (times < ended)]
    known = recording.circumstances.internals and recording.circumstances.gil
    return float(np.isin(inside, (st.HOLDS, st.HOLDS_ABSENT)).mean()) if known and len(inside) else None


def _by_ledger(recording: Recording, lane: st.Lane, started: int, ended: int) -> float | None:
    """What the lane's releases leave of the time between these ns."""
    if not recording.circumstances.ledger:
        return None
    events = st.release_events(lane.events)
    events = events[(events["released"] >= started) & (events["got"] <= ended)]
    return 1 - float((events["got"] - events["released"]).sum()) / (ended - started)
