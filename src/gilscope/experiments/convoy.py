"""convoy: what a short kernel that releases pays beside one thread that computes in Python."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Point, Series
from gilscope.experiments._timeline import recorded, timeline
from gilscope.experiments._words import BREAKER, SAVE, TAKE, figure
from gilscope.kernels import load
from gilscope.measure.calibrate import seconds_of
from gilscope.measure.stats import at_least, at_most, median_interval, paired_ratio
from gilscope.scope import gil_enabled
from gilscope.variants import native

POLICIES = ("held", "released")
WAIT_LEAST = 0.5
"""A released call that waits for its way back takes at least this part of the switch interval."""
SLOWER_LEAST = 3.0
"""... and at least this many times as long as its held twin, where the work is short."""
SHORT = 50e-6
"""The work that is judged: long enough for another thread to wake up meanwhile, and far below the interval."""

SHOWN = 0.03
"""Seconds in the timeline."""


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


def measure(lab: Lab, work: list[float], intervals: list[float], released: str) -> Data:
    """Calls of a kernel, held and released, beside a thread that computes in Python, by work and switch interval."""
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    spin = native(load()["spin"], "capi").spin
    rate = seconds_of(lambda: spin(1_000_000, policy="held"), ()) / 1_000_000
    cells: list[dict[str, Any]] = [
        {"work": w, "interval": i, "policy": p, "seconds": []} for i in intervals for w in work for p in POLICIES
    ]
    before = sys.getswitchinterval()
    try:
        for _ in lab.rounds():
            with python_thread():
                for cell in cells:
                    sys.setswitchinterval(cell["interval"])
                    rounds = max(1, round(cell["work"] / rate))
                    policy = released if cell["policy"] == "released" else "held"
                    # Whole calls until two intervals have passed: a held one shares them with the other thread.
                    calls, started = 0, perf_counter()
                    while perf_counter() - started < 2 * cell["interval"] or calls < 2:
                        spin(rounds, policy=policy)
                        calls += 1
                    cell["seconds"].append((perf_counter() - started) / calls)
        sys.setswitchinterval(max(intervals))
        short = partial(spin, max(1, round(SHORT / rate)))
        threads = {"MainThread": "kernel", "python": "Python"}
        shown = {}
        with python_thread():
            for policy in POLICIES:
                call = partial(short, policy=released if policy == "released" else policy)
                shown[policy] = recorded(partial(_repeated, call), threads, SHOWN, exact=["MainThread"])
    finally:
        sys.setswitchinterval(before)
    return {"cells": cells, "timeline": shown}


def _repeated(call: Callable[[], object]) -> tuple[float, float]:
    """One call after another, for as long as is shown; when the first began and the last ended."""
    started = perf_counter()
    while perf_counter() - started < SHOWN:
        call()
    return started, perf_counter()


def judge(data: Data) -> Judgement:
    found = {(c["interval"], c["work"], c["policy"]): c["seconds"] for c in data["cells"]}
    interval = max(i for i, _, _ in found)
    released, held = (found[interval, SHORT, policy] for policy in ("released", "held"))
    call, ratio = median_interval(released), paired_ratio(released, held)
    conditions = {
        f"a released call of {SHORT * 1e6:g} us takes {WAIT_LEAST:g} switch intervals or more": at_least(
            call, WAIT_LEAST * interval
        ),
        f"it takes {SLOWER_LEAST:g}x as long as the held one or more": at_least(ratio, SLOWER_LEAST),
        "a held call takes less than half an interval": at_most(median_interval(held), WAIT_LEAST * interval),
    }
    evidence = (
        f"Beside one Python thread, a call of {SHORT * 1e6:g} us takes {call.median * 1e3:.2f} ms "
        f"[{call.low * 1e3:.2f}, {call.high * 1e3:.2f}] when it releases, {figure(ratio, places=1)} as long as held, "
        f"at a switch interval of {interval * 1e3:g} ms."
    )
    charts = []
    for each in sorted({i for i, _, _ in found}, reverse=True):
        limits = (
            Limit(each * 1e6, "switch interval"),
            Limit(WAIT_LEAST * each * 1e6, "released above"),
            Limit(SHORT * 1e6, "judged here", over=True),
        )
        series = tuple(
            Series(
                policy,
                policy,
                tuple(
                    Point(w * 1e6, median_interval([s * 1e6 for s in found[each, w, policy]]))
                    for w in sorted({w for _, w, _ in found})
                ),
            )
            for policy in POLICIES
        )
        charts.append(
            Chart(
                "lines",
                Axis(f"time of a call at a switch interval of {each * 1e3:g} ms", "us", log=True),
                Axis("its work", "us", log=True),
                series=series,
                limits=limits if each == interval else limits[:1],
            )
        )
    return Judgement(conditions, evidence, (*charts, *timeline(data["timeline"])))


EXPERIMENT = Experiment(
    name="convoy",
    claim="Beside one CPU-bound Python thread, a short kernel that releases the GIL waits a whole switch interval to "
    "come back: releasing can be the slower choice.",
    why="A thread that releases has to take the GIL again. Whoever has it meanwhile runs bytecode until the switch "
    "interval is over, since nothing makes it let go earlier. So work of 50 us becomes 5 ms. Below some 10 us the "
    "other thread often wakes up too late to take it.",
    refuted_by="Released calls that take about as long as their work, or no longer than their held twins.",
    reading="A chart a switch interval: the time of a call over the work in it, both logarithmic. Released calls lie "
    "near the line of the switch interval however short their work is; held calls follow their work. Below, the two "
    "threads as they were recorded during calls of 50 us: a kernel that releases does nothing but wait.",
    places=(SAVE, TAKE, BREAKER),
    measure=measure,
    judge=judge,
    parameters={"work": [5e-6, 50e-6, 500e-6, 2e-3], "intervals": [0.005, 50e-6], "released": "released"},
    control={"released": "held"},
    seconds=3.0,
)
