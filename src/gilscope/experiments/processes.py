"""processes: from which work on moving the data to other processes is paid back."""

import gc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.experiments._lab import WORKERS
from gilscope.experiments._words import figure
from gilscope.kernels import load
from gilscope.measure.stats import Interval, Scaling, at_least, at_most
from gilscope.pools import Threads
from gilscope.variants import native

GAIN_LEAST = 1.3
"""Processes scale: two of them do the large work at least this many times as fast as one thread."""
PRICE_LEAST = 1.5
"""They pay: on the large work, threads that move nothing are this many times as fast as processes that are sent it."""
COLORS = {"threads": "released", "shared memory": "auto", "pickle": "own"}


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


def measure(lab: Lab, sizes: list[int], passes: int, small_passes: int) -> Data:
    """One work on bytes in one thread, two threads, two processes that are sent the bytes, and two that share them."""
    seconds: dict[str, dict[str, list[float]]] = {}
    block = SharedMemory(create=True, size=max(sizes))
    whole = _bytes(block)
    whole[:] = np.random.default_rng(0).integers(0, 256, len(whole), np.uint8)
    try:
        with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool, Threads(WORKERS) as threads:
            list(pool.map(total, [whole[:10]] * 8, [1] * 8))  # so that both workers are there
            for _ in lab.rounds():
                for size in sizes:
                    times = seconds.setdefault(str(size), {})
                    halves = [(0, size // 2), (size // 2, size)]
                    many = small_passes if size == min(sizes) else passes

                    started = perf_counter()
                    total(whole[:size], many)
                    times.setdefault("one thread", []).append(perf_counter() - started)

                    started = perf_counter()
                    threads.round(total, [(whole[a:b], many) for a, b in halves], 1)
                    times.setdefault("threads", []).append(perf_counter() - started)

                    started = perf_counter()
                    list(pool.map(total, [whole[a:b] for a, b in halves], [many] * WORKERS))
                    times.setdefault("pickle", []).append(perf_counter() - started)

                    started = perf_counter()
                    ends = zip(*halves, strict=True)
                    list(pool.map(total_shared, [block.name] * WORKERS, *ends, [many] * WORKERS))
                    times.setdefault("shared memory", []).append(perf_counter() - started)
    finally:
        del whole
        gc.collect()  # an array that still looks into the block keeps it open
        block.close()
        block.unlink()
    return {"seconds": seconds}


def judge(data: Data) -> Judgement:
    sizes = sorted(data["seconds"], key=int)
    gains: dict[str, dict[str, Interval]] = {
        size: {
            way: Scaling(data["seconds"][size]["one thread"], data["seconds"][size][way], 1).speedup() for way in COLORS
        }
        for size in sizes
    }
    small, large = gains[sizes[0]], gains[sizes[-1]]
    moved = data["seconds"][sizes[-1]]
    price = Scaling(moved["pickle"], moved["threads"], 1).speedup()
    conditions = {
        # Threads that release are the ceiling of this work: where they gain nothing, processes can not either.
        f"two processes gain {GAIN_LEAST:g}x on the large work, sharing memory": at_least(
            large["shared memory"], GAIN_LEAST
        )
        if at_least(large["threads"], GAIN_LEAST)
        else None,
        f"there, threads are {PRICE_LEAST:g}x as fast as processes that are sent the data": at_least(
            price, PRICE_LEAST
        ),
        "on the small work, processes are slower than one thread": at_most(small["shared memory"], 1.0),
    }
    even = {
        way: next((s for s in sizes if all(gains[t][way].low > 1 for t in sizes[sizes.index(s) :])), None)
        for way in COLORS
    }
    said = ", ".join(
        f"{way} from {int(size) // 1000:,} kB on" if size else f"{way} never" for way, size in even.items()
    )
    evidence = (
        f"Against one thread, two workers pay: {said}. On {int(sizes[-1]) // 1000:,} kB, threads gain "
        f"{figure(large['threads'])}, shared memory {figure(large['shared memory'])}, pickle {figure(large['pickle'])}."
    )
    chart = Chart(
        "lines",
        Axis("speed-up over one thread", "x", log=True),
        Axis("data", "kB", log=True),
        series=tuple(
            Series(way, color, tuple(Point(int(size) / 1000, gains[size][way]) for size in sizes))
            for way, color in COLORS.items()
        ),
        limits=(Limit(1.0, "one thread"), Limit(GAIN_LEAST, "scales")),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="processes",
    claim="Processes scale too, but pay to move the data.",
    why="Each process has a GIL of its own, so the cores are free. But arguments and results go through a pipe as "
    "pickles, and even a call that moves nothing costs some hundred microseconds. Threads look at the same memory.",
    refuted_by="Processes that gain on small work, or nothing on large, or are sent it as fast as threads look at it.",
    reading="Speed-up over one thread by the size of the data, both logarithmic: below the line the workers cost more "
    "than they bring.",
    places=(
        Place(
            "_PyInterpreterState_New",
            "a process has an interpreter, and a GIL, of its own",
            {"3.11 to 3.15": "Python/pystate.c"},
        ),
    ),
    measure=measure,
    judge=judge,
    parameters={"sizes": [10_000, 100_000, 1_000_000, 10_000_000], "passes": 5, "small_passes": 5},
    control={"sizes": [10_000_000, 12_000_000], "small_passes": 20},
    seconds=2.5,
    limit=40.0,
)
