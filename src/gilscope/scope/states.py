"""What the sampler and the ledger write down, as arrays, and what follows from them: pure functions.

A *tick* is one look at the GIL; a *lane* is a thread, with one state per tick. A ledger *event* is one release of the
GIL, or one take of it by a thread that came from outside. All times are monotonic ns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gilscope.results.states import State
from gilscope.results.timelines import Stretch
from gilscope.scope import layout

OFF, HOLDS, RELEASED, WAITS_GIL, WAITS_CORE, HOLDS_ABSENT = State

TICK = np.dtype([("time", "i8"), ("switches", "i8"), ("holder", "i4"), ("late", "i4")])
EVENT = np.dtype([("released", "i8"), ("wanted", "i8"), ("got", "i8"), ("site", "u8"), ("kind", "u4"), ("flags", "u4")])
RELEASE, TAKE, SWAP = range(3)
"""The ledger's kinds of event: ext/scope/layout.h."""
NOBODY, UNKNOWN = -1, -2

layout.check(
    {"TICK": TICK, "EVENT": EVENT},
    {state.name: state.value for state in State}
    | {"RELEASE": RELEASE, "TAKE": TAKE, "SWAP": SWAP, "NOBODY": NOBODY, "UNKNOWN": UNKNOWN},
)

EXACT_FROM = 1_000
"""ns; a shorter wait is the cost of the call, and could not be seen in any picture."""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A lane in one state for a while, [start, end) in ns."""

    start: int
    end: int
    state: State


@dataclass(frozen=True, slots=True)
class Lane:
    """A thread: its states, tick by tick from its first, and its ledger."""

    name: str
    native_id: int
    first: int
    """The tick of states[0]."""
    states: Array
    cpu_seconds: float
    ended: bool
    events: Array
    """Rows of dtype EVENT, in the order of their ends."""
    dropped: int
    """Events that did not fit."""

    def shares(self, ticks: int) -> Array:
        """The share of the recording's ticks in each state, by state; what they lack to 1, it did not live."""
        shares: Array = np.bincount(self.states, minlength=len(State)) / max(ticks, 1)
        return shares


def no_ticks() -> Array:
    return np.zeros(0, TICK)


def no_events() -> Array:
    return np.zeros(0, EVENT)


@dataclass(frozen=True, slots=True)
class Capture:
    """Everything that the sampler and the ledger wrote down in one recording."""

    started: int
    """CLOCK_MONOTONIC, ns; so is `ended`."""
    ended: int
    ticks: Array
    """Rows of dtype TICK."""
    lanes: tuple[Lane, ...]
    dropped: int = 0
    """Looks and events that did not fit."""

    def spans(self, lane: Lane) -> list[Span]:
        """What this lane did, from its first tick to its last."""
        return spans(lane, self.ticks["time"], self.ended)

    def holds(self, index: int) -> Array:
        """When the lane of this index held the GIL; see `holds`."""
        return holds(index, self.lanes[index], self.ticks, self.ended)


def release_events(events: Array) -> Array:
    """The events in which the thread gave up a GIL that it had, and came back."""
    returned: Array = events[(events["kind"] != TAKE) & (events["got"] > 0)]
    return returned


def wait_events(events: Array) -> Array:
    """The events in which the thread asked for the GIL and got it."""
    had: Array = events[events["got"] > 0]
    return had


def spans(lane: Lane, times: Array, end: int, *, exact: bool = False) -> list[Span]:
    """The lane's states as spans: a tick's state lasts until the next tick, each wait in the ledger is exact.

    Parameters
    ----------
    times
        Of all ticks, in ns.
    end
        The recording's end, in ns.
    exact
        For a thread that never sleeps by itself: from its first release to its last the ledger tells all, however
        short, since between two of them it holds the GIL.
    """
    if not len(lane.states):
        return []
    mine = times[lane.first : lane.first + len(lane.states)]
    after = lane.first + len(lane.states)
    last = int(times[after]) if after < len(times) else end
    changes = np.flatnonzero(np.diff(lane.states)) + 1
    starts = np.concatenate([[0], changes])
    bounds = [*mine[starts].tolist(), last]
    sampled = [Span(bounds[i], bounds[i + 1], State(lane.states[start])) for i, start in enumerate(starts)]
    return _over(sampled, _between(lane) if exact else _waits(lane))


def stretches(spans: Sequence[Span], start: int, end: int) -> tuple[Stretch, ...]:
    """The spans between two times in ns, in ms from the first; without the time that the thread was off the CPU."""
    return tuple(
        Stretch((max(s.start, start) - start) / 1e6, (min(s.end, end) - max(s.start, start)) / 1e6, s.state)
        for s in spans
        if s.state != OFF and s.end > start and s.start < end
    )


def _waits(lane: Lane) -> list[Span]:
    events = wait_events(lane.events)
    return [Span(int(e["wanted"]), int(e["got"]), WAITS_GIL) for e in events if e["got"] - e["wanted"] > EXACT_FROM]


def _between(lane: Lane) -> list[Span]:
    whole: list[Span] = []
    for released, wanted, got in release_events(lane.events)[["released", "wanted", "got"]].tolist():
        if whole:
            whole.append(Span(whole[-1].end, released, HOLDS))
        whole += [Span(released, wanted, RELEASED), Span(wanted, got, WAITS_GIL)]
    return whole


def _over(under: Sequence[Span], over: Sequence[Span]) -> list[Span]:
    """The spans of `under` with those of `over` laid on top; both in order and without overlaps."""
    result: list[Span] = []
    place = 0
    for span in under:
        start = span.start
        while place < len(over) and over[place].end <= start:
            place += 1
        while place < len(over) and over[place].start < span.end:
            top = over[place]
            if top.start > start:
                result.append(Span(start, top.start, span.state))
            if not result or result[-1].start < top.start:
                result.append(top)
            start = max(start, top.end)
            if top.end > span.end:
                break
            place += 1
        if start < span.end:
            result.append(Span(start, span.end, span.state))
    return result


def holds(index: int, lane: Lane, ticks: Array, end: int) -> Array:
    """Intervals [start, end) in which no look and no event shows the lane without the GIL: shape (n, 2), ns.

    A run of ticks that show it as the holder, cut at every release in its ledger. No ledger sees what an interpreter
    compiled in one piece releases inside, so a hold is at most as long as this.
    """
    held = ticks["holder"] == index
    edges = np.flatnonzero(np.diff(np.concatenate([[False], held, [False]]).astype(np.int8)))
    gone = release_events(lane.events)
    times = ticks["time"]
    borders = [*((times[1:] + times[:-1]) // 2).tolist(), end]  # a look stands for the time nearest to it
    pieces = []
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        start, stop = borders[first - 1] if first else int(times[0]), borders[after - 1]
        inside = gone[(gone["released"] < stop) & (gone["got"] > start)]
        bounds = [start, *np.column_stack([inside["released"], inside["got"]]).ravel().tolist(), stop]
        pieces += [(bounds[i], bounds[i + 1]) for i in range(0, len(bounds), 2) if bounds[i + 1] > bounds[i]]
    return np.asarray(pieces, dtype=np.int64).reshape(-1, 2)


def handoffs(ticks: Array) -> int:
    """How often the GIL went from one thread to another, by the interpreter's own counter."""
    return int(ticks["switches"][-1] - ticks["switches"][0]) if len(ticks) else 0
