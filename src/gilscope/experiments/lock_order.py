"""lock-order: a mutex that is held while waiting for the GIL."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, NotHere, Place, Point, Series
from gilscope.experiments._gil import ORDERS
from gilscope.experiments._intervals import exactly
from gilscope.experiments._words import SAVE, TAKE
from gilscope.host import gil_enabled
from gilscope.results import Bracket
from gilscope.stats import Truth, median_interval

WRONG = "lock first"
"""The order of gilscope.experiments._gil.ORDERS that deadlocks; the others are the cures."""

PROGRAM = """
import faulthandler, sys, threading, time
from gilscope.experiments._gil import locked
order, rounds, inner, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
sys.setswitchinterval(1e-4)
threads = [threading.Thread(target=locked, args=(order, rounds, inner), name=f"caller {n}") for n in (1, 2)]
print("ready", flush=True)
faulthandler.dump_traceback_later(limit, exit=True)
started = time.perf_counter()
for thread in threads: thread.start()
for thread in threads: thread.join()
print(time.perf_counter() - started)
"""
"""Two threads that call a C function with a mutex in it, a thousand times each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Two threads that met at the mutex, in a process of their own."""

    seconds: float | None
    """Until both were done; None where they had to be ended."""
    stacks: str
    """Where they had to be ended: where each of them was then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Attempts by the order of locking and releasing."""

    orders: Mapping[str, tuple[Attempt, ...]]
    limit: float
    """Seconds after which an attempt in the wrong order was ended."""

    def cures(self) -> dict[str, float | None]:
        """By order, the seconds of every attempt but the wrong ones."""
        return {order: attempts[0].seconds for order, attempts in self.orders.items() if order != WRONG}


def measure(lab: Lab, *, limit: float, attempts: int, stuck: str) -> Data:
    """Two threads meet at a mutex in C, locked in each of the orders, in a process with a time limit of its own.

    stuck: the order that stands in for "lock first"; another one is the negative control.
    """
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    cures = {order: (_attempt(order, 10 * limit),) for order in ORDERS if order != WRONG}
    return Data(orders={WRONG: tuple(_attempt(stuck, limit) for _ in range(attempts))} | cures, limit=limit)


def _attempt(order: str, limit: float) -> Attempt:
    command = [sys.executable, "-c", PROGRAM, order, "1000", "20000", str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    words = done.stdout.split()
    seconds = float(words[1]) if len(words) > 1 else None
    return Attempt(seconds=seconds, stacks=done.stderr if seconds is None else "")


def judge(data: Data, bracket: Bracket) -> Judgement:
    wrong = data.orders[WRONG]
    stuck = [attempt for attempt in wrong if attempt.seconds is None]
    both = all(attempt.stacks.count("Thread 0x") >= 2 for attempt in stuck)
    cures = data.cures()
    conditions: dict[str, Truth] = {
        "locking first, then waiting for the GIL: stuck every time": len(stuck) == len(wrong) and both
    }
    for order, seconds in cures.items():  # one that did not end may have been slow
        conditions[f"{order}: runs through"] = True if seconds is not None else None
    times = ", ".join(f"{order} in {seconds * 1e3:.0f} ms" for order, seconds in cures.items() if seconds is not None)
    evidence = (
        f"With the lock first, two threads got stuck in {len(stuck)} of {len(wrong)} attempts, and were ended after "
        f"{data.limit:g} s with both stacks shown; cures that ran through: {times or 'none'}."
    )
    return Judgement(conditions, evidence, (_chart(data, wrong, bool(stuck)),))


def _chart(data: Data, wrong: Sequence[Attempt], stuck: bool) -> Chart:
    ended = [attempt.seconds for attempt in wrong if attempt.seconds is not None]
    first = Point(WRONG, exactly(data.limit)) if stuck else Point(f"{WRONG}, not stuck", median_interval(ended))
    cures = [Point(order, exactly(seconds)) for order, seconds in data.cures().items() if seconds is not None]
    return Chart(
        "rows",
        Axis("time until both threads were done", "s", log=True),
        series=(Series("stuck", "held", (first,)), Series("cures", "released", tuple(cures))),
        limits=(Limit(data.limit, "ended by force"),),
    )


EXPERIMENT = Experiment(
    name="lock-order",
    order=110,
    claim="Waiting for the GIL with a mutex locked leads to a deadlock.",
    why="One thread has the mutex and wants the GIL back; the other holds the GIL and waits for the mutex. Neither can "
    "go on. There are two cures. Release the GIL before locking, and unlock before taking it again. Or use a lock that "
    "releases the GIL while it waits, as threading.Lock does, and PyMutex from 3.13 on.",
    refuted_by="Two threads that get past each other, or a cure that hangs.",
    reading="How long the two threads took, on a logarithmic axis; at the line they were ended by force. The stacks "
    "that faulthandler showed then are in the raw data.",
    places=(
        SAVE,
        TAKE,
        Place("_PyMutex_LockTimed", "waits for a PyMutex, detached", {"3.13 to 3.15": "Python/lock.c"}),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"limit": 0.5, "attempts": 3, "stuck": WRONG},
    control={"stuck": "release first"},
    seconds=3.0,
)
