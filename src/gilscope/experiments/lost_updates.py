"""lost-updates: what becomes of a counter that two threads add to at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np

from gilscope.experiments import WORKERS, Axis, Chart, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.experiments._intervals import times
from gilscope.host import gil_enabled
from gilscope.kernels import load
from gilscope.pools import Threads
from gilscope.results import Bracket
from gilscope.stats import Truth, median_interval
from gilscope.variants import native


class Way(StrEnum):
    """How two threads add to one counter."""

    WITH_GIL = "plain with the GIL"
    PLAIN = "plain"
    ATOMIC = "atomic"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Updates of one counter that were lost."""

    lost: Mapping[Way, tuple[float, ...]]
    """The part of the updates that was lost, 0 to 1, one value per round."""
    updates: int
    """Updates per round, by both threads together."""


def measure(lab: Lab, *, keys: int, plain: str) -> Data:
    """Two threads add to one counter in C: plainly with the GIL and without it, atomically, and under a lock.

    plain: how the histogram shares its counts in the plain additions without the GIL; "atomic" is the negative control.
    """
    histogram = native(load()["histogram"], "capi").histogram
    zeros = np.zeros(keys, np.uint8)
    ways = {
        Way.WITH_GIL: ("shared-line", "held"),
        Way.PLAIN: (plain, "released"),
        Way.ATOMIC: ("atomic", "released"),
        Way.LOCKED: ("locked", "released"),
    }
    if not gil_enabled():
        del ways[Way.WITH_GIL]  # holding it keeps nobody out
    lost: dict[Way, list[float]] = {way: [] for way in ways}
    with Threads(WORKERS) as pool:
        for _ in lab.rounds():
            for way, (sharing, policy) in ways.items():
                counts = np.zeros(1, np.int64)
                pool.round(partial(histogram, zeros, counts, sharing, policy=policy), [()] * WORKERS, 1)
                lost[way].append(1 - int(counts[0]) / (WORKERS * keys))
    return Data(lost={way: tuple(parts) for way, parts in lost.items()}, updates=WORKERS * keys)


def judge(data: Data, bracket: Bracket) -> Judgement:
    # That an update is lost is a fact and no timing: it needs two threads side by side once, and no quiet machine.
    plain = data.lost[Way.PLAIN]
    safe = {way: not any(parts) for way, parts in data.lost.items() if way != Way.PLAIN}
    conditions: dict[str, Truth] = {"plain additions without the GIL lose updates": any(part > 0 for part in plain)}
    conditions |= {f"{way}: none is lost": holds for way, holds in safe.items()}
    spans = {way: times(median_interval(parts), 100) for way, parts in data.lost.items()}
    share = spans[Way.PLAIN]
    others = ", ".join(way for way, holds in safe.items() if holds)
    evidence = (
        f"Two threads without the GIL lost {share.median:.1f} % [{share.low:.1f}, {share.high:.1f}] of "
        f"{data.updates:,} additions. These ways lost none: {others or 'none'}."
    )
    chart = Chart(
        "rows",
        Axis("updates lost", "%"),
        series=(
            Series("plain", "held", (Point("plain, without the GIL", share),)),
            Series("safe", "released", tuple(Point(way.value, spans[way]) for way in safe)),
        ),
        limits=(Limit(0, "none"),),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="lost-updates",
    order=100,
    claim="Without the GIL or another lock, `count += 1` loses updates: that is why the GIL exists.",
    why="An addition is a load, an add and a store. Two cores that do it at once load the same value, and one store "
    "overwrites the other. Reference counts are such counters; one lock around everything was the simplest cure.",
    refuted_by="A plain counter that has every update after two threads without the GIL have added to it.",
    reading="The share of additions that were lost, for each way to add. Anything above 0 is wrong.",
    places=(
        Place(
            "Py_INCREF",
            "`count += 1` on every object, safe under the GIL only; free-threaded builds count in two parts",
            {"3.11 to 3.13": "Include/object.h", "3.14 to 3.15": "Include/refcount.h"},
        ),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"keys": 1_000_000, "plain": "shared-line"},
    control={"plain": "atomic"},
    seconds=1.5,
)
