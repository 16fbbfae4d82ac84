"""lock-order: a mutex that is held while waiting for the GIL."""

import subprocess
import sys
from typing import Any

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Place, Point, Series
from gilscope.experiments._gil import ORDERS
from gilscope.experiments._words import SAVE, TAKE
from gilscope.measure.stats import Interval, Truth, median_interval
from gilscope.scope import gil_enabled

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


def measure(lab: Lab, limit: float, attempts: int, stuck: str) -> Data:
    """Two threads meet at a mutex in C, locked in each of the orders, in a process with a time limit of its own.

    stuck: the order that is used in the place of "lock first"; another one is the negative control.
    """
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    found: dict[str, list[dict[str, Any]]] = {}
    for order in ORDERS:
        tries = attempts if order == "lock first" else 1
        wanted, longest = (stuck, limit) if order == "lock first" else (order, 10 * limit)
        found[order] = [_attempt(wanted, longest) for _ in range(tries)]
    return {"orders": found, "limit": limit}


def _attempt(order: str, limit: float) -> dict[str, Any]:
    command = [sys.executable, "-c", PROGRAM, order, "1000", "20000", str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    words = done.stdout.split()
    seconds = float(words[1]) if len(words) > 1 else None
    return {"seconds": seconds, "stacks": done.stderr if seconds is None else ""}


def judge(data: Data) -> Judgement:
    orders = data["orders"]
    wrong = orders["lock first"]
    stuck = [attempt for attempt in wrong if attempt["seconds"] is None]
    both = all(attempt["stacks"].count("Thread 0x") >= 2 for attempt in stuck)
    conditions: dict[str, Truth] = {
        "locking first, then waiting for the GIL: stuck every time": len(stuck) == len(wrong) and both
    }
    for order, attempts in orders.items():
        if order != "lock first":  # one that did not end may have been slow
            conditions[f"{order}: runs through"] = True if attempts[0]["seconds"] is not None else None
    cures = {order: attempts[0]["seconds"] for order, attempts in orders.items() if order != "lock first"}
    said = ", ".join(f"{order} in {seconds * 1e3:.0f} ms" for order, seconds in cures.items() if seconds is not None)
    evidence = (
        f"Locked first, two threads were stuck in {len(stuck)} of {len(wrong)} attempts, ended after "
        f"{data['limit']:g} s with both stacks shown; the cures ran through: {said or 'none'}."
    )
    limit = Interval(data["limit"], data["limit"], data["limit"])
    rows = [
        Point(
            "lock first" + ("" if stuck else ", not stuck"),
            limit if stuck else median_interval([attempt["seconds"] for attempt in wrong]),
        )
    ]
    chart = Chart(
        "rows",
        Axis("time until both threads were done", "s", log=True),
        series=(
            Series("stuck", "held", tuple(rows)),
            Series("cures", "released", tuple(Point(o, Interval(s, s, s)) for o, s in cures.items() if s is not None)),
        ),
        limits=(Limit(data["limit"], "ended by force"),),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="lock-order",
    claim="A mutex that is held while waiting for the GIL deadlocks.",
    why="One thread has the mutex and wants the GIL back; the other has the GIL and waits for the mutex. Neither can "
    "go on. The cures: release the GIL before locking and lock no longer than until it is wanted again; or a lock "
    "that lets go of the GIL while it waits, as threading.Lock does, and PyMutex from 3.13 on.",
    refuted_by="Two threads that get past each other, or a cure that hangs.",
    reading="How long the two threads took, on a logarithmic axis; at the line they were ended by force. The stacks "
    "that faulthandler showed then are in the raw data.",
    places=(
        SAVE,
        TAKE,
        Place("_PyMutex_LockTimed", "waits for a PyMutex, detached", {"3.13 to 3.15": "Python/lock.c"}),
    ),
    measure=measure,
    judge=judge,
    parameters={"limit": 0.5, "attempts": 3, "stuck": "lock first"},
    control={"stuck": "release first"},
    seconds=3.0,
)
