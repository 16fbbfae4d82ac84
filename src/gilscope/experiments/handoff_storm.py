"""handoff-storm: what is left of the parallel speed when a loop without the GIL takes it back on every round."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from threading import Thread
from time import perf_counter

from gilscope.experiments import (
    WORKERS,
    Axis,
    Chart,
    Experiment,
    Judgement,
    Lab,
    NotHere,
    Place,
    Point,
    Series,
    Timing,
)
from gilscope.experiments._gil import foreign, storm
from gilscope.experiments._timeline import recorded, timeline
from gilscope.experiments._words import SAVE, TAKE, figure, scales, stands, thresholds
from gilscope.host import gil_enabled
from gilscope.measure.calibrate import seconds_of
from gilscope.results import Bracket
from gilscope.results.timelines import Tracks
from gilscope.stats import Truth

ROUNDS = 20_000
INNER = 10
"""Rounds of spin between two takes, some 15 ns: what the body of a small loop takes."""
SHOWN = 0.0005
"""Seconds in the timeline: some dozens of hand-offs."""
ENSURE = Place(
    "PyGILState_Ensure",
    "attaches a thread that Python did not create, and takes the GIL",
    {"3.11 to 3.15": "Python/pystate.c"},
)


class Loop(StrEnum):
    """How a loop without the GIL takes it, and how often."""

    NEVER = "never"
    WITH_GIL = "with gil, every round"
    WITH_GIL_30 = "with gil, every 30"
    CALLBACK = "callback, every round"
    CALLBACK_10 = "callback, every 10"
    CALLBACK_1000 = "callback, every 1000"
    ENSURE = "PyGILState_Ensure, every round"


STORMS = (Loop.WITH_GIL, Loop.CALLBACK, Loop.ENSURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Loops without the GIL that take it more or less often."""

    cells: Mapping[Loop, Timing]
    takes: int
    """How often a loop that takes the GIL on every round does so per call."""
    timeline: Mapping[str, Tracks]


def _nothing() -> None:
    pass


def measure(lab: Lab, *, every: int) -> Data:
    """Loops without the GIL that never take it, take it on every round, or call back every 1, 10 or 1000 rounds."""
    if not gil_enabled():
        raise NotHere("there is no GIL to take")
    loops: dict[Loop, Callable[[], object]] = {
        Loop.NEVER: partial(storm, ROUNDS, INNER, 0),
        Loop.WITH_GIL: partial(storm, ROUNDS, INNER, every),
        Loop.WITH_GIL_30: partial(storm, ROUNDS, INNER, 30),
        Loop.CALLBACK: partial(storm, ROUNDS, INNER, every, _nothing),
        Loop.CALLBACK_10: partial(storm, ROUNDS, INNER, 10, _nothing),
        Loop.CALLBACK_1000: partial(storm, ROUNDS, INNER, 1000, _nothing),
    }
    cells = lab.scaling({loop: (call, [()] * WORKERS) for loop, call in loops.items()}, sample=0.008, part=0.8).cells
    one: list[float] = []
    many: list[float] = []
    seconds_of(foreign, (1, ROUNDS, INNER, every))
    for _ in lab.rounds(part=0.2):
        one.append(foreign(1, ROUNDS, INNER, every))
        many.append(foreign(WORKERS, ROUNDS, INNER, every))
    return Data(
        cells=cells | {Loop.ENSURE: Timing(one=tuple(one), many=tuple(many))},
        takes=ROUNDS,
        timeline={"never": _recorded(0, 20 * ROUNDS), "every round": _recorded(every, ROUNDS // 4)},
    )


def _recorded(every: int, rounds: int) -> Tracks:
    """Two threads that take the GIL so often, for a moment in the middle of their work."""
    names = [f"thread {n}" for n in range(1, WORKERS + 1)]

    def work() -> tuple[float, float]:
        threads = [Thread(target=storm, args=(rounds, INNER, every), name=name) for name in names]
        started = perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ended = perf_counter()
        return (started + ended) / 2, ended

    return recorded(work, dict(zip(names, names, strict=True)), SHOWN, exact=names)


def judge(data: Data, bracket: Bracket) -> Judgement:
    conditions: dict[str, Truth] = {"a loop that never takes the GIL scales": scales(data.cells[Loop.NEVER], bracket)}
    conditions |= {f"{loop}: nothing is gained": stands(data.cells[loop], bracket) for loop in STORMS}
    return Judgement(conditions, _evidence(data), (_chart(data, bracket), *timeline(data.timeline)))


def _evidence(data: Data) -> str:
    storms = ", ".join(f"{loop} {figure(data.cells[loop].speedup())}" for loop in STORMS)
    cell = data.cells[Loop.WITH_GIL]
    alone = data.takes * cell.calls / min(cell.one)
    contended = WORKERS * data.takes * cell.calls / min(cell.many)
    never = figure(data.cells[Loop.NEVER].speedup())
    return (
        f"On two threads, a loop that never takes the GIL reaches {never}; loops that take it reach: {storms}. "
        f"One thread alone takes the GIL {alone:,.0f} times per second, two threads together {contended:,.0f} times."
    )


def _chart(data: Data, bracket: Bracket) -> Chart:
    points = {loop: Point(loop.value, timing.speedup()) for loop, timing in data.cells.items()}
    return Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=(
            Series("never", "released", (points[Loop.NEVER],)),
            Series("takes it", "held", tuple(point for loop, point in points.items() if loop != Loop.NEVER)),
        ),
        limits=thresholds(bracket),
    )


EXPERIMENT = Experiment(
    name="handoff-storm",
    order=80,
    claim="A loop that takes the GIL on each round loses all its parallelism.",
    why="Each take is a hand-off: a mutex, a condition variable, often a sleep and a wake-up in the kernel, and the "
    "other thread waits as long. `with gil` in a loop, a callback, a missing `noexcept` and PyGILState_Ensure all do "
    "it.",
    refuted_by="Two such loops that run nearly twice as fast as one.",
    reading="The speed-up on two threads by how often the loop takes the GIL. Below 1, two threads are slower than "
    "one. The timeline shows half a millisecond of two threads as it was recorded: without takes, and with one on "
    "every round. Pieces too short to show are drawn together, in the state that took most of them.",
    places=(SAVE, TAKE, ENSURE),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"every": 1},
    control={"every": 0},
    seconds=3.0,
)
