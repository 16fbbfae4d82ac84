"""pipeline: which stages of a producer and a consumer overlap."""

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from time import perf_counter

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.experiments._spin import rounds_for, seconds_per_round
from gilscope.experiments._timeline import recorded, timeline
from gilscope.experiments._words import SAVE, TAKE, figure
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.results.timelines import Tracks
from gilscope.stats import Interval, Scaling, at_least, at_most
from gilscope.variants import native

GAIN_LEAST = 1.5
"""Two equal stages that overlap take this much less than one after the other, of 2 possible ..."""
GAIN_MOST = 1.15
"""... and two that do not, no more than this."""
SHOWN = 0.05
"""Seconds in the timeline."""


class Pair(StrEnum):
    """The producer and the consumer."""

    RELEASED = "released -> released"
    MIXED = "released -> held"
    HELD = "held -> held"


COLORS = {Pair.RELEASED: "released", Pair.MIXED: "auto", Pair.HELD: "held"}

Work = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """What all items take, one value per round."""

    one: tuple[float, ...]
    """In one thread, one stage after the other."""
    many: tuple[float, ...]
    """With a thread per stage and a queue between them."""

    def gain(self) -> Interval:
        return Scaling(self.one, self.many, 1).speedup()


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    cells: Mapping[Pair, Seconds]
    timeline: Mapping[Pair, Tracks]


def _run(produce: Work, consume: Work, items: int) -> tuple[float, float]:
    """Both stages, each in a thread of its own, with a queue of two between them: the first start and the last end."""
    ready: queue.Queue[int] = queue.Queue(2)
    times: list[float] = []

    def stage(work: Work, consumes: bool) -> None:
        for number in range(items):
            if consumes:
                ready.get()
            times.append(perf_counter())
            work()
            times.append(perf_counter())
            if not consumes:
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


def measure(lab: Lab, *, items: int, stage: float, released: str) -> Data:
    """Two stages of equal work with a queue between them, each released or held, and one after the other.

    released: the policy of the stages that are meant to release; "held" is the negative control.
    """
    spin = native(load()["spin"], "capi").spin
    rounds = rounds_for(stage, seconds_per_round())
    held, free = (partial(spin, rounds, policy=policy) for policy in ("held", released))
    pairs: dict[Pair, tuple[Work, Work]] = {
        Pair.RELEASED: (free, free),
        Pair.MIXED: (free, held),
        Pair.HELD: (held, held),
    }
    one: dict[Pair, list[float]] = {pair: [] for pair in pairs}
    many: dict[Pair, list[float]] = {pair: [] for pair in pairs}
    for _ in lab.rounds():
        for pair, (produce, consume) in pairs.items():
            started = perf_counter()
            for _ in range(items):
                produce()
                consume()
            one[pair].append(perf_counter() - started)
            begin, end = _run(produce, consume, items)
            many[pair].append(end - begin)
    threads = {"producer": "producer", "consumer": "consumer"}
    return Data(
        cells={pair: Seconds(one=tuple(one[pair]), many=tuple(many[pair])) for pair in pairs},
        timeline={pair: recorded(partial(_run, *works, items), threads, SHOWN) for pair, works in pairs.items()},
    )


def judge(data: Data, bracket: Bracket) -> Judgement:
    gains = {pair: seconds.gain() for pair, seconds in data.cells.items()}
    conditions = {
        f"two released stages gain {GAIN_LEAST:g}x": at_least(gains[Pair.RELEASED], GAIN_LEAST),
        f"two held ones gain no more than {GAIN_MOST:g}x": at_most(gains[Pair.HELD], GAIN_MOST),
    }
    figures = ", ".join(f"{pair} reaches {figure(gain)}" for pair, gain in gains.items())
    rows = Chart(
        "rows",
        Axis("speed-up over one stage after the other", "x"),
        series=tuple(Series(pair, COLORS[pair], (Point(pair, gain),)) for pair, gain in gains.items()),
        limits=(
            Limit(GAIN_MOST, "← no overlap"),
            Limit(GAIN_LEAST, "overlap →"),
            Limit(2.0, "two equal stages"),
        ),
    )
    recordings = {pair.value: tracks for pair, tracks in data.timeline.items()}
    return Judgement(
        conditions, f"Compared with running one stage after the other, {figures}.", (rows, *timeline(recordings))
    )


EXPERIMENT = Experiment(
    name="pipeline",
    order=160,
    claim="A producer-consumer queue overlaps only those stages that release the GIL.",
    why="A stage that holds the GIL keeps the other one from starting even if its item is ready. One that releases "
    "lets the other run beside it. If only one stage holds the GIL, the two still overlap.",
    refuted_by="Held stages that gain, or released ones that do not.",
    reading="How much faster two threads with a queue are than the same stages one after the other. Below, one round "
    "of each as it was recorded: what lies above each other happened at once.",
    places=(
        SAVE,
        TAKE,
        Place(
            "lock_PyThread_acquire_lock", "a queue waits without the GIL", {"3.11 to 3.15": "Modules/_threadmodule.c"}
        ),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"items": 8, "stage": 0.003, "released": "released"},
    control={"released": "held"},
    seconds=2.0,
)
