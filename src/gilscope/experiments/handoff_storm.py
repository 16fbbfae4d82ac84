"""handoff-storm: what is left of the parallel speed when a loop without the GIL takes it back on every round."""

from collections.abc import Callable
from functools import partial
from threading import Thread
from time import perf_counter

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, NotHere, Place, Point, Series
from gilscope.experiments._gil import foreign, storm
from gilscope.experiments._lab import WORKERS
from gilscope.experiments._timeline import Lanes, recorded, timeline
from gilscope.experiments._words import SAVE, TAKE, figure, scaled, scales, stands, thresholds
from gilscope.measure.calibrate import seconds_of
from gilscope.measure.stats import Truth
from gilscope.scope import gil_enabled

ROUNDS = 20_000
INNER = 10
"""Rounds of spin between two takes, some 15 ns: what the body of a small loop takes."""
SHOWN = 0.0005
"""Seconds in the timeline: some dozens of hand-offs."""
ENSURE = Place(
    "PyGILState_Ensure",
    "attaches a thread that Python has not made, and takes the GIL",
    {"3.11 to 3.15": "Python/pystate.c"},
)


def _nothing() -> None:
    pass


def measure(lab: Lab, every: int) -> Data:
    """Loops without the GIL that never take it, take it on every round, or call back each 1, 10 or 1000 rounds."""
    if not gil_enabled():
        raise NotHere("there is no GIL to take")
    cells: dict[str, Callable[[], object]] = {
        "never": partial(storm, ROUNDS, INNER, 0),
        "with gil, every round": partial(storm, ROUNDS, INNER, every),
        "with gil, every 30": partial(storm, ROUNDS, INNER, 30),
        "callback, every round": partial(storm, ROUNDS, INNER, every, _nothing),
        "callback, every 10": partial(storm, ROUNDS, INNER, 10, _nothing),
        "callback, every 1000": partial(storm, ROUNDS, INNER, 1000, _nothing),
    }
    found = lab.scaling({name: (call, [()] * WORKERS) for name, call in cells.items()}, sample=0.008, part=0.8)
    ensure: dict[str, list[float]] = {"one": [], "many": []}
    seconds_of(foreign, (1, ROUNDS, INNER, every))
    for _ in lab.rounds(part=0.2):
        ensure["one"].append(foreign(1, ROUNDS, INNER, every))
        ensure["many"].append(foreign(WORKERS, ROUNDS, INNER, every))
    found["PyGILState_Ensure, every round"] = ensure | {"factor": WORKERS, "calls": 1}
    shown = {"never": _recorded(0, 20 * ROUNDS), "every round": _recorded(every, ROUNDS // 4)}
    return {"cells": found, "takes": ROUNDS, "timeline": shown}


def _recorded(every: int, rounds: int) -> Lanes:
    """Two threads that take the GIL so often, for a moment in the middle of their work."""

    def work() -> tuple[float, float]:
        threads = [Thread(target=storm, args=(rounds, INNER, every), name=f"thread {n}") for n in range(1, WORKERS + 1)]
        started = perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ended = perf_counter()
        return (started + ended) / 2, ended

    names = [f"thread {n}" for n in range(1, WORKERS + 1)]
    return recorded(work, dict(zip(names, names, strict=True)), SHOWN, exact=names)


STORMS = ("with gil, every round", "callback, every round", "PyGILState_Ensure, every round")


def judge(data: Data) -> Judgement:
    cells = data["cells"]
    conditions: dict[str, Truth] = {"a loop that never takes the GIL scales": scales(cells["never"], data)}
    conditions |= {f"{name}: nothing is gained": stands(cells[name], data) for name in STORMS}
    speedups = {name: scaled(cell).speedup() for name, cell in cells.items()}
    one = cells["with gil, every round"]
    alone = data["takes"] * one["calls"] / min(one["one"])
    contended = WORKERS * data["takes"] * one["calls"] / min(one["many"])
    lost = ", ".join(f"{name} {figure(speedups[name])}" for name in STORMS)
    evidence = (
        f"On two threads a loop that never takes the GIL gains {figure(speedups['never'])}; {lost}. Alone it takes "
        f"the GIL {alone:,.0f} times a second, two threads together {contended:,.0f} times."
    )
    points = {name: Point(name, speedup) for name, speedup in speedups.items()}
    chart = Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=(
            Series("never", "released", (points["never"],)),
            Series("takes it", "held", tuple(point for name, point in points.items() if name != "never")),
        ),
        limits=thresholds(data),
    )
    return Judgement(conditions, evidence, (chart, *timeline(data["timeline"])))


EXPERIMENT = Experiment(
    name="handoff-storm",
    claim="A loop that takes the GIL on each round loses all its parallelism.",
    why="Each take is a hand-off: a mutex, a condition variable, often a sleep and a wake-up in the kernel, and the "
    "other thread waits as long. `with gil` in a loop, a callback, a missing `noexcept` and PyGILState_Ensure all do "
    "it.",
    refuted_by="Two such loops that run nearly twice as fast as one.",
    reading="Speed-up on two threads by how often the loop takes the GIL. Below 1, two threads are slower than one. "
    "Below, half a millisecond of two threads as it was recorded: without takes and with one on every round; "
    "pieces too short to be seen are drawn together, as what most of them are.",
    places=(SAVE, TAKE, ENSURE),
    measure=measure,
    judge=judge,
    parameters={"every": 1},
    control={"every": 0},
    seconds=3.0,
)
