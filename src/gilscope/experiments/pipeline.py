"""pipeline: which stages of a producer and a consumer overlap."""

import queue
import threading
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.experiments._timeline import recorded, timeline
from gilscope.experiments._words import SAVE, TAKE, figure
from gilscope.kernels import load
from gilscope.measure.calibrate import seconds_of
from gilscope.measure.stats import Scaling, at_least, at_most
from gilscope.variants import native

GAIN_LEAST = 1.5
"""Two equal stages that overlap take this much less than one after the other, of 2 possible ..."""
GAIN_MOST = 1.15
"""... and two that do not, no more than this."""
SHOWN = 0.05
"""Seconds in the timeline."""
PAIRS = {"released -> released": (1, 1), "released -> held": (1, 0), "held -> held": (0, 0)}
COLORS = {"released -> released": "released", "released -> held": "auto", "held -> held": "held"}


def _run(produce: Callable[[], Any], consume: Callable[[], Any], items: int) -> tuple[float, float]:
    """Both stages, each in a thread of its own, with a queue of two between them: the first start and the last end."""
    ready: queue.Queue[int] = queue.Queue(2)
    times: list[float] = []

    def stage(work: Callable[[], Any], take: bool) -> None:
        for number in range(items):
            if take:
                ready.get()
            times.append(perf_counter())
            work()
            times.append(perf_counter())
            if not take:
                ready.put(number)

    threads = [
        threading.Thread(target=stage, args=(produce, False), name="producer"),
        threading.Thread(target=stage, args=(consume, True), name="consumer"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return min(times), max(times)


def measure(lab: Lab, items: int, stage: float, released: str) -> Data:
    """Two stages of equal work with a queue between them, each released or held, and one after the other."""
    spin = native(load()["spin"], "capi").spin
    rounds = max(1, round(stage / (seconds_of(lambda: spin(1_000_000, policy="held"), ()) / 1_000_000)))
    works = [partial(spin, rounds, policy=policy) for policy in ("held", released)]
    found: dict[str, dict[str, Any]] = {name: {"one": [], "many": []} for name in PAIRS}
    for _ in lab.rounds():
        for name, (first, second) in PAIRS.items():
            started = perf_counter()
            for _ in range(items):
                works[first]()
                works[second]()
            found[name]["one"].append(perf_counter() - started)
            begin, end = _run(works[first], works[second], items)
            found[name]["many"].append(end - begin)
    threads = {"producer": "producer", "consumer": "consumer"}
    shown = {
        name: recorded(partial(_run, works[first], works[second], items), threads, SHOWN)
        for name, (first, second) in PAIRS.items()
    }
    return {"cells": found, "timeline": shown}


def judge(data: Data) -> Judgement:
    gains = {name: Scaling(cell["one"], cell["many"], 1).speedup() for name, cell in data["cells"].items()}
    both, neither = gains["released -> released"], gains["held -> held"]
    conditions = {
        f"two released stages gain {GAIN_LEAST:g}x": at_least(both, GAIN_LEAST),
        f"two held ones no more than {GAIN_MOST:g}x": at_most(neither, GAIN_MOST),
    }
    said = ", ".join(f"{name} gains {figure(gain)}" for name, gain in gains.items())
    evidence = f"Against one stage after the other, {said}."
    rows = Chart(
        "rows",
        Axis("speed-up over one stage after the other", "x"),
        series=tuple(Series(name, COLORS[name], (Point(name, gain),)) for name, gain in gains.items()),
        limits=(
            Limit(GAIN_MOST, "← no overlap"),
            Limit(GAIN_LEAST, "overlap →"),
            Limit(2.0, "two equal stages"),
        ),
    )
    return Judgement(conditions, evidence, (rows, *timeline(data["timeline"])))


EXPERIMENT = Experiment(
    name="pipeline",
    claim="A producer-consumer queue overlaps only those stages that release the GIL.",
    why="A stage that holds the GIL keeps the other one from starting even if its item is ready. One that releases "
    "lets the other run beside it. A held stage behind a released one still has to wait for nobody but itself.",
    refuted_by="Held stages that gain, or released ones that do not.",
    reading="The gain of two threads with a queue over the same stages one after the other. Below, one round of "
    "each as it was recorded: what lies above each other happened at once.",
    places=(
        SAVE,
        TAKE,
        Place(
            "lock_PyThread_acquire_lock", "a queue waits without the GIL", {"3.11 to 3.15": "Modules/_threadmodule.c"}
        ),
    ),
    measure=measure,
    judge=judge,
    parameters={"items": 8, "stage": 0.003, "released": "released"},
    control={"released": "held"},
    seconds=2.0,
)
