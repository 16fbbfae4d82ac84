"""A recording as a trace for other tools."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache

from gilscope.results.recordings import Circumstances
from gilscope.results.traces import Trace, TraceEvent
from gilscope.scope import states as st
from gilscope.scope.states import Capture, Lane
from gilscope.scope.symbols import place


def trace(capture: Capture, circumstances: Circumstances) -> Trace:
    """Complete events in us, a thread for each lane; what the ledger has is a category of its own."""
    name = cache(lambda address: str(place(address)))
    events = [event for lane in capture.lanes for event in _events(capture, lane, circumstances.gil, name)]
    return Trace(tuple(events), asdict(circumstances))


def _events(capture: Capture, lane: Lane, gil: bool, name: Callable[[int], str]) -> Iterator[TraceEvent]:
    yield TraceEvent(ph="M", name="thread_name", tid=lane.native_id, args={"name": lane.name})
    for span in capture.spans(lane):
        if span.state != st.OFF:
            yield TraceEvent(
                ph="X",
                cat="state",
                name=span.state.label(gil),
                ts=(span.start - capture.started) / 1e3,
                dur=(span.end - span.start) / 1e3,
                tid=lane.native_id,
            )
    columns = ["site", "released", "wanted", "got"]
    for site, released, wanted, got in st.release_events(lane.events)[columns].tolist():
        yield TraceEvent(
            ph="X",
            cat="ledger",
            name=name(site),
            ts=(released - capture.started) / 1e3,
            dur=(got - released) / 1e3,
            tid=lane.native_id,
            args={"waited_us": (got - wanted) / 1e3},
        )
