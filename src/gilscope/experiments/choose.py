"""choose: which way of running many tasks at once is the fastest, by what the tasks do."""

import asyncio
import concurrent.futures
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from multiprocessing import get_context
from time import perf_counter

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, Point, Series
from gilscope.experiments._words import TAKE
from gilscope.results import Bracket
from gilscope.stats import Scaling, Truth, at_least, at_most, fastest_interval
from gilscope.tasks import WAIT, compute_held, compute_in_python, compute_released, mixed, wait

TASKS = 16
NEAR = 1.15
"""The advice is right where it takes no more than this many times as long as the fastest way."""


class Kind(StrEnum):
    """What a task does."""

    WAITS = "I/O"
    PYTHON = "CPU in Python"
    RELEASED = "CPU released"
    MIXED = "mixed"


class Way(StrEnum):
    """What runs the tasks."""

    ASYNCIO = "asyncio"
    THREADS = "threads"
    PROCESSES = "processes"
    INTERPRETERS = "interpreters"
    LOOP_AND_PROCESSES = "asyncio + processes"


ADVICE = {Kind.WAITS: Way.ASYNCIO, Kind.PYTHON: Way.PROCESSES, Kind.RELEASED: Way.THREADS}
"""What people advise, by what the tasks do. For a mixture they do not agree."""
COLORS = {
    Way.ASYNCIO: "own",
    Way.THREADS: "released",
    Way.PROCESSES: "held",
    Way.LOOP_AND_PROCESSES: "auto",
    Way.INTERPRETERS: "ceiling",
}

Task = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    seconds: Mapping[Kind, Mapping[Way, tuple[float, ...]]]
    """What all tasks take, one value per round; without the ways that this interpreter lacks."""


def measure(lab: Lab, *, released: bool) -> Data:
    """Sixteen tasks of each kind, run in each way with the pools as they come.

    released: whether the task that should release the GIL does; where not, that is the negative control.
    """
    tasks: dict[Kind, Task] = {
        Kind.WAITS: wait,
        Kind.PYTHON: compute_in_python,
        Kind.RELEASED: compute_released if released else compute_held,
        Kind.MIXED: mixed,
    }
    seconds: dict[Kind, dict[Way, list[float]]] = {kind: {} for kind in Kind}
    with ExitStack() as stack:
        pools = {way: stack.enter_context(pool) for way, pool in _pools(max(2, int(lab.cpus))).items()}
        for pool in pools.values():  # so that every worker is there, with its modules
            for task in tasks.values():
                _pooled(pool, task)
        for _ in lab.rounds():
            for kind, task in tasks.items():
                for way, run in _ways(kind, task, pools).items():
                    started = perf_counter()
                    run()
                    seconds[kind].setdefault(way, []).append(perf_counter() - started)
    return Data(seconds={kind: {way: tuple(each) for way, each in ways.items()} for kind, ways in seconds.items()})


def _pools(cores: int) -> dict[Way, Executor]:
    pools: dict[Way, Executor] = {
        Way.THREADS: ThreadPoolExecutor(),
        Way.PROCESSES: ProcessPoolExecutor(mp_context=get_context("spawn")),
    }
    if interpreters := getattr(concurrent.futures, "InterpreterPoolExecutor", None):
        pools[Way.INTERPRETERS] = interpreters(cores)
    return pools


def _ways(kind: Kind, task: Task, pools: Mapping[Way, Executor]) -> dict[Way, Callable[[], object]]:
    return {
        Way.ASYNCIO: partial(_looped, kind, task, None),
        **{way: partial(_pooled, pool, task) for way, pool in pools.items()},
        Way.LOOP_AND_PROCESSES: partial(_looped, kind, task, pools[Way.PROCESSES]),
    }


def _pooled(pool: Executor, task: Task) -> None:
    for future in [pool.submit(task) for _ in range(TASKS)]:
        future.result()


def _looped(kind: Kind, task: Task, pool: Executor | None) -> None:
    asyncio.run(_in_loop(kind, task, pool))


async def _in_loop(kind: Kind, task: Task, pool: Executor | None) -> None:
    """The tasks as coroutines: they wait in the loop, and compute in it, or in the pool if there is one."""

    async def one() -> None:
        if kind in (Kind.WAITS, Kind.MIXED):
            await asyncio.sleep(WAIT)
        work = compute_released if kind is Kind.MIXED else task
        if kind is not Kind.WAITS and pool is None:
            work()
        elif kind is not Kind.WAITS:
            await asyncio.get_running_loop().run_in_executor(pool, work)

    await asyncio.gather(*(one() for _ in range(TASKS)))


def judge(data: Data, bracket: Bracket) -> Judgement:
    conditions: dict[str, Truth] = {}
    for kind, way in ADVICE.items():
        seconds = data.seconds[kind]
        best = min((other for other in seconds if other != way), key=lambda other: min(seconds[other]))
        against = Scaling(seconds[way], seconds[best], 1).speedup()
        conditions[f"{kind}: the fastest way, or near it, is {way}"] = at_most(against, NEAR)
        if way is not Way.ASYNCIO:  # where a loop on one CPU does as well, there was no choice
            gain = Scaling(seconds[Way.ASYNCIO], seconds[way], 1).speedup()
            conditions[f"{kind}: asyncio alone is not near it"] = at_least(gain, NEAR) or None
    return Judgement(conditions, *_shown(data))


def _shown(data: Data) -> tuple[str, tuple[Chart, ...]]:
    """The evidence, and one chart per kind of task."""
    times = {
        kind: {way: fastest_interval([1e3 * second for second in seconds]) for way, seconds in ways.items()}
        for kind, ways in data.seconds.items()
    }
    winners = {kind: min(ways, key=lambda way: min(ways[way])) for kind, ways in data.seconds.items()}
    fastest = "; ".join(f"{kind}: {way} {times[kind][way].median:.1f} ms" for kind, way in winners.items())
    alone = ", ".join(f"{ways[Way.ASYNCIO].median:.1f}" for ways in times.values())
    charts = tuple(
        Chart(
            "rows",
            Axis(f"time for {TASKS} tasks: {kind}", "ms"),
            series=tuple(Series(way, COLORS[way], (Point(way, time),)) for way, time in ways.items()),
            limits=(Limit(NEAR * min(time.median for time in ways.values()), "near the fastest"),),
        )
        for kind, ways in times.items()
    )
    return f"The fastest way to do {TASKS} tasks was, for {fastest} (asyncio alone: {alone} ms).", charts


EXPERIMENT = Experiment(
    name="choose",
    order=170,
    claim="asyncio for I/O, processes for CPU work in Python, threads for CPU work that releases the GIL.",
    why="A loop waits for many things at once and computes one at a time. Processes have a GIL each, and pay for every "
    "task that is sent to them. Threads share memory, and run side by side wherever the GIL is released.",
    refuted_by="A kind of task for which another way than the advised one is clearly faster.",
    reading="One chart per kind of task: the time for all tasks in each way, with the pools as they come. Ways left of "
    "the line are near the fastest.",
    places=(TAKE,),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"released": True},
    control={"released": False},
    seconds=3.0,
    limit=40.0,
)
