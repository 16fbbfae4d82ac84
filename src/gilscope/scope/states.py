"""What the sampler and the ledgers write down, as arrays, and what follows from them: pure functions.

A *tick* is one look at the GIL; a *lane* is a thread, with one state per tick. A ledger *event* is one release of the
GIL, or one take of it by a thread that came from outside; a *turn* (gilscope.scope.turns) is one step in passing it on
while somebody waits. All times are monotonic ns.
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
TURN = np.dtype([("time", "i8"), ("cpu", "i8"), ("site", "u8"), ("tid", "i4"), ("kind", "u4")])
RELEASE, TAKE, SWAP = range(3)
"""The ledger's kinds of event: ext/scope/layout.h."""
WANT, DROP, FORCED, TOOK, ASKED = range(5)
"""The wait ledger's kinds of turn."""
WAIT = np.dtype(
    [("wanted", "i8"), ("free", "i8"), ("got", "i8"), ("first", "i8"), ("last", "i8"), ("tid", "i4"), ("forced", "?")]
)
"""A wait for the GIL: when the thread asked for it, when it was free, and when the thread had it, in ns; the turns that
it begins and ends with, as indices; the thread, and whether it had been forced off."""
NOBODY, UNKNOWN = -1, -2

layout.check(
    {"TICK": TICK, "EVENT": EVENT, "TURN": TURN},
    {state.name: state.value for state in State}
    | {"RELEASE": RELEASE, "TAKE": TAKE, "SWAP": SWAP, "NOBODY": NOBODY, "UNKNOWN": UNKNOWN}
    | {"WANT": WANT, "DROP": DROP, "FORCED": FORCED, "TOOK": TOOK, "ASKED": ASKED},
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
    waits: Array | None = None
    """Its waits for the GIL, rows of dtype WAIT in order; None without the wait ledger."""

    def shares(self, ticks: int) -> Array:
        """The share of the recording's ticks in each state, by state; what they lack to 1, it did not live."""
        shares: Array = np.bincount(self.states, minlength=len(State)) / max(ticks, 1)
        return shares


def no_ticks() -> Array:
    return np.zeros(0, TICK)


def no_events() -> Array:
    return np.zeros(0, EVENT)


def no_waits() -> Array:
    return np.zeros(0, WAIT)


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
    turns: Array | None = None
    """The wait ledger, rows of dtype TURN; None without one."""

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


def intervals(waits: Array) -> Array:
    """From asking to having: shape (n, 2), ns."""
    return np.column_stack([waits["wanted"], waits["got"]])


def union(pairs: Array) -> Array:
    """The same time in intervals that do not overlap, in order: shape (n, 2)."""
    pairs = pairs[pairs[:, 1] > pairs[:, 0]]
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    if not len(pairs):
        return pairs
    reach = np.maximum.accumulate(pairs[:, 1])
    new = np.append(True, pairs[1:, 0] > reach[:-1])
    last = np.append(np.flatnonzero(new)[1:] - 1, len(pairs) - 1)
    return np.column_stack([pairs[new, 0], reach[last]])


def settled(states: Array, times: Array, waits: Array) -> Array:
    """A lane's states with what its exact waits know better. Between two of them a thread that was seen to wait has
    just got the GIL.

    Parameters
    ----------
    times
        Of the ticks of these states, in ns.
    waits
        Rows of dtype WAIT.
    """
    index = np.searchsorted(waits["wanted"], times, side="right") - 1
    waiting = index >= 0
    if len(waits):
        waiting &= times < waits["got"][index]
    known: Array = np.where(waiting, np.uint8(WAITS_GIL), np.where(states == WAITS_GIL, np.uint8(HOLDS), states))
    return known


def spans(lane: Lane, times: Array, end: int, *, exact: bool = False) -> list[Span]:
    """The lane's states as spans: a tick's state lasts until the next tick, each wait in a ledger is exact.

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
    between = {WAITS_GIL: HOLDS} if lane.waits is not None else {}  # a look into a wait lasts longer than the wait
    states = [State(lane.states[start]) for start in starts]
    sampled = [Span(bounds[i], bounds[i + 1], between.get(state, state)) for i, state in enumerate(states)]
    return _over(_over(sampled, _between(lane)), _waits(lane)) if exact else _over(sampled, _waits(lane))


def stretches(spans: Sequence[Span], start: int, end: int) -> tuple[Stretch, ...]:
    """The spans between two times in ns, in ms from the first; without the time that the thread was off the CPU."""
    return tuple(
        Stretch((max(s.start, start) - start) / 1e6, (min(s.end, end) - max(s.start, start)) / 1e6, s.state)
        for s in spans
        if s.state != OFF and s.end > start and s.start < end
    )


def _waits(lane: Lane) -> list[Span]:
    """The wait ledger has every wait, the release ledger those of the libraries."""
    waits = wait_events(lane.events) if lane.waits is None else lane.waits
    waits = waits[waits["got"] - waits["wanted"] > EXACT_FROM]
    return [Span(wanted, got, WAITS_GIL) for wanted, got in waits[["wanted", "got"]].tolist()]


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

    A run of ticks that show it as the holder, cut at every release and wait in its ledgers. What an interpreter
    compiled in one piece releases inside while nobody waits, no ledger sees, so a hold is at most as long as this.
    """
    held = ticks["holder"] == index
    edges = np.flatnonzero(np.diff(np.concatenate([[False], held, [False]]).astype(np.int8)))
    releases = release_events(lane.events)
    gone = np.column_stack([releases["released"], releases["got"]])
    if lane.waits is not None:
        gone = union(np.concatenate([gone, intervals(lane.waits)]))
    times = ticks["time"]
    borders = [*((times[1:] + times[:-1]) // 2).tolist(), end]  # a look stands for the time nearest to it
    pieces = []
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        start, stop = borders[first - 1] if first else int(times[0]), borders[after - 1]
        inside = gone[(gone[:, 0] < stop) & (gone[:, 1] > start)]
        bounds = [start, *inside.ravel().tolist(), stop]
        pieces += [(bounds[i], bounds[i + 1]) for i in range(0, len(bounds), 2) if bounds[i + 1] > bounds[i]]
    return np.asarray(pieces, dtype=np.int64).reshape(-1, 2)


def handoffs(ticks: Array) -> int:
    """How often the GIL went from one thread to another, by the interpreter's own counter."""
    return int(ticks["switches"][-1] - ticks["switches"][0]) if len(ticks) else 0
