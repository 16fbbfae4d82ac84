"""switch-interval: how long a thread waits for the GIL."""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter, sleep

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, NotHere, Point, Series
from gilscope.experiments._intervals import times
from gilscope.experiments._spin import rounds_for, seconds_per_round
from gilscope.experiments._words import BREAKER, DROP, TAKE, figure
from gilscope.host import gil_enabled
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.stats import Truth, at_least, at_most, median_interval
from gilscope.variants import native

WAIT_LEAST, WAIT_MOST = 0.8, 2.0
"""A thread that waits for one that computes in Python gets the GIL after this many switch intervals."""
NAP = 0.0005
CALL_LEAST = 0.8
"""... and behind one C call after this part of the call, however often it asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Seconds that a thread waits for the GIL after it has woken up."""

    python: Mapping[float, tuple[float, ...]]
    """By switch interval in seconds, the waits behind Python code."""
    native: tuple[float, ...]
    """The longest wait of each round behind a C call, at the shortest switch interval."""
    calls: tuple[float, ...]
    """Seconds of such a C call, one value per round."""


def measure(lab: Lab, *, intervals: Sequence[float], call: float, policy: str) -> Data:
    """How long a thread that wakes up waits for the GIL, behind Python code and behind C calls."""
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    spin = native(load()["spin"], "capi").spin
    rounds = rounds_for(call, seconds_per_round())
    python: dict[float, list[float]] = {interval: [] for interval in intervals}
    behind: list[float] = []
    calls: list[float] = []
    before = sys.getswitchinterval()
    try:
        for _ in lab.rounds():
            for interval in intervals:
                sys.setswitchinterval(interval)
                python[interval] += _waits(_count, 3)
            sys.setswitchinterval(min(intervals))
            behind.append(max(_waits(partial(spin, rounds, policy=policy), 2)))
            started = perf_counter()
            spin(rounds, policy="held")
            calls.append(perf_counter() - started)
    finally:
        sys.setswitchinterval(before)
    return Data(
        python={interval: tuple(waits) for interval, waits in python.items()},
        native=tuple(behind),
        calls=tuple(calls),
    )


def _waits(holder: Callable[[], object], count: int) -> list[float]:
    """How long another thread waits for the GIL, from its wake-up on, while this one runs the holder."""
    waits: list[float] = []

    def wait() -> None:
        for _ in range(count):
            wanted = perf_counter() + NAP
            sleep(NAP)
            waits.append(perf_counter() - wanted)

    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():
        holder()
    thread.join()
    return waits


def _count() -> None:
    for _ in range(20_000):
        pass


def judge(data: Data, bracket: Bracket) -> Judgement:
    # Noise only adds to a wait, and a thread that asks just before a hand-off waits less: the median tells of both.
    conditions: dict[str, Truth] = {}
    for interval, waits in data.python.items():
        wait = times(median_interval(waits), 1 / interval)
        ms = f"{interval * 1e3:g} ms"
        conditions[f"behind Python code at {ms}: {WAIT_LEAST:g} intervals or more"] = at_least(wait, WAIT_LEAST)
        conditions[f"and at most {WAIT_MOST:g}, at {ms}"] = at_most(wait, WAIT_MOST)
    call_least = CALL_LEAST * min(data.calls)
    conditions["behind one C call: as long as it runs"] = at_least(median_interval(data.native), call_least)
    return Judgement(conditions, _evidence(data), (_chart(data),))


def _evidence(data: Data) -> str:
    waits = [
        f"{figure(times(median_interval(waits), 1e3), ' ms')} (switch interval {interval * 1e3:g} ms)"
        for interval, waits in data.python.items()
    ]
    behind = times(median_interval(data.native), 1e3)
    return (
        f"A waiting thread gets the GIL from Python code after {' and '.join(waits)}; behind one C call of "
        f"{min(data.calls) * 1e3:.0f} ms, after {figure(behind, ' ms', 1)} (switch interval "
        f"{min(data.python) * 1e3:g} ms)."
    )


def _chart(data: Data) -> Chart:
    python = tuple(
        Point(f"behind Python, {interval * 1e3:g} ms", times(median_interval(waits), 1e3))
        for interval, waits in data.python.items()
    )
    behind = Point(f"behind a C call, {min(data.python) * 1e3:g} ms", times(median_interval(data.native), 1e3))
    limits = [
        Limit(interval * 1e3 * factor, f"{interval * 1e3:g} ms: {word}")
        for interval in data.python
        for factor, word in ((WAIT_LEAST, "at least"), (WAIT_MOST, "at most"))
    ]
    return Chart(
        "rows",
        Axis("wait for the GIL", "ms", log=True),
        series=(Series("Python", "own", python), Series("C", "held", (behind,))),
        limits=(*limits, Limit(CALL_LEAST * min(data.calls) * 1e3, "C: at least")),
    )


EXPERIMENT = Experiment(
    name="switch-interval",
    order=50,
    claim="A waiting thread gets the GIL after 5 ms; code inside one C call ignores the request for as long as it "
    "runs.",
    why="A thread that wants the GIL while another holds it waits for one switch interval and then sets a request. The "
    "evaluation loop looks at the request between bytecodes and drops the GIL. Code in C does not look.",
    refuted_by="Waits that do not follow sys.setswitchinterval(), or a C call that is interrupted.",
    reading="How long a thread waited for the GIL after it woke up, on a logarithmic axis. The lines are the limits of "
    "what is expected: around each switch interval, and near the length of the C call.",
    places=(TAKE, BREAKER, DROP),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"intervals": [0.005, 0.001], "call": 0.03, "policy": "held"},
    control={"policy": "released"},
    seconds=2.0,
)
