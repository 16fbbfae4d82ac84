"""A recording in figures: pure functions of what was captured."""

import numpy as np

from gilscope.results.looks import Quantiles
from gilscope.results.recordings import Circumstances, LaneShares, Summary
from gilscope.results.states import State
from gilscope.scope import states as st
from gilscope.scope import turns
from gilscope.scope.sites import quantiles
from gilscope.scope.states import Capture, Lane


def lane_shares(capture: Capture, gil: bool) -> list[LaneShares]:
    """How each thread spent the recording."""
    return [
        LaneShares(
            lane=lane.name,
            native_id=lane.native_id,
            cpu_seconds=lane.cpu_seconds,
            shares=dict(zip(State, _shares(capture, lane).tolist(), strict=True)),
            events=len(lane.events),
            gil=gil,
        )
        for lane in capture.lanes
    ]


def _shares(capture: Capture, lane: Lane) -> st.Array:
    """By the looks; the share of the waits exactly, and the others beside it as the looks divide them."""
    shares = lane.shares(len(capture.ticks))
    lived = float(shares.sum())
    if lane.waits is None or not lived:
        return shares
    waited = float((lane.waits["got"] - lane.waits["wanted"]).sum()) / max(capture.ended - capture.started, 1)
    shares[State.WAITS_GIL] = 0.0
    rest = float(shares.sum())
    shares *= max(lived - waited, 0.0) / rest if rest else 0.0
    shares[State.WAITS_GIL] = min(waited, lived) if rest else lived
    return shares


def _side_by_side(capture: Capture) -> float | None:
    """Of all threads, over the time in which at least two were awake."""
    if capture.turns is None:
        return None
    active, wants = [], []
    for lane in capture.lanes:
        times = capture.ticks["time"][lane.first : lane.first + len(lane.states)]
        awake = lane.states != st.OFF
        both = awake[1:] & awake[:-1]  # between two looks that both show it awake
        active.append(np.column_stack([times[:-1][both], times[1:][both]]))
        wants.append(st.intervals(lane.waits) if lane.waits is not None else np.zeros((0, 2), np.int64))
    return turns.side_by_side(active, wants)


def longest_hold(capture: Capture) -> tuple[float, str | None]:
    """Seconds, and the thread's name; None where no thread held the GIL."""
    best, name = 0, None
    for index, lane in enumerate(capture.lanes):
        pieces = capture.holds(index)
        longest = int((pieces[:, 1] - pieces[:, 0]).max()) if len(pieces) else 0
        if longest > best:
            best, name = longest, lane.name
    return best / 1e9, name


def summary(capture: Capture, circumstances: Circumstances) -> Summary:
    """The recording in a dozen figures."""
    ticks, gil = capture.ticks, circumstances.gil
    holding = float((ticks["holder"] != st.NOBODY).mean()) if len(ticks) and gil else None
    seconds, name = longest_hold(capture)
    events = np.concatenate([st.no_events(), *(lane.events for lane in capture.lanes)])
    known = [lane.waits for lane in capture.lanes if lane.waits is not None]
    waits = np.concatenate([st.no_waits(), *known]) if capture.turns is not None else st.wait_events(events)
    interval_us = 1e6 / circumstances.rate
    return Summary(
        seconds=(capture.ended - capture.started) / 1e9,
        looks=len(ticks),
        threads=len(capture.lanes),
        holding=holding,
        limit=1 / holding if holding else None,
        handoffs=st.handoffs(ticks) if gil else None,
        longest_hold_ms=seconds * 1e3,
        longest_holder=name,
        releases=len(st.release_events(events)),
        wait_ms=quantiles((waits["got"] - waits["wanted"]) / 1e6),
        dropped=capture.dropped,
        late_share=float((ticks["late"] > interval_us).mean()) if len(ticks) else 0.0,
        side_by_side=_side_by_side(capture),
        handoff_ms=quantiles((waits["got"] - waits["free"]) / 1e6) if capture.turns is not None else Quantiles(),
    )
