"""Waits for the GIL, and what each is blamed on: who had it meanwhile, and what that thread was doing."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from gilscope.results.looks import Place
from gilscope.results.recordings import Cause, Hold, Wait
from gilscope.scope import states as st
from gilscope.scope import turns
from gilscope.scope.states import Capture
from gilscope.scope.symbols import place

HANDOFF_NS = 100_000
"""A wait shorter than this is the cost of waking up, and nobody's fault."""
SLICES = 1.6
"""Switch intervals; a longer wait means a holder that did not hear the request."""
UNHEARD = 0.6
"""Switch intervals from the request until the GIL is free; more means that it was not heard."""
MOST = 0.9
"""The part of the held time from which on one holder is to blame, and not several."""
PARTS = 20
"""Kinds of hold that a wait lists at most."""


def waits(capture: Capture, switch_interval: float, most: int) -> list[Wait]:
    """The longest waits of a recording: by the wait ledger; without it by the release ledger, or by the looks where
    that has none.

    Parameters
    ----------
    switch_interval
        The interpreter's, in seconds.
    most
        How many.
    """
    switch_ns = switch_interval * 1e9
    if capture.turns is not None:
        return _exact(capture, capture.turns, switch_ns, most)
    intervals = [
        (index, start, end)
        for index, lane in enumerate(capture.lanes)
        for start, end in _intervals(capture, lane, most)
        if end > start
    ]
    longest = sorted(intervals, key=lambda each: each[1] - each[2])[:most]
    return [_blamed(capture, index, start, end, switch_ns) for index, start, end in longest]


def _exact(capture: Capture, log: st.Array, switch_ns: float, most: int) -> list[Wait]:
    rows = np.concatenate([st.no_waits(), *(lane.waits for lane in capture.lanes if lane.waits is not None)])
    longest = rows[np.argsort(rows["wanted"] - rows["got"], kind="stable")][:most]
    lanes = {lane.native_id: lane for lane in capture.lanes}
    return [_split(capture, lanes, wait, turns.behind(log, wait, capture.ended), switch_ns) for wait in longest]


def _split(capture: Capture, lanes: Mapping[int, st.Lane], wait: st.Array, held: st.Array, switch_ns: float) -> Wait:
    """The wait divided among all that had the GIL meanwhile: who, why so long, and where it released."""
    parts: dict[tuple[int, Cause, int], list[int]] = defaultdict(list)
    for hold in held:
        tid, address = int(hold["tid"]), 0 if hold["forced"] else int(hold["site"])
        why = _why(capture, lanes.get(tid), hold, switch_ns)
        parts[tid, why, address].append(int(hold["end"] - hold["start"]))
    behind = sorted(
        (
            Hold(_name(lanes, tid), why, sum(spent) / 1e9, len(spent), place(address) if address else None)
            for (tid, why, address), spent in parts.items()
        ),
        key=lambda hold: -hold.seconds,
    )
    by_holder: dict[str, float] = defaultdict(float)
    for hold in behind:
        by_holder[hold.holder] += hold.seconds
    seconds, total = int(wait["got"] - wait["wanted"]) / 1e9, sum(by_holder.values())
    holder = max(by_holder, key=by_holder.__getitem__, default=None)
    cause: Cause = "hand-off"
    site = None
    if holder is not None and total > max(HANDOFF_NS / 1e9, seconds / 2):
        chief = next(hold for hold in behind if hold.holder == holder)
        cause, site = (chief.cause, chief.site) if by_holder[holder] >= MOST * total else ("several", None)
    return Wait(
        lane=_name(lanes, int(wait["tid"])),
        start=(int(wait["wanted"]) - capture.started) / 1e9,
        seconds=seconds,
        holder=holder,
        cause=cause,
        site=site,
        behind=tuple(behind[:PARTS]),
        free_seconds=max(seconds - total, 0.0),
        forced=bool(wait["forced"]),
    )


def _name(lanes: Mapping[int, st.Lane], tid: int) -> str:
    return lanes[tid].name if tid in lanes else f"thread {tid}"


def _why(capture: Capture, holder: st.Lane | None, hold: st.Array, switch_ns: float) -> Cause:
    """Why one thread kept the GIL for this long while another wanted it.

    Its own CPU clock says whether it ran; the looks where that was not read, because it had the GIL before anybody
    waited.
    """
    start, end, cpu = int(hold["start"]), int(hold["end"]), int(hold["cpu"])
    if end - start > HANDOFF_NS:
        ran = cpu / (end - start) if cpu >= 0 else _ran(capture, holder, start, end)
        if ran < 0.5:
            return "no core"
    if int(end - hold["asked"]) > UNHEARD * switch_ns:
        return "long hold"
    return "slice" if hold["forced"] else "short hold"


def _ran(capture: Capture, lane: st.Lane | None, start: int, end: int) -> float:
    """The part of the looks in these ns that show the holder on a core; 1 where there is none."""
    if lane is None:
        return 1.0
    first, after = np.searchsorted(capture.ticks["time"], [start, end]) - lane.first
    states = lane.states[max(first, 0) : max(after, 0)]
    return 1 - float(np.isin(states, (st.HOLDS_ABSENT, st.WAITS_CORE)).mean()) if len(states) else 1.0


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
