"""Waits for the GIL, and what each is blamed on: who had it meanwhile, and what that thread was doing."""

import numpy as np

from gilscope.results.looks import Place
from gilscope.results.recordings import Cause, Wait
from gilscope.scope import states as st
from gilscope.scope.states import Capture
from gilscope.scope.symbols import place

HANDOFF_NS = 100_000
"""A wait shorter than this is the cost of waking up, and nobody's fault."""
SLICES = 1.6
"""Switch intervals; a longer wait means a holder that did not hear the request."""


def waits(capture: Capture, switch_interval: float, most: int) -> list[Wait]:
    """The longest waits of a recording, by the ledger, or by the looks where it has none.

    Parameters
    ----------
    switch_interval
        The interpreter's, in seconds.
    most
        How many.
    """
    intervals = [
        (index, start, end)
        for index, lane in enumerate(capture.lanes)
        for start, end in _intervals(capture, lane, most)
        if end > start
    ]
    longest = sorted(intervals, key=lambda each: each[1] - each[2])[:most]
    return [_blamed(capture, index, start, end, switch_interval * 1e9) for index, start, end in longest]


def _intervals(capture: Capture, lane: st.Lane, most: int) -> list[tuple[int, int]]:
    """The lane's longest waits, [start, end) in ns."""
    events = st.wait_events(lane.events)
    if not len(events):  # only the evaluation loop's own waits, which no ledger sees
        return [(span.start, span.end) for span in capture.spans(lane) if span.state == st.WAITS_GIL]
    longest = events[np.argsort(events["wanted"] - events["got"], kind="stable")][:most]
    return [(int(event["wanted"]), int(event["got"])) for event in longest]


def _blamed(capture: Capture, index: int, start: int, end: int, switch_ns: float) -> Wait:
    first, after = np.searchsorted(capture.ticks["time"], [start, end])
    holders = capture.ticks["holder"][first:after]
    others = holders[(holders >= 0) & (holders != index)]
    holder = int(np.bincount(others).argmax()) if len(others) else None
    cause: Cause = "hand-off"
    site = None
    if end - start > HANDOFF_NS and holder is not None:
        site = _end_of_hold(capture.lanes[holder], start, end)
        states = capture.lanes[holder].states
        since = capture.lanes[holder].first
        states = states[max(first - since, 0) : max(after - since, 0)]
        cause = _cause(others, states, site, end - start > SLICES * switch_ns)
        site = None if cause == "several" else site
    return Wait(
        lane=capture.lanes[index].name,
        start=(start - capture.started) / 1e9,
        seconds=(end - start) / 1e9,
        holder=None if holder is None else capture.lanes[holder].name,
        cause=cause,
        site=site,
    )


def _cause(others: st.Array, states: st.Array, site: Place | None, long: bool) -> Cause:
    """Why a wait took longer than a hand-off.

    Parameters
    ----------
    others
        Who had the GIL at each look in the wait.
    states
        The main holder's at these looks.
    site
        Where the holder released the GIL, if that was in a library.
    long
        Whether the wait was longer than the request for the GIL takes in bytecode.
    """
    if len(np.unique(others)) > 1:
        return "several"
    if len(states) and np.isin(states, (st.HOLDS_ABSENT, st.WAITS_CORE)).mean() > 0.5:
        return "no core"
    return "long hold" if site is not None or long else "slice"


def _end_of_hold(holder: st.Lane, start: int, end: int) -> Place | None:
    """Where the holder's last release in these ns is, if a library made one."""
    events = holder.events
    gone = events[(events["kind"] != st.TAKE) & (events["released"] > start) & (events["released"] <= end)]
    return place(int(gone["site"][-1])) if len(gone) else None
