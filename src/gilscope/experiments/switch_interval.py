"""switch-interval: how long a thread waits for the GIL."""

import sys
import threading
from collections.abc import Callable
from functools import partial
from time import perf_counter, sleep

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Point, Series
from gilscope.experiments._words import BREAKER, DROP, TAKE, figure
from gilscope.kernels import load
from gilscope.measure.calibrate import seconds_of
from gilscope.measure.stats import Interval, at_least, at_most, median_interval
from gilscope.scope import gil_enabled
from gilscope.variants import native

WAIT_LEAST, WAIT_MOST = 0.8, 2.0
"""A thread that waits for one that computes in Python gets the GIL after this many switch intervals."""
NAP = 0.0005
CALL_LEAST = 0.8
"""... and behind one C call after this part of the call, however often it asks."""


def _waits(holder: Callable[[], object], times: int) -> list[float]:
    """How long another thread waits for the GIL, from its wake-up on, while this one runs the holder."""
    found: list[float] = []

    def wait() -> None:
        for _ in range(times):
            wanted = perf_counter() + NAP
            sleep(NAP)
            found.append(perf_counter() - wanted)

    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():
        holder()
    thread.join()
    return found


def _count() -> None:
    for _ in range(20_000):
        pass


def measure(lab: Lab, intervals: list[float], call: float, policy: str) -> Data:
    """How long a thread that wakes up waits for the GIL, behind Python code and behind calls of C."""
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    spin = native(load()["spin"], "capi").spin
    rounds = max(1, round(call / (seconds_of(lambda: spin(1_000_000, policy="held"), ()) / 1_000_000)))
    python: dict[str, list[float]] = {str(interval): [] for interval in intervals}
    native_waits: list[float] = []
    calls: list[float] = []
    before = sys.getswitchinterval()
    try:
        for _ in lab.rounds():
            for interval in intervals:
                sys.setswitchinterval(interval)
                python[str(interval)] += _waits(_count, 3)
            sys.setswitchinterval(min(intervals))
            native_waits.append(max(_waits(partial(spin, rounds, policy=policy), 2)))
            started = perf_counter()
            spin(rounds, policy="held")
            calls.append(perf_counter() - started)
    finally:
        sys.setswitchinterval(before)
    return {"python": python, "native": native_waits, "calls": calls}


def judge(data: Data) -> Judgement:
    # Noise only adds to a wait, and a thread that asks just before a hand-off waits less: the median tells of both.
    conditions = {}
    points = []
    said = []
    for text, waits in data["python"].items():
        interval, found = float(text), median_interval(waits)
        in_units = Interval(found.median / interval, found.low / interval, found.high / interval)
        conditions[f"behind Python code at {interval * 1e3:g} ms: {WAIT_LEAST:g} intervals or more"] = at_least(
            in_units, WAIT_LEAST
        )
        conditions[f"and at most {WAIT_MOST:g}, at {interval * 1e3:g} ms"] = at_most(in_units, WAIT_MOST)
        points.append(Point(f"behind Python, {interval * 1e3:g} ms", _ms(found)))
        said.append(
            f"{found.median * 1e3:.2f} ms [{found.low * 1e3:.2f}, {found.high * 1e3:.2f}] at {interval * 1e3:g} ms"
        )
    call = min(data["calls"])
    behind = median_interval(data["native"])
    least = min(float(text) for text in data["python"])
    conditions["behind one C call: as long as it runs"] = at_least(behind, CALL_LEAST * call)
    evidence = (
        f"A waiting thread gets the GIL from Python code after {' and '.join(said)}; behind one C call of "
        f"{call * 1e3:.0f} ms after {figure(_ms(behind), ' ms', 1)}, at {least * 1e3:g} ms."
    )
    chart = Chart(
        "rows",
        Axis("wait for the GIL", "ms", log=True),
        series=(
            Series("Python", "own", tuple(points)),
            Series("C", "held", (Point(f"behind a C call, {least * 1e3:g} ms", _ms(behind)),)),
        ),
        limits=(
            *(
                Limit(float(text) * 1e3 * times, f"{float(text) * 1e3:g} ms: at {word}")
                for text in data["python"]
                for times, word in ((WAIT_LEAST, "least"), (WAIT_MOST, "most"))
            ),
            Limit(CALL_LEAST * call * 1e3, "C: at least"),
        ),
    )
    return Judgement(conditions, evidence, (chart,))


def _ms(value: Interval) -> Interval:
    return Interval(value.median * 1e3, value.low * 1e3, value.high * 1e3)


EXPERIMENT = Experiment(
    name="switch-interval",
    claim="A waiting thread gets the GIL after 5 ms; code inside one C call ignores the request for as long as it "
    "runs.",
    why="A thread that finds the GIL taken waits for one switch interval and then sets a request. The evaluation loop "
    "looks at the request between bytecodes and lets go. Code in C does not look.",
    refuted_by="Waits that do not follow sys.setswitchinterval(), or a C call that is interrupted.",
    reading="How long a thread waited that woke up and wanted the GIL, on a logarithmic axis; the lines are the "
    "limits of what is expected: around each switch interval, and near the length of the C call.",
    places=(TAKE, BREAKER, DROP),
    measure=measure,
    judge=judge,
    parameters={"intervals": [0.005, 0.001], "call": 0.03, "policy": "held"},
    control={"policy": "released"},
    seconds=2.0,
)
