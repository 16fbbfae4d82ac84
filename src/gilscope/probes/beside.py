"""What others suffer beside a thread that calls a function: a Python thread, and an asyncio loop."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gilscope.probes.target import Target
from gilscope.stats import Interval, median_interval

TURN_LEAST = 0.02
"""Seconds for which the Python thread counts."""
BEAT = 0.001
"""Seconds between two beats of the event loop."""
THREAD = "gilscope-beside"


def bystander_share(target: Target, batch: int, seconds: float, turns: int) -> Interval:
    """What a counting Python thread keeps of its own speed beside a thread that calls: the median of the turns."""
    turn = max(seconds / 2 / turns, TURN_LEAST)
    shares = []
    for _ in range(turns):
        alone = _count(turn)
        with _calling(target, batch):
            beside = _count(turn)
        shares.append(beside / alone)
    return median_interval(shares)


async def loop_freeze(target: Target, batch: int, seconds: float) -> float:
    """The longest gap in ms, beyond its beat, of an event loop whose `to_thread` calls the function, one at a time."""
    gaps: list[float] = []
    heart = asyncio.create_task(_beat(gaps))
    await asyncio.sleep(5 * BEAT)
    gaps.clear()
    calls, end = max(1, batch // 100), time.perf_counter() + seconds
    for _ in range(3):
        await asyncio.to_thread(target, calls)
        if time.perf_counter() > end:
            break
    await asyncio.sleep(2 * BEAT)
    heart.cancel()
    with suppress(asyncio.CancelledError):
        await heart
    return max(gaps, default=0.0) * 1e3


async def _beat(gaps: list[float]) -> None:
    last = time.perf_counter()
    while True:
        await asyncio.sleep(BEAT)
        now = time.perf_counter()
        gaps.append(now - last - BEAT)
        last = now


def _count(seconds: float) -> float:
    """Rounds of a Python loop in a second of wall time."""
    started = now = time.perf_counter()
    rounds = 0
    while now - started < seconds:
        for _ in range(100):
            pass
        rounds += 1
        now = time.perf_counter()
    return rounds / (now - started)


@contextmanager
def _calling(target: Target, batch: int) -> Iterator[None]:
    """A thread that calls and calls as long as the block runs."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                target(batch)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name=THREAD)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]
