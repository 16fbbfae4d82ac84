"""oversubscription: a thread pool over calls that have threads of their own."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from multiprocessing import get_context
from random import sample
from time import perf_counter, sleep

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, NotHere, Place, Point, Series
from gilscope.experiments._words import SAVE, figure
from gilscope.kernels import Arguments, load
from gilscope.measure.calibrate import seconds_of
from gilscope.pools import Function, Pool, Serial, Threads
from gilscope.results import Bracket
from gilscope.stats import Interval, Scaling, at_least
from gilscope.variants import native

SLOWER_LEAST = 1.05
"""Both together are slower if they take at least this many times as long."""
SAMPLE = 0.02
"""Seconds of each timing, however few calls get done in them: beside a busy process a spinning team does hardly any."""
REST = 0.005
"""Seconds before each timing: OpenMP's threads spin for some milliseconds after their work before they go to sleep,
and would take the cores from whatever is timed next."""


class Way(StrEnum):
    """Whose threads do the work."""

    POOL = "the pool alone"
    LIBRARY = "the library alone"
    BOTH = "both"


ALONE = {Way.POOL: "released", Way.LIBRARY: "auto"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Calls of one size."""

    work: float
    """Seconds that one call takes without a team."""
    seconds: Mapping[Way, tuple[float, ...]]
    """Time per call in each round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    cells: tuple[Cell, ...]
    cores: int


def measure(lab: Lab, *, kernel: str, sizes: Sequence[int], inside: int) -> Data:
    """The same work by a pool of calls with one thread each, by calls with a team inside, and by a pool of those.

    inside: the threads in each call of the pool of teams, 0 for one per core; 1 is the negative control.
    """
    spec = load()[kernel]
    module = native(spec, "openmp")
    if not getattr(module, "OPENMP", False):
        raise NotHere("this build has no OpenMP, so no library with threads of its own")
    cores = max(2, int(lab.cpus))
    teams = {Way.POOL: (cores, 1), Way.LIBRARY: (1, cores), Way.BOTH: (cores, inside or cores)}
    call = partial(getattr(module, f"{kernel}_openmp"), threads=1)
    works = [seconds_of(call, spec.inputs(size, 0)) for size in sizes]
    seconds: dict[int, dict[Way, list[float]]] = {size: {way: [] for way in Way} for size in sizes}
    with ExitStack() as stack:
        # One process per way: once OpenMP has met more threads than cores, its whole process spins for less time.
        spawn = get_context("spawn")
        processes = {way: stack.enter_context(ProcessPoolExecutor(1, spawn)) for way in Way}
        wait([processes[way].submit(_seconds, kernel, size, *teams[way]) for size in sizes for way in Way])
        for _ in lab.rounds():
            for size in sizes:
                for way in sample(list(Way), len(Way)):  # what runs before another may help or hurt it
                    sleep(REST)
                    seconds[size][way].append(processes[way].submit(_seconds, kernel, size, *teams[way]).result())
    cells = (
        Cell(work=work, seconds={way: tuple(values) for way, values in seconds[size].items()})
        for size, work in zip(sizes, works, strict=True)
    )
    return Data(cells=tuple(cells), cores=cores)


def _seconds(kernel: str, size: int, workers: int, threads: int) -> float:
    """Time per call that is done, by so many workers in calls with so many threads."""
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


def judge(data: Data, bracket: Bracket) -> Judgement:
    cells = sorted(data.cells, key=lambda cell: cell.work)
    losses = {way: [_loss(cell, way) for cell in cells] for way in ALONE}
    works = [1e6 * cell.work for cell in cells]
    conditions = {
        f"in short calls both together take at least {SLOWER_LEAST:g}x as long as {way}": at_least(
            values[0], SLOWER_LEAST
        )
        for way, values in losses.items()
    }
    times = "; ".join(
        f"in calls of {works[n]:,.0f} us, {' and '.join(f'{figure(losses[way][n])} as long as {way}' for way in ALONE)}"
        for n in (0, -1)
    )
    evidence = (
        f"On {data.cores} cores, a pool of {data.cores} threads over calls with {data.cores} threads each takes: "
        f"{times}."
    )
    return Judgement(conditions, evidence, (_chart(works, losses),))


def _loss(cell: Cell, way: Way) -> Interval:
    """How many times as long both together take as one of them alone."""
    return Scaling(cell.seconds[Way.BOTH], cell.seconds[way], 1).speedup()


def _chart(works: Sequence[float], losses: Mapping[Way, Sequence[Interval]]) -> Chart:
    return Chart(
        "lines",
        Axis("time of both together, over that of either alone", "x", log=True),
        Axis("work in a call", "us", log=True),
        series=tuple(
            Series(f"over {way}", ALONE[way], tuple(map(Point, works, values))) for way, values in losses.items()
        ),
        limits=(Limit(SLOWER_LEAST, "slower"), Limit(works[0], "judged here", over=True)),
    )


EXPERIMENT = Experiment(
    name="oversubscription",
    order=140,
    claim="A thread pool over a library that has its own threads is slower than either alone, where the calls are "
    "short.",
    why="Each call of the pool starts a team for all cores, so N times N threads want N cores. They preempt each "
    "other, and a team waits at its barrier for a member that has no core. Every call pays about the same for that, "
    "so long ones hardly notice.",
    refuted_by="Short calls that a pool of teams does as fast as a pool of plain calls, or as one team after another.",
    reading="How many times as long both together take as the pool alone and as the library alone, by the work in "
    "a call. Both axes are logarithmic. Above the line they are slower; the shortest calls decide.",
    places=(
        Place(
            "PyEval_SaveThread",
            "lets the pool's calls run at once; how many threads then want a core, nobody counts",
            SAVE.files,
        ),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"kernel": "nbody", "sizes": [150, 300, 600], "inside": 0},
    control={"inside": 1},
    seconds=2.0,
)
