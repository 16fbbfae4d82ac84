"""shared-writes: threads without the GIL that write the same memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gilscope.experiments import WORKERS, Axis, Chart, Experiment, Judgement, Lab, Place, Point, Series, Timing
from gilscope.experiments._words import figure, scales, stands, thresholds
from gilscope.kernels import Arguments, load
from gilscope.results import Bracket
from gilscope.stats import Interval, Truth
from gilscope.variants import native

BINS, LINE = 4, 64


class Way(StrEnum):
    """Where, and how, two threads count."""

    PRIVATE = "private"
    PADDED = "padded"
    ONE_LINE = "one line"
    ATOMIC = "atomic"
    LOCKED = "locked"


APART = (Way.PRIVATE, Way.PADDED)
SHARED = (Way.ONE_LINE, Way.ATOMIC, Way.LOCKED)
SHARING = {
    Way.PRIVATE: "private",
    Way.PADDED: "shared-line",
    Way.ONE_LINE: "shared-line",
    Way.ATOMIC: "atomic",
    Way.LOCKED: "locked",
}
"""The kernel's own word for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    cells: Mapping[Way, Timing]
    """Released threads, in each way."""
    plain: Mapping[Way, Timing]
    """The ways that share nothing on plain C threads, which is what released ones could gain."""
    keys: int
    """What a thread counts in one call."""


def measure(lab: Lab, *, keys: int, one_place: bool) -> Data:
    """Two released threads count keys: privately, in counters on lines of their own, on one line, atomically, locked.

    one_place: whether the shared ways do share; where not, that is the negative control.
    """
    module = native(load()["histogram"], "capi")
    data = np.random.default_rng(0).integers(0, BINS, keys, np.uint8)
    step = LINE // 8
    whole = _aligned(64 * step)

    def place(way: Way, worker: int) -> NDArray[np.int64]:
        """Where a worker counts. On one line, each has counters of its own there: false sharing, and no lost update."""
        if way in APART or not one_place:
            return whole[worker * 16 * step :][:BINS]
        return whole[worker * BINS :][:BINS] if way is Way.ONE_LINE else whole[:BINS]

    def jobs(way: Way) -> list[Arguments]:
        return [(data, place(way, worker), SHARING[way]) for worker in range(WORKERS)]

    cells = {way: (partial(module.histogram, policy="released"), jobs(way)) for way in Way}
    timings = lab.scaling(cells, 0.008, plain={way: (module.ceiling, jobs(way)) for way in APART})
    return Data(cells=timings.cells, plain=timings.plain, keys=keys)


def _aligned(count: int) -> NDArray[np.int64]:
    """Zeros that begin on a cache line."""
    memory = np.zeros(count + LINE // 8, np.int64)
    return memory[-memory.ctypes.data % LINE // 8 :][:count]


def judge(data: Data, bracket: Bracket) -> Judgement:
    cells, plain = data.cells, data.plain
    conditions: dict[str, Truth] = {
        f"{way} scales": scales(cells[way], bracket, plain[way].scaling()) for way in APART
    } | {f"{way} does not": stands(cells[way], bracket) for way in SHARED}
    speedups = {way: cell.speedup() for way, cell in cells.items()}
    limits = {way: cell.speedup() for way, cell in plain.items()}
    return Judgement(conditions, _evidence(data, speedups, limits), (_chart(bracket, speedups, limits),))


def _evidence(data: Data, speedups: Mapping[Way, Interval], limits: Mapping[Way, Interval]) -> str:
    gains = ", ".join(
        f"{way} {figure(speedup)}" + (f" of {limits[way].median:.2f}x on plain C threads" if way in limits else "")
        for way, speedup in speedups.items()
    )
    cell = data.cells[Way.ONE_LINE]
    alone, beside = (data.keys * cell.calls / min(seconds) / 1e6 for seconds in (cell.one, cell.many))
    return (
        f"Two released threads reach: {gains}. A thread counts {alone:.0f} million keys per second on a line of its "
        f"own, and {beside:.0f} million where another writes the same line."
    )


def _chart(bracket: Bracket, speedups: Mapping[Way, Interval], limits: Mapping[Way, Interval]) -> Chart:
    stands_still, _, _ = thresholds(bracket)
    return Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=(
            Series("apart", "released", tuple(Point(way, speedups[way]) for way in APART)),
            Series("shared", "held", tuple(Point(way, speedups[way]) for way in SHARED)),
            Series("plain C threads", "ceiling", tuple(Point(f"{way}, plain C threads", limits[way]) for way in APART)),
        ),
        limits=(stands_still,),
    )


EXPERIMENT = Experiment(
    name="shared-writes",
    order=120,
    claim="Released threads that write one cache line, one lock or one atomic stop scaling; private copies scale.",
    why="A core that writes a line takes it away from every other core, which costs some hundred cycles each time. "
    "It does not help that the threads write different counters on the line: the line is what moves.",
    refuted_by="Shared counters that gain from the second thread what private ones gain.",
    reading="The speed-up on two threads, by where they count. The ways that share nothing should gain what the same "
    "work gains on plain C threads. `padded` and `one line` run the same code: only the addresses differ.",
    places=(
        Place(
            "_Py_MergeZeroLocalRefcount",
            "why free-threaded builds count references in a private and a shared part",
            {"3.13 to 3.15": "Objects/object.c"},
        ),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"keys": 200_000, "one_place": True},
    control={"one_place": False},
    seconds=2.5,
)
