"""A recording in figures: pure functions of what was captured."""

import numpy as np

from gilscope.results.recordings import Circumstances, LaneShares, Summary
from gilscope.results.states import State
from gilscope.scope import states as st
from gilscope.scope.sites import quantiles
from gilscope.scope.states import Capture


def lane_shares(capture: Capture, gil: bool) -> list[LaneShares]:
    """How each thread spent the recording."""
    return [
        LaneShares(
            lane=lane.name,
            native_id=lane.native_id,
            cpu_seconds=lane.cpu_seconds,
            shares=dict(zip(State, lane.shares(len(capture.ticks)).tolist(), strict=True)),
            events=len(lane.events),
            gil=gil,
        )
        for lane in capture.lanes
    ]


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
    waits = st.wait_events(events)
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
    )
