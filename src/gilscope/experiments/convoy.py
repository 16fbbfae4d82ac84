"""convoy: what a short kernel that releases pays beside one thread that computes in Python."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Literal

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, NotHere, Point, Series
from gilscope.experiments._spin import rounds_for, seconds_per_round
from gilscope.experiments._timeline import recorded, timeline
from gilscope.experiments._words import BREAKER, SAVE, TAKE, figure
from gilscope.host import gil_enabled
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.results.timelines import Tracks
from gilscope.stats import at_least, at_most, median_interval, paired_ratio
from gilscope.variants import native

Policy = Literal["held", "released"]
POLICIES: tuple[Policy, ...] = ("held", "released")
WAIT_LEAST = 0.5
"""A released call that waits for its way back takes at least this part of the switch interval."""
SLOWER_LEAST = 3.0
"""... and at least this many times as long as its held twin, where the work is short."""
SHORT = 50e-6
"""The work that decides: long enough for another thread to wake up meanwhile, and far below the interval."""
SHOWN = 0.03
"""Seconds in the timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Calls with as much work, under one policy and switch interval."""

    work: float
    """Seconds of work per call."""
    interval: float
    """The switch interval in seconds."""
    policy: Policy
    seconds: tuple[float, ...]
    """Seconds per call, one value per round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Calls of a kernel beside one thread that computes in Python."""

    cells: tuple[Cell, ...]
    timeline: Mapping[str, Tracks]
    """By policy."""

    def seconds(self, interval: float, work: float, policy: Policy) -> tuple[float, ...]:
        """Seconds per call of one cell."""
        return {(cell.interval, cell.work, cell.policy): cell.seconds for cell in self.cells}[interval, work, policy]

    def longest_interval(self) -> float:
        return max(cell.interval for cell in self.cells)


def measure(lab: Lab, *, work: Sequence[float], intervals: Sequence[float], released: str) -> Data:
    """Calls of a kernel, held and released, beside a thread that computes in Python, by work and switch interval."""
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    spin = native(load()["spin"], "capi").spin
    per_round = seconds_per_round()

    def call(work: float, policy: Policy) -> Callable[[], object]:
        return partial(spin, rounds_for(work, per_round), policy=released if policy == "released" else policy)

    seconds: dict[tuple[float, float, Policy], list[float]] = {
        (interval, each, policy): [] for interval in intervals for each in work for policy in POLICIES
    }
    before = sys.getswitchinterval()
    try:
        for _ in lab.rounds():
            with python_thread():
                for (interval, each, policy), values in seconds.items():
                    sys.setswitchinterval(interval)
                    values.append(_seconds_per_call(call(each, policy), interval))
        sys.setswitchinterval(max(intervals))
        with python_thread():
            shown: dict[str, Tracks] = {policy: _recorded(call(SHORT, policy)) for policy in POLICIES}
    finally:
        sys.setswitchinterval(before)
    return Data(
        cells=tuple(
            Cell(interval=interval, work=each, policy=policy, seconds=tuple(values))
            for (interval, each, policy), values in seconds.items()
        ),
        timeline=shown,
    )


@contextmanager
def python_thread() -> Iterator[None]:
    """One thread that computes in Python, and never gives the GIL up by itself."""
    stop = False

    def run() -> None:
        number = 0
        while not stop:
            number += 1

    thread = threading.Thread(target=run, name="python", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop = True
        thread.join()


def _seconds_per_call(call: Callable[[], object], interval: float) -> float:
    """Whole calls until two intervals have passed: a held one shares them with the other thread."""
    calls, started = 0, perf_counter()
    while perf_counter() - started < 2 * interval or calls < 2:
        call()
        calls += 1
    return (perf_counter() - started) / calls


def _recorded(call: Callable[[], object]) -> Tracks:
    """This thread and the one in Python during one call after another, for as long as is shown."""

    def work() -> tuple[float, float]:
        started = perf_counter()
        while perf_counter() - started < SHOWN:
            call()
        return started, perf_counter()

    return recorded(work, {"MainThread": "kernel", "python": "Python"}, SHOWN, exact=["MainThread"])


def judge(data: Data, bracket: Bracket) -> Judgement:
    interval = data.longest_interval()
    released, held = (data.seconds(interval, SHORT, policy) for policy in ("released", "held"))
    call, ratio = median_interval(released), paired_ratio(released, held)
    least = WAIT_LEAST * interval
    conditions = {
        f"a released call of {SHORT * 1e6:g} us takes {WAIT_LEAST:g} switch intervals or more": at_least(call, least),
        f"it takes {SLOWER_LEAST:g}x as long as the held one or more": at_least(ratio, SLOWER_LEAST),
        "a held call takes less than half an interval": at_most(median_interval(held), least),
    }
    evidence = (
        f"At a switch interval of {interval * 1e3:g} ms, beside one Python thread, a call of {SHORT * 1e6:g} us takes "
        f"{call.median * 1e3:.2f} ms [{call.low * 1e3:.2f}, {call.high * 1e3:.2f}] if it releases the GIL: "
        f"{figure(ratio, places=1)} as long as if it holds it."
    )
    charts = [_chart(data, each) for each in sorted({cell.interval for cell in data.cells}, reverse=True)]
    return Judgement(conditions, evidence, (*charts, *timeline(data.timeline)))


def _chart(data: Data, interval: float) -> Chart:
    """The time per call over its work, at one switch interval."""
    series = tuple(
        Series(
            policy,
            policy,
            tuple(
                Point(cell.work * 1e6, median_interval([second * 1e6 for second in cell.seconds]))
                for cell in sorted(data.cells, key=lambda cell: cell.work)
                if (cell.interval, cell.policy) == (interval, policy)
            ),
        )
        for policy in POLICIES
    )
    limits = [Limit(interval * 1e6, "switch interval")]
    if interval == data.longest_interval():
        limits.append(Limit(WAIT_LEAST * interval * 1e6, "released above"))
        limits.append(Limit(SHORT * 1e6, "decides", over=True))
    return Chart(
        "lines",
        Axis(f"time per call at a switch interval of {interval * 1e3:g} ms", "us", log=True),
        Axis("its work", "us", log=True),
        series=series,
        limits=tuple(limits),
    )


EXPERIMENT = Experiment(
    name="convoy",
    order=70,
    claim="Beside one CPU-bound Python thread, a short kernel that releases the GIL waits a whole switch interval to "
    "get it back: releasing can be the slower choice.",
    why="A thread that releases the GIL has to take it again. Whoever holds it meanwhile runs bytecode until the "
    "switch interval is over, because nothing makes it release the GIL earlier. So work of 50 us becomes 5 ms. Below "
    "some 10 us the other thread often wakes up too late to take it.",
    refuted_by="Released calls that take about as long as their work, or no longer than the same calls held.",
    reading="One chart per switch interval: the time per call over the work in it, both logarithmic. Released calls "
    "lie near the line of the switch interval however short their work is; held calls follow their work. The timeline "
    "shows the two threads as they were recorded during calls of 50 us: a kernel that releases mostly waits.",
    places=(SAVE, TAKE, BREAKER),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"work": [5e-6, 50e-6, 500e-6, 2e-3], "intervals": [0.005, 50e-6], "released": "released"},
    control={"released": "held"},
    seconds=3.0,
)
