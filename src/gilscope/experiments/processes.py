"""processes: from which work on it pays to move the data to other processes."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from gilscope.experiments import WORKERS, Axis, Chart, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.experiments._words import figure
from gilscope.kernels import load
from gilscope.pools import Pool, Threads
from gilscope.results import Bracket
from gilscope.stats import Interval, Scaling, Truth, at_least, at_most
from gilscope.variants import native

GAIN_LEAST = 1.3
"""Processes scale: two of them do the large work at least this many times as fast as one thread."""
PRICE_LEAST = 1.5
"""They pay: on the large work, threads that move nothing are this many times as fast as processes that are sent it."""


class Way(StrEnum):
    """Who does the work, and how the data get there."""

    ONE = "one thread"
    THREADS = "threads"
    PICKLE = "pickle"
    SHARED = "shared memory"


COLORS = {Way.THREADS: "released", Way.SHARED: "auto", Way.PICKLE: "own"}

Seconds = Mapping[Way, tuple[float, ...]]
"""One value per round."""
Gains = Mapping[Way, Interval]
"""The speed-up over one thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    seconds: Mapping[int, Seconds]
    """By the bytes of the data."""


def total(data: NDArray[np.uint8], passes: int) -> int:
    """The work: how often each byte occurs, so many times over."""
    counts = np.zeros(256, np.int64)
    for _ in range(passes):
        native(load()["histogram"], "capi").histogram(data, counts, "private", policy="released")
    return int(counts[0])


def total_shared(name: str, begin: int, end: int, passes: int) -> int:
    """The same on a part of a shared block: nothing but its name is moved."""
    block = SharedMemory(name)
    try:
        return total(_bytes(block)[begin:end], passes)  # no array is left that looks into the block
    finally:
        block.close()


def _bytes(block: SharedMemory) -> NDArray[np.uint8]:
    return np.ndarray((block.size,), np.uint8, block.buf)


@contextmanager
def _block(size: int) -> Iterator[SharedMemory]:
    block = SharedMemory(create=True, size=size)
    try:
        yield block
    finally:
        block.unlink()
        gc.collect()  # an array that still looks into the block keeps it open
        block.close()


def measure(lab: Lab, *, sizes: Sequence[int], passes: int, small_passes: int) -> Data:
    """One work on bytes in one thread, two threads, two processes that are sent the bytes, and two that share them."""
    with _block(max(sizes)) as block:
        return Data(
            seconds=_measured(lab, block, {size: small_passes if size == min(sizes) else passes for size in sizes})
        )


def _measured(lab: Lab, block: SharedMemory, passes_of: Mapping[int, int]) -> dict[int, Seconds]:
    whole = _bytes(block)
    whole[:] = np.random.default_rng(0).integers(0, 256, len(whole), np.uint8)
    seconds: dict[int, dict[Way, list[float]]] = {size: {way: [] for way in Way} for size in passes_of}
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool, Threads(WORKERS) as threads:
        list(pool.map(total, [whole[:10]] * 8, [1] * 8))  # so that both workers are there
        for _ in lab.rounds():
            for size, passes in passes_of.items():
                for way, work in _ways(block, size, passes, pool, threads).items():
                    started = perf_counter()
                    work()
                    seconds[size][way].append(perf_counter() - started)
    return {size: {way: tuple(values) for way, values in each.items()} for size, each in seconds.items()}


def _ways(
    block: SharedMemory, size: int, passes: int, pool: Executor, threads: Pool
) -> dict[Way, Callable[[], object]]:
    whole = _bytes(block)
    begins, ends = (0, size // 2), (size // 2, size)
    halves = [whole[begin:end] for begin, end in zip(begins, ends, strict=True)]
    many = [passes] * WORKERS

    def in_processes(work: Callable[..., int], *arguments: Sequence[object]) -> object:
        return list(pool.map(work, *arguments, many))

    return {
        Way.ONE: partial(total, whole[:size], passes),
        Way.THREADS: partial(threads.round, total, [(half, passes) for half in halves], 1),
        Way.PICKLE: partial(in_processes, total, halves),
        Way.SHARED: partial(in_processes, total_shared, [block.name] * WORKERS, begins, ends),
    }


def judge(data: Data, bracket: Bracket) -> Judgement:
    gains = {
        size: {way: Scaling(each[Way.ONE], each[way], 1).speedup() for way in COLORS}
        for size, each in sorted(data.seconds.items())
    }
    largest = max(gains)
    sent = data.seconds[largest]
    price = Scaling(sent[Way.PICKLE], sent[Way.THREADS], 1).speedup()
    conditions = _conditions(gains[min(gains)], gains[largest], price)
    return Judgement(conditions, _evidence(gains), (_chart(gains),))


def _conditions(small: Gains, large: Gains, price: Interval) -> dict[str, Truth]:
    # Threads that release are the ceiling of this work: where they gain nothing, processes cannot either.
    possible = at_least(large[Way.THREADS], GAIN_LEAST)
    return {
        f"two processes gain {GAIN_LEAST:g}x on the large work, sharing memory": at_least(large[Way.SHARED], GAIN_LEAST)
        if possible
        else None,
        f"there, threads are {PRICE_LEAST:g}x as fast as processes that are sent the data": at_least(
            price, PRICE_LEAST
        ),
        "on the small work, processes are slower than one thread": at_most(small[Way.SHARED], 1.0),
    }


def _evidence(gains: Mapping[int, Gains]) -> str:
    sizes = list(gains)
    breaks_even = {
        way: next((n for n in sizes if all(gains[size][way].low > 1 for size in sizes if size >= n)), None)
        for way in COLORS
    }
    pays = ", ".join(
        f"{way} from {size // 1000:,} kB on" if size else f"{way} never" for way, size in breaks_even.items()
    )
    large = gains[sizes[-1]]
    return (
        f"Against one thread, two workers pay: {pays}. On {sizes[-1] // 1000:,} kB, threads gain "
        f"{figure(large[Way.THREADS])}, shared memory {figure(large[Way.SHARED])}, pickle {figure(large[Way.PICKLE])}."
    )


def _chart(gains: Mapping[int, Gains]) -> Chart:
    return Chart(
        "lines",
        Axis("speed-up over one thread", "x", log=True),
        Axis("data", "kB", log=True),
        series=tuple(
            Series(way, color, tuple(Point(size / 1000, each[way]) for size, each in gains.items()))
            for way, color in COLORS.items()
        ),
        limits=(Limit(1.0, "one thread"), Limit(GAIN_LEAST, "scales")),
    )


EXPERIMENT = Experiment(
    name="processes",
    order=150,
    claim="Processes scale too, but pay to move the data.",
    why="Each process has a GIL of its own, so the cores are free. But arguments and results go through a pipe as "
    "pickles, and even a call that moves nothing costs some hundred microseconds. Threads look at the same memory.",
    refuted_by="Processes that gain on small work, or nothing on large, or that are sent the data as fast as threads "
    "look at them.",
    reading="The speed-up over one thread by the size of the data. Both axes are logarithmic. Below the line the "
    "workers cost more than they bring.",
    places=(
        Place(
            "_PyInterpreterState_New",
            "gives each process an interpreter, and a GIL, of its own",
            {"3.11 to 3.15": "Python/pystate.c"},
        ),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"sizes": [10_000, 100_000, 1_000_000, 10_000_000], "passes": 5, "small_passes": 5},
    control={"sizes": [10_000_000, 12_000_000], "small_passes": 20},
    seconds=2.5,
    limit=40.0,
)
