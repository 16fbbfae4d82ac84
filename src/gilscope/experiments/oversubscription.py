"""oversubscription: a thread pool over calls that have threads of their own."""

import os
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import ExitStack
from functools import cache, partial
from multiprocessing import get_context
from random import sample
from time import perf_counter, sleep
from typing import Any

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Place, Point, Series
from gilscope.experiments._words import SAVE, figure
from gilscope.kernels import Arguments, load
from gilscope.measure.calibrate import seconds_of
from gilscope.measure.stats import Scaling, at_least
from gilscope.pools import Function, Pool, Serial, Threads
from gilscope.variants import native

SLOWER_LEAST = 1.05
"""Both together are slower if they take at least this many times as long."""
ALONE = {"the pool alone": "released", "the library alone": "auto"}
SAMPLE = 0.02
"""Seconds of each timing, however few calls get done in them: beside a busy process a spinning team does hardly any."""
REST = 0.005
"""Seconds before each timing: OpenMP's threads spin for some milliseconds after their work before they go to sleep,
and would take the cores from whatever is timed next."""


def measure(lab: Lab, kernel: str, sizes: list[int], inside: int) -> Data:
    """The same work by a pool of calls with one thread each, by calls with a team inside, and by a pool of those.

    inside: the threads in each call of the pool of teams, 0 for one a core; 1 is the negative control.
    """
    spec = load()[kernel]
    module = native(spec, "openmp")
    if not getattr(module, "OPENMP", False):
        raise NotHere("this build has no OpenMP, so no library with threads of its own")
    cores = max(2, int(lab.cpus))
    ways = {"the pool alone": (cores, 1), "the library alone": (1, cores), "both": (cores, inside or cores)}
    call = partial(getattr(module, f"{kernel}_openmp"), threads=1)
    cells: list[dict[str, Any]] = [
        {"work": seconds_of(call, spec.inputs(size, 0)), "seconds": {name: [] for name in ways}} for size in sizes
    ]
    with ExitStack() as stack:
        # A process each: OpenMP spins for less time once it has seen more threads than cores, in all of its process.
        spawn = get_context("spawn")
        processes = {name: stack.enter_context(ProcessPoolExecutor(1, spawn)) for name in ways}
        wait([processes[name].submit(_seconds, kernel, size, *way) for size in sizes for name, way in ways.items()])
        for _ in lab.rounds():
            for cell, size in zip(cells, sizes, strict=True):
                for name in sample(list(ways), len(ways)):  # what runs before another may help or hurt it
                    sleep(REST)
                    took = processes[name].submit(_seconds, kernel, size, *ways[name]).result()
                    cell["seconds"][name].append(took)
    return {"cells": cells, "cores": cores}


def _seconds(kernel: str, size: int, workers: int, threads: int) -> float:
    """Of time for each call that is done, by so many workers in calls with so many threads."""
    pool, call, jobs = _prepared(kernel, size, workers, threads)
    rates: list[float] = []

    def work(*job: object) -> None:
        started, done = perf_counter(), 0
        while (passed := perf_counter() - started) < SAMPLE:
            call(*job)
            done += 1
        rates.append(done / passed)

    pool.round(work, jobs, 1)
    return 1 / sum(rates)


@cache
def _prepared(kernel: str, size: int, workers: int, threads: int) -> tuple[Pool, Function, list[Arguments]]:
    # As a library comes: gilscope asks OpenMP's threads to sleep while they wait, which nobody else does.
    os.environ.pop("OMP_WAIT_POLICY", None)
    spec = load()[kernel]
    call = partial(getattr(native(spec, "openmp"), f"{kernel}_openmp"), threads=threads)
    jobs = [spec.inputs(size, 0) for _ in range(workers)]  # a result of its own for each worker
    return Threads(workers) if workers > 1 else Serial(), call, jobs


def judge(data: Data) -> Judgement:
    cells = sorted(data["cells"], key=lambda cell: float(cell["work"]))
    loss = {
        alone: [Scaling(cell["seconds"]["both"], cell["seconds"][alone], 1).speedup() for cell in cells]
        for alone in ALONE
    }
    works = [1e6 * cell["work"] for cell in cells]
    conditions = {
        f"in short calls both take {SLOWER_LEAST:g}x as long as {alone}, or more": at_least(ratios[0], SLOWER_LEAST)
        for alone, ratios in loss.items()
    }
    said = "; ".join(
        f"in calls of {work:,.0f} us {' and '.join(f'{figure(loss[alone][n])} as long as {alone}' for alone in ALONE)}"
        for n, work in ((0, works[0]), (-1, works[-1]))
    )
    cores = data["cores"]
    evidence = f"On {cores} cores, {cores} threads over calls with {cores} threads each take {said}."
    chart = Chart(
        "lines",
        Axis("time of both together, over that of either alone", "x", log=True),
        Axis("work in a call", "us", log=True),
        series=tuple(
            Series(
                f"over {alone}", color, tuple(Point(work, span) for work, span in zip(works, loss[alone], strict=True))
            )
            for alone, color in ALONE.items()
        ),
        limits=(Limit(SLOWER_LEAST, "slower"), Limit(works[0], "judged here", over=True)),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="oversubscription",
    claim="A thread pool over a library that has its own threads is slower than either alone, where the calls are "
    "short.",
    why="Each call of the pool starts a team for all cores, so N times N threads want N cores. They preempt each "
    "other, and a team waits at its barrier for a member that has no core. That costs about the same for every call, "
    "so long ones hardly notice.",
    refuted_by="Short calls that a pool of teams does as fast as a pool of plain calls, or one team after another.",
    reading="How many times as long both together take, over the pool alone and over the library alone, by the work in "
    "a call, both logarithmic. Above the line they are slower; the shortest calls are judged.",
    places=(
        Place(
            "PyEval_SaveThread",
            "lets the pool's calls run at once; how many threads then want a core, nobody counts",
            SAVE.files,
        ),
    ),
    measure=measure,
    judge=judge,
    parameters={"kernel": "nbody", "sizes": [150, 300, 600], "inside": 0},
    control={"inside": 1},
    seconds=2.0,
)
