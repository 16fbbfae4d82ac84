"""What a recording tells of a thread's calls: the share of them without the GIL, and their longest holds."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gilscope.scope import states as st
from gilscope.scope.recording import Recording
from gilscope.stats import Interval, median_interval

ShareFrom = Literal["ledger", "sampler"]

LOOKS_LEAST = 40
"""Fewer looks tell no share."""
STRETCHES = 20
"""The sampler's interval comes from so many stretches of time."""
UNSEEN = 0.05
"""A share that the looks show beyond the ledger's by more than this was released out of the ledger's sight."""


@dataclass(frozen=True, slots=True)
class Holds:
    """The longest hold of each batch of calls, in ms."""

    usual: float
    """The median over the batches."""
    longest: float


def released_share(recording: Recording, index: int, calls: st.Array) -> tuple[Interval, ShareFrom]:
    """The share of a call without the GIL, 0 to 1, and what says so.

    Parameters
    ----------
    index
        The lane of the thread that calls.
    calls
        Starts and ends of the batches of calls in monotonic ns, shape (n, 2), in order.
    """
    lane = recording.lanes[index]
    by_ledger = _by_ledger(lane, calls)
    by_sampler = _by_sampler(recording, lane, calls)
    if by_sampler is None:
        return by_ledger, "ledger"
    if recording.circumstances.ledger and by_ledger.median >= by_sampler.low - UNSEEN:
        return by_ledger, "ledger"
    return by_sampler, "sampler"


def longest_holds(recording: Recording, index: int, calls: st.Array, batch: int = 1) -> Holds:
    """The longest holds in these calls; parameters as for `released_share`.

    A hold that spans several calls counts as long as one of them.

    Parameters
    ----------
    batch
        Calls between a start and its end.
    """
    pieces = recording.capture.holds(index)
    longest = []
    for start, end in calls.tolist():
        overlap = np.minimum(pieces[:, 1], end) - np.maximum(pieces[:, 0], start) if len(pieces) else np.zeros(1)
        longest.append(min(max(float(overlap.max()), 0.0), (end - start) / batch) / 1e6)
    return Holds(float(np.median(longest)), max(longest))


def releases_per_call(recording: Recording, index: int, calls: st.Array, batch: int) -> float | None:
    """By the ledger; None without one. Parameters as for `longest_holds`."""
    if not recording.circumstances.ledger:
        return None
    events = _inside(st.release_events(recording.lanes[index].events), calls)
    return len(events) / (len(calls) * batch)


def lane_of(recording: Recording, native_id: int) -> int:
    """The index of a thread's lane."""
    return next(index for index, lane in enumerate(recording.lanes) if lane.native_id == native_id)


def _inside(events: st.Array, calls: st.Array) -> st.Array:
    inside: st.Array = events[(events["released"] >= calls[0, 0]) & (events["released"] < calls[-1, 1])]
    return inside


def _by_ledger(lane: st.Lane, calls: st.Array) -> Interval:
    """Released time of each batch over its own time, exactly; waits for the GIL count as neither."""
    events = _inside(st.release_events(lane.events), calls)
    index = np.searchsorted(calls[:, 0], events["released"], side="right") - 1
    released = np.bincount(index, weights=events["wanted"] - events["released"], minlength=len(calls))
    waited = np.bincount(index, weights=events["got"] - events["wanted"], minlength=len(calls))
    # A take inside a release is time with the GIL.
    takes = lane.events[(lane.events["kind"] == st.TAKE) & (lane.events["got"] > calls[0, 0])]
    takes = takes[takes["got"] < calls[-1, 1]]
    index = np.searchsorted(calls[:, 0], takes["got"], side="right") - 1
    released -= np.bincount(index, weights=takes["released"] - takes["wanted"], minlength=len(calls))
    spent = np.maximum(calls[:, 1] - calls[:, 0] - waited, 1)
    return median_interval(np.clip(released / spent, 0, 1).tolist())


def _by_sampler(recording: Recording, lane: st.Lane, calls: st.Array) -> Interval | None:
    """The share of the looks into a call that show the thread without the GIL; None for too few looks."""
    times = recording.ticks["time"][lane.first : lane.first + len(lane.states)]
    index = np.searchsorted(calls[:, 0], times, side="right") - 1
    inside = (index >= 0) & (times < calls[np.maximum(index, 0), 1])
    states = lane.states[inside]
    if len(states) < LOOKS_LEAST or not recording.circumstances.internals:
        return None
    without = np.isin(states, (st.RELEASED, st.OFF, st.WAITS_CORE))
    return median_interval([float(part.mean()) for part in np.array_split(without, STRETCHES)])
