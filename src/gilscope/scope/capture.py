"""What the sampler and the ledgers hand out, put together thread by thread."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gilscope.scope import states as st
from gilscope.scope import turns
from gilscope.scope.states import Array, Capture, Lane

if TYPE_CHECKING:
    from gilscope.scope._ledger import Kept
    from gilscope.scope._sampler import Seen
    from gilscope.scope._waits import Log


def captured(looks: "Seen", releases: "Kept", passed: "Log | None", names: Mapping[int, str]) -> Capture:
    """The lanes in the order in which they were first seen.

    Parameters
    ----------
    passed
        The wait ledger's; None without one.
    names
        By native id.
    """
    ticks = np.frombuffer(looks["ticks"], st.TICK)
    times = ticks["time"]
    started = int(releases["started"] or (times[0] if len(times) else 0))
    ended = int(releases["ended"] or (times[-1] if len(times) else 0))
    log = None if passed is None else np.frombuffer(passed["turns"], st.TURN)
    waits = None if log is None else _within(turns.waits(log, ended), started, ended)
    books = {
        native_id: (dropped, np.frombuffer(events, st.EVENT)) for native_id, dropped, events in releases["threads"]
    }
    lanes: list[Lane] = []

    def add(native_id: int, first: int, states: Array, cpu_seconds: float, ended: bool) -> None:
        dropped, events = books.pop(native_id, (0, st.no_events()))
        mine = None if waits is None else waits[waits["tid"] == native_id]
        if mine is not None:
            states = st.settled(states, times[first : first + len(states)], mine)
        name = names.get(native_id, f"thread {native_id}")
        lanes.append(Lane(name, native_id, first, states, cpu_seconds, ended, events, dropped, mine))

    for native_id, first, cpu_ns, states, over in looks["lanes"]:
        add(native_id, first, np.frombuffer(states, np.uint8), cpu_ns / 1e9, bool(over))
    waited = [] if waits is None else waits["tid"].tolist()
    seen = {lane.native_id for lane in lanes}
    for native_id in dict.fromkeys([*books, *waited]):  # too short-lived for any look
        if native_id not in seen:
            add(native_id, len(times), np.zeros(0, np.uint8), 0.0, True)
    return Capture(
        started=started,
        ended=ended,
        ticks=ticks,
        lanes=tuple(lanes),
        dropped=looks["dropped"] + sum(lane.dropped for lane in lanes) + (passed["dropped"] if passed else 0),
        turns=log,
    )


def _within(waits: Array, started: int, ended: int) -> Array:
    """Those of the recording; the three instruments do not start and stop at the same moment."""
    for column in ("wanted", "free", "got"):
        waits[column] = np.clip(waits[column], started, ended)
    return waits[waits["got"] > waits["wanted"]]
