"""choose: which way of running many tasks at once is the fastest, by what the tasks do."""

import asyncio
import importlib
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from time import perf_counter
from typing import Any

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, Point, Series
from gilscope.experiments._words import TAKE
from gilscope.measure.stats import Scaling, Truth, at_least, at_most, fastest_interval
from gilscope.tasks import WAIT, compute_held, compute_in_python, compute_released, mixed, wait

TASKS = 16
NEAR = 1.15
"""The advice is right where it takes no more than this many times as long as the fastest way."""
ADVICE = {"I/O": "asyncio", "CPU in Python": "processes", "CPU released": "threads"}
"""What people advise, by what the tasks do. For a mixture they do not agree."""
COLORS = {
    "asyncio": "own",
    "threads": "released",
    "processes": "held",
    "asyncio + processes": "auto",
    "interpreters": "ceiling",
}


def measure(lab: Lab, released: bool) -> Data:
    """Sixteen tasks of each kind, run in each way with the pools as they come.

    released: whether the task that is said to release the GIL does; where not, that is the negative control.
    """
    kinds: dict[str, Callable[[], None]] = {
        "I/O": wait,
        "CPU in Python": compute_in_python,
        "CPU released": compute_released if released else compute_held,
        "mixed": mixed,
    }
    found: dict[str, dict[str, list[float]]] = {kind: {} for kind in kinds}
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor())
        processes = stack.enter_context(ProcessPoolExecutor(mp_context=get_context("spawn")))
        pools: dict[str, Executor] = {"threads": threads, "processes": processes}
        interpreters = getattr(importlib.import_module("concurrent.futures"), "InterpreterPoolExecutor", None)
        if interpreters:
            pools["interpreters"] = stack.enter_context(interpreters(max(2, int(lab.cpus))))
        for pool in pools.values():  # so that every worker is there, with its modules
            for task in kinds.values():
                _pooled(pool, task)
        for _ in lab.rounds():
            for kind, task in kinds.items():
                ways: dict[str, Callable[[], object]] = {
                    "asyncio": partial(_looped, kind, task, None),
                    **{name: partial(_pooled, pool, task) for name, pool in pools.items()},
                    "asyncio + processes": partial(_looped, kind, task, processes),
                }
                for name, way in ways.items():
                    started = perf_counter()
                    way()
                    found[kind].setdefault(name, []).append(perf_counter() - started)
    return {"seconds": found}


def _pooled(pool: Executor, task: Callable[[], None]) -> None:
    for future in [pool.submit(task) for _ in range(TASKS)]:
        future.result()


def _looped(kind: str, task: Callable[[], None], pool: Executor | None) -> None:
    asyncio.run(_in_loop(kind, task, pool))


async def _in_loop(kind: str, task: Callable[[], None], pool: Executor | None) -> None:
    """The tasks as coroutines: they wait in the loop, and compute in it, or in the pool if there is one."""

    async def one() -> None:
        if kind in ("I/O", "mixed"):
            await asyncio.sleep(WAIT)
        work = compute_released if kind == "mixed" else task
        if kind != "I/O" and pool is None:
            work()
        elif kind != "I/O":
            await asyncio.get_running_loop().run_in_executor(pool, work)

    await asyncio.gather(*(one() for _ in range(TASKS)))


def judge(data: Data) -> Judgement:
    seconds: dict[str, dict[str, list[float]]] = data["seconds"]
    winners = {kind: min(ways, key=lambda way: min(ways[way])) for kind, ways in seconds.items()}
    conditions: dict[str, Truth] = {}
    for kind, way in ADVICE.items():
        others = {name: values for name, values in seconds[kind].items() if name != way}
        best = min(others, key=lambda name: min(others[name]))
        against = Scaling(seconds[kind][way], others[best], 1).speedup()
        conditions[f"{kind}: {way} is the fastest, or near it"] = at_most(against, NEAR)
        if way != "asyncio":  # where a loop on one CPU does as well, there was no choice
            gain = Scaling(seconds[kind]["asyncio"], seconds[kind][way], 1).speedup()
            conditions[f"{kind}: a loop is not near it"] = at_least(gain, NEAR) or None
    spans = {
        kind: {way: fastest_interval([1e3 * second for second in values]) for way, values in ways.items()}
        for kind, ways in seconds.items()
    }
    said = "; ".join(f"{kind}: {way} {spans[kind][way].median:.1f} ms" for kind, way in winners.items())
    alone = {kind: spans[kind]["asyncio"].median for kind in spans}
    evidence = f"{TASKS} tasks were done first by: {said} (asyncio alone: {_list(alone)} ms)."
    charts = tuple(
        Chart(
            "rows",
            Axis(f"time for {TASKS} tasks: {kind}", "ms"),
            series=tuple(Series(way, COLORS[way], (Point(way, span),)) for way, span in ways.items()),
            limits=(Limit(NEAR * min(span.median for span in ways.values()), "near the fastest"),),
        )
        for kind, ways in spans.items()
    )
    return Judgement(conditions, evidence, charts)


def _list(values: dict[str, Any]) -> str:
    return ", ".join(f"{value:.1f}" for value in values.values())


EXPERIMENT = Experiment(
    name="choose",
    claim="asyncio for I/O, processes for CPU work in Python, threads for CPU work that releases the GIL.",
    why="A loop waits for many things at once and computes one at a time. Processes have a GIL each, and pay for every "
    "task that is sent. Threads share memory, and run side by side wherever the GIL is released.",
    refuted_by="A kind of task for which another way than the advised one is clearly faster.",
    reading="A chart a kind of task: the time for all tasks in each way, with the pools as they come. Ways left of the "
    "line are near the fastest.",
    places=(TAKE,),
    measure=measure,
    judge=judge,
    parameters={"released": True},
    control={"released": False},
    seconds=3.0,
    limit=40.0,
)
