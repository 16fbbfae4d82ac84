"""Several callers at once: what they gain, and what others suffer beside a caller."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor

from gilscope.measure.calibrate import calls_for
from gilscope.measure.session import Cell, Session, Timed
from gilscope.pools import Serial
from gilscope.probes.beside import bystander_share, loop_freeze
from gilscope.probes.target import Target
from gilscope.results.looks import Look, Together
from gilscope.stats import Scaling

LONG_NS = 500_000_000
"""A call longer than this is made no oftener than it must."""
ROUNDS_MOST = 50
SAMPLE_LEAST, SAMPLE_MOST = 0.01, 0.05
"""Seconds of one sample."""


def measure(target: Target, look: Look, threads: int, seconds: float) -> Together:
    """What several callers tell.

    Parameters
    ----------
    look
        What one caller tells.
    threads
        How many callers.
    seconds
        About how long: a half for the speed-up, a third for the bystander, the rest for the event loop.
    """
    rounds = 2 if look.call_ns > LONG_NS else 4
    callers, plain = _timed(target, look.batch, threads, seconds / 2, rounds)
    return Together(
        speedup=Scaling(callers.seconds[1], callers.seconds[threads], threads).speedup(),
        ceiling=Scaling(plain.seconds[1], plain.seconds[threads], threads).speedup(),
        cpus_alone=_cpus(callers, 1),
        cpus_together=_cpus(callers, threads),
        bystander_share=bystander_share(target, look.batch, seconds / 3, rounds),
        loop_freeze_ms=_in_a_loop_of_its_own(lambda: loop_freeze(target, look.batch, seconds / 6)),
    )


def _in_a_loop_of_its_own(work: Callable[[], Coroutine[object, object, float]]) -> float:
    """Runs the coroutine on a thread of its own: the caller's may have a loop already, as in Jupyter."""
    with ThreadPoolExecutor(1, thread_name_prefix="gilscope-loop") as own:
        return own.submit(lambda: asyncio.run(work())).result()


def _timed(target: Target, batch: int, threads: int, seconds: float, rounds: int) -> tuple[Timed, Timed]:
    """One caller and several, and around them plain C threads that only compute; at least so many rounds."""
    sample = max(SAMPLE_LEAST, min(SAMPLE_MOST, seconds / 20))
    with Session((1, threads), sample) as session:
        jobs = {count: [(batch,)] * count for count in session.counts}
        batches = calls_for(Serial().round(target, jobs[1], 1), sample)
        callers = Cell(batches, function=target, jobs=jobs)
        for _ in session.rounds(seconds, least=rounds, most=ROUNDS_MOST):
            session.take(callers)
        return callers, session.bracket


def _cpus(callers: Timed, count: int) -> float:
    """CPUs that so many callers keep busy, over all rounds."""
    return sum(callers.cpu_seconds[count]) / sum(callers.seconds[count])
