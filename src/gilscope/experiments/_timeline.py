"""What threads do, as the scope records it beside an experiment, and as the timeline below its charts."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from gilscope.experiments._spec import Axis, Chart, Limit, Span
from gilscope.scope import states as st
from gilscope.scope.recording import RecordingError, record
from gilscope.scope.timeline import pieces

RATE = 5_000.0
"""Looks a second: one each 0.2 ms, between which the ledger is exact."""
PIXELS = 2000
"""Of a timeline, on a fine screen: what is shorter than one can not be seen."""
COLORS = ("grid", "held", "released", "band", "ceiling", "held")
"""Of the states, in their order."""
SHOWN = {
    name: (names[st.HOLDS] if state == st.HOLDS_ABSENT else name, COLORS[state])
    for names in (st.NAMES, st.NAMES_WITHOUT_GIL)
    for state, name in enumerate(names)
}
"""How a state is called and coloured: who holds the GIL holds it, on the CPU or off."""

Lanes = dict[str, list[list[Any]]]
"""By the names of threads, their spans: start and length in ms, and the state."""


def recorded(
    work: Callable[[], tuple[float, float]], threads: Mapping[str, str], most: float, *, exact: Collection[str] = ()
) -> Lanes:
    """Records `work`, and keeps what these threads do in the time between the two that it returns.

    work: returns two times of perf_counter(). threads: their names, and what to call them. most: seconds that are kept.
    exact: the names of those that never sleep of themselves, see states.spans. Empty where nothing can be recorded.
    """
    try:
        with record(rate=RATE) as recording:
            begin, end = work()
    except RecordingError:
        return {}
    start, stop = round(begin * 1e9), round(min(end, begin + most) * 1e9)
    lanes = {threads[lane.name]: lane for lane in recording.lanes if lane.name in threads}
    spans = {
        name: st.spans(lanes[name], recording.ticks["time"], recording.ended, exact=thread in exact)
        for thread, name in threads.items()
        if name in lanes
    }
    return {name: _drawable(pieces(recording, spans[name], start, stop), most * 1e3 / PIXELS) for name in spans}


def _drawable(pieces: list[list[Any]], least: float) -> list[list[Any]]:
    """Without those that are too short to be seen: a row of them, as soon as it can be seen, shows the state that most
    of it was spent in; a shorter one goes to the piece before. To the tenth of a microsecond."""
    made: list[list[Any]] = []
    row: list[list[Any]] = []

    def end_row() -> None:
        spent: dict[str, float] = {}
        for _, length, state in row:
            spent[state] = spent.get(state, 0) + length
        if row:
            add(row[0][0], row[-1][0] + row[-1][1], max(spent, key=lambda state: spent[state]))
        row.clear()

    def add(start: float, end: float, state: str) -> None:
        adjoins = made and start - made[-1][0] - made[-1][1] <= least
        if adjoins and (state == made[-1][2] or end - start <= least):
            made[-1][1] = round(end - made[-1][0], 4)
        else:
            made.append([round(start, 4), round(end - start, 4), state])

    for start, length, state in pieces:
        if row and (length > least or start - row[-1][0] - row[-1][1] > least):
            end_row()
        if length > least:
            add(start, start + length, state)
        else:
            row.append([start, length, state])
            if start + length - row[0][0] > least:
                end_row()
    end_row()
    return made


def timeline(
    recordings: Mapping[str, Lanes], limits: tuple[Limit, ...] = (), marks: tuple[Span, ...] = ()
) -> list[Chart]:
    """The recordings below each other, all on one scale of time; none if nothing was recorded."""
    spans = tuple(
        Span(f"{which}: {name}", start, start + length, *SHOWN[state])
        for which, lanes in recordings.items()
        for name, pieces in lanes.items()
        for start, length, state in pieces
    )
    return [Chart("timeline", Axis("time", "ms"), spans=spans + marks, limits=limits)] if spans else []
