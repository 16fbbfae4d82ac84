"""shared-writes: threads without the GIL that write the same memory."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Place, Point, Series
from gilscope.experiments._lab import WORKERS
from gilscope.experiments._words import figure, scaled, scales, stands, thresholds
from gilscope.kernels import load
from gilscope.measure.stats import Truth
from gilscope.variants import native

BINS, LINE = 4, 64
APART = ("private", "padded")
SHARED = ("one line", "atomic", "locked")
SHARING = {
    "private": "private",
    "padded": "shared-line",
    "one line": "shared-line",
    "atomic": "atomic",
    "locked": "locked",
}


def measure(lab: Lab, keys: int, one_place: bool) -> Data:
    """Two released threads count keys: privately, in counters on lines of their own, on one line, atomically, locked.

    `plain`: the ways that share nothing on plain C threads, which is what they could gain. one_place: whether the
    shared ways do share; where not, that is the negative control.
    """
    module = native(load()["histogram"], "capi")
    data = np.random.default_rng(0).integers(0, BINS, keys, np.uint8)
    step = LINE // 8

    def place(way: str, worker: int) -> NDArray[np.int64]:
        """Where a worker counts. On one line, each has counters of its own there: false sharing, and no lost update."""
        if way in APART or not one_place:
            return whole[worker * 16 * step :][:BINS]
        return whole[worker * BINS :][:BINS] if way == "one line" else whole[:BINS]

    whole = _aligned(64 * step)

    def jobs(way: str) -> list[tuple[Any, ...]]:
        return [(data, place(way, worker), SHARING[way]) for worker in range(WORKERS)]

    cells = {way: (partial(module.histogram, policy="released"), jobs(way)) for way in SHARING}
    plain = {f"{way}, plain": (module.ceiling, jobs(way)) for way in APART}
    found = lab.scaling(cells, 0.008, plain=plain)
    return {"plain": {way: found.pop(f"{way}, plain") for way in APART}, "cells": found, "keys": keys}


def _aligned(count: int) -> NDArray[np.int64]:
    """Zeros that begin on a cache line."""
    memory = np.zeros(count + LINE // 8, np.int64)
    return memory[-memory.ctypes.data % LINE // 8 :][:count]


def judge(data: Data) -> Judgement:
    cells = data["cells"]
    plain = {way: scaled(cell) for way, cell in data["plain"].items()}
    conditions: dict[str, Truth] = {f"{way} scales": scales(cells[way], data, plain[way]) for way in APART}
    conditions |= {f"{way} does not": stands(cells[way], data) for way in SHARED}
    speedups = {way: scaled(cell).speedup() for way, cell in cells.items()}
    rate = {
        way: tuple(data["keys"] * cell["calls"] / min(cell[number]) / 1e6 for number in ("one", "many"))
        for way, cell in cells.items()
    }
    limits = {way: value.speedup() for way, value in plain.items()}
    said = ", ".join(
        f"{way} {figure(speedups[way])}"
        + (f" of {limits[way].median:.2f}x on plain C threads" if way in limits else "")
        for way in cells
    )
    evidence = (
        f"Two released threads gain: {said}. A thread counts {rate['one line'][0]:.0f} million keys a second on a "
        f"line of its own and {rate['one line'][1]:.0f} million where another writes the same line."
    )
    stands_still, _, _ = thresholds(data)
    chart = Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=(
            Series("apart", "released", tuple(Point(way, speedups[way]) for way in APART)),
            Series("shared", "held", tuple(Point(way, speedups[way]) for way in SHARED)),
            Series("plain C threads", "ceiling", tuple(Point(f"{way}, plain C threads", limits[way]) for way in APART)),
        ),
        limits=(stands_still,),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="shared-writes",
    claim="Released threads that write one cache line, one lock or one atomic stop scaling; private copies scale.",
    why="A core that writes a line takes it away from every other core, which costs some hundred cycles each time. "
    "That the threads write different counters on the line does not help: it is the line that moves.",
    refuted_by="Shared counters that gain from the second thread what private ones gain.",
    reading="Speed-up on two threads by where they count. Those that share nothing should gain what the same work "
    "gains on plain C threads. `padded` and `one line` run the same code: only the addresses differ.",
    places=(
        Place(
            "_Py_MergeZeroLocalRefcount",
            "why free-threaded builds count references in a private and a shared part",
            {"3.13 to 3.15": "Objects/object.c"},
        ),
    ),
    measure=measure,
    judge=judge,
    parameters={"keys": 200_000, "one_place": True},
    control={"one_place": False},
    seconds=2.5,
)
