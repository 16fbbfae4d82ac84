"""event-loop: what a kernel in a thread does to asyncio's loop."""

import asyncio
import itertools
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Point, Series, Span
from gilscope.experiments._words import BREAKER, TAKE
from gilscope.kernels import load
from gilscope.measure.calibrate import seconds_of
from gilscope.measure.stats import Interval, at_least, at_most, fastest_interval
from gilscope.scope import gil_enabled
from gilscope.variants import native

BEAT = 0.001
"""Seconds between two heartbeats of the loop."""
FROZEN_LEAST = 0.8
"""A held call shows a gap of at least this part of the call ..."""
FLOWING_MOST = 0.2
"""... and a released one none of more than this."""
COLORS = {"held": "held", "nogil in the signature": "auto", "released": "released"}


async def _gaps(call: Callable[[], object]) -> tuple[list[float], float, float]:
    """The times of a heartbeat while the call runs in a thread, and the call's own start and end."""
    beats: list[float] = []

    async def beat() -> None:
        while True:
            beats.append(perf_counter())
            await asyncio.sleep(BEAT)

    heart = asyncio.create_task(beat())
    await asyncio.sleep(5 * BEAT)
    started = perf_counter()
    await asyncio.to_thread(call)
    ended = perf_counter()
    await asyncio.sleep(5 * BEAT)
    heart.cancel()
    return beats, started, ended


def measure(lab: Lab, seconds: float, released: str) -> Data:
    """A heartbeat in asyncio's loop while to_thread() runs a kernel that holds, releases, or is only declared nogil."""
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    from gilscope.cy.experiments import loops

    spin = native(load()["spin"], "capi").spin
    rounds = max(1, round(seconds / (seconds_of(lambda: spin(1_000_000, policy="held"), ()) / 1_000_000)))
    calls: dict[str, Callable[[], object]] = {
        "held": lambda: spin(rounds, policy="held"),
        "nogil in the signature": lambda: loops.typed(rounds),
        "released": lambda: spin(rounds, policy=released),
    }
    found: dict[str, dict[str, Any]] = {name: {"gaps": [], "call": []} for name in calls}
    for _ in lab.rounds():
        for name, call in calls.items():
            beats, started, ended = asyncio.run(_gaps(call))
            during = [b - a for a, b in itertools.pairwise(beats) if b > started and a < ended]
            found[name]["gaps"].append(during)
            found[name]["call"].append(ended - started)
            found[name]["beats"] = [beat - started for beat in beats]  # of the last round, to be drawn
    return {"cells": found}


def judge(data: Data) -> Judgement:
    cells = data["cells"]
    # The longest gap of a round, as a part of the call: noise only ever adds to it, so the least disturbed rounds tell.
    parts = {
        name: fastest_interval([max(gaps) / call for gaps, call in zip(cell["gaps"], cell["call"], strict=True)])
        for name, cell in cells.items()
    }
    conditions = {f"{name}: the loop stands still": at_least(parts[name], FROZEN_LEAST) for name in list(parts)[:2]}
    conditions["released: it runs on"] = at_most(parts["released"], FLOWING_MOST)
    said = []
    points = []
    for name, cell in cells.items():
        gaps = np.concatenate([np.asarray(gaps) for gaps in cell["gaps"]]) * 1e3
        p50, p99 = np.percentile(gaps, [50, 99])
        span = fastest_interval([1e3 * max(gaps) for gaps in cell["gaps"]])
        said.append(
            f"{name} p50 {p50:.1f}, p99 {p99:.1f}, longest {span.median:.1f} [{span.low:.1f}, {span.high:.1f}] ms"
        )
        points.append(Series(name, COLORS[name], (Point(f"{name}, longest", span), Point(f"{name}, p50", _of(p50)))))
    length = min(cells["held"]["call"]) * 1e3
    evidence = (
        f"While a call of {length:.0f} ms ran, the gaps of a {BEAT * 1e3:g} ms heartbeat were: {'; '.join(said)}."
    )
    rows = Chart(
        "rows",
        Axis("gap between two heartbeats", "ms", log=True),
        series=tuple(points),
        limits=(Limit(BEAT * 1e3, "the beat"), Limit(length, "the call")),
    )
    spans = [
        Span(name, a * 1e3, b * 1e3, "waiting for its beat" if b - a < 0.2 * length / 1e3 else "frozen", COLORS[name])
        for name, cell in cells.items()
        for a, b in itertools.pairwise(cell["beats"])
    ]
    frozen = tuple(span for span in spans if span.state == "frozen")
    beats = tuple(
        Span(name, t * 1e3, t * 1e3 + 0.3, "beat", "ceiling") for name, cell in cells.items() for t in cell["beats"]
    )
    timeline = Chart(
        "timeline",
        Axis("time since the call", "ms"),
        spans=frozen + beats,
        limits=(Limit(0, "call"), Limit(length, "end")),
    )
    return Judgement(conditions, evidence, (rows, timeline))


def _of(value: float) -> Interval:
    return Interval(float(value), float(value), float(value))


EXPERIMENT = Experiment(
    name="event-loop",
    claim="Awaiting to_thread(kernel) freezes the asyncio loop for the whole call when the kernel holds the GIL, and "
    "not when it releases it.",
    why="The loop is Python code in its own thread, and needs the GIL for each step. to_thread() moves the call to "
    "another thread, but a C call that holds the GIL is one instruction to the interpreter: nobody can stop it in the "
    "middle. A `nogil` that stands only in a function's signature releases nothing.",
    refuted_by="A held call during which the heartbeat goes on, or a released one during which it stops.",
    reading="The longest and the median gap between two heartbeats, on a logarithmic axis; the lines are the beat "
    "itself and the whole call. Below, the heartbeats of one round in time: a stretch without any is a frozen loop.",
    places=(TAKE, BREAKER),
    measure=measure,
    judge=judge,
    parameters={"seconds": 0.1, "released": "released"},
    control={"released": "held"},
    seconds=2.5,
)
