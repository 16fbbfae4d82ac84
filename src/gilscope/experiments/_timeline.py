"""What threads do, as the scope records it beside an experiment, and as the timeline below its charts."""

from collections.abc import Callable, Collection, Mapping, Sequence

from gilscope.results.charts import Axis, Bar, Chart, Limit
from gilscope.results.states import State
from gilscope.results.timelines import Stretch, Track, Tracks
from gilscope.scope import states as st
from gilscope.scope.recording import RecordingError, record

RATE = 5_000.0
"""Looks per second: one each 0.2 ms, between which the ledger is exact."""
PIXELS = 2000
"""The width of a timeline on a fine screen: what is shorter than a pixel does not show."""


def recorded(
    work: Callable[[], tuple[float, float]], threads: Mapping[str, str], most: float, *, exact: Collection[str] = ()
) -> Tracks:
    """Records `work`, and returns what these threads do between the two times of perf_counter() that it returns.

    Parameters
    ----------
    threads
        Their names, and what to call them in the timeline.
    most
        Seconds that the tracks cover at most.
    exact
        The names of those that never sleep by themselves; see states.spans.

    Returns
    -------
    Tracks
        Empty where nothing can be recorded.
    """
    try:
        with record(rate=RATE) as recording:
            begin, end = work()
    except RecordingError:
        return Tracks()
    start, stop = round(begin * 1e9), round(min(end, begin + most) * 1e9)
    lanes = {lane.name: lane for lane in recording.lanes if lane.name in threads}
    tracks = []
    for thread, name in threads.items():
        if thread in lanes:
            spans = st.spans(lanes[thread], recording.ticks["time"], recording.ended, exact=thread in exact)
            tracks.append(Track(name, _drawable(st.stretches(spans, start, stop), most * 1e3 / PIXELS)))
    return Tracks(tuple(tracks), recording.has_gil)


def _drawable(stretches: Sequence[Stretch], least: float) -> tuple[Stretch, ...]:
    """Stretches that are long enough to show, to the tenth of a microsecond.

    A run of shorter ones becomes one stretch as soon as it is long enough, in the state that took most of it; a run
    that stays too short goes to the stretch before.
    """
    drawn: list[Stretch] = []
    run: list[Stretch] = []

    def end_run() -> None:
        if run:
            spent = Track("", tuple(run)).spent()
            add(run[0].start, run[-1].end, max(spent, key=lambda state: spent[state]))
        run.clear()

    def add(start: float, end: float, state: State) -> None:
        adjoins = drawn and start - drawn[-1].end <= least
        if adjoins and (state == drawn[-1].state or end - start <= least):
            last = drawn.pop()
            drawn.append(Stretch(last.start, round(end - last.start, 4), last.state))
        else:
            drawn.append(Stretch(round(start, 4), round(end - start, 4), state))

    for stretch in stretches:
        if run and (stretch.length > least or stretch.start - run[-1].end > least):
            end_run()
        if stretch.length > least:
            add(stretch.start, stretch.end, stretch.state)
        else:
            run.append(stretch)
            if stretch.end - run[0].start > least:
                end_run()
    end_run()
    return tuple(drawn)


def timeline(
    recordings: Mapping[str, Tracks], limits: tuple[Limit, ...] = (), marks: tuple[Bar, ...] = ()
) -> tuple[Chart, ...]:
    """The recordings below each other, all on one scale of time; none if nothing was recorded."""
    bars = tuple(
        Bar(f"{which}: {track.name}", stretch.start, stretch.end, *_shown(stretch.state, tracks.gil))
        for which, tracks in recordings.items()
        for track in tracks.tracks
        for stretch in track.stretches
    )
    return (Chart("timeline", Axis("time", "ms"), spans=bars + marks, limits=limits),) if bars else ()


def _shown(state: State, gil: bool) -> tuple[str, str]:
    """How a state is called and coloured: a thread that has the GIL holds it, on the CPU or off."""
    state = State.HOLDS if state is State.HOLDS_ABSENT else state
    return state.label(gil), state.color
