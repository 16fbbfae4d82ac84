"""event-loop: what a kernel in a thread does to asyncio's loop."""

import asyncio
import itertools
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Point, Series, Span
from gilscope.experiments._timeline import recorded, timeline
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
SHOWN, AFTER = 0.03, 0.005
"""Seconds of the call in the timeline, and after it."""
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

    def cells(rounds: int) -> dict[str, Callable[[], object]]:
        return {
            "held": partial(spin, rounds, policy="held"),
            "nogil in the signature": partial(loops.typed, rounds),
            "released": partial(spin, rounds, policy=released),
        }

    found: dict[str, dict[str, Any]] = {name: {"gaps": [], "call": []} for name in COLORS}
    for _ in lab.rounds():
        for name, call in cells(rounds).items():
            beats, started, ended = asyncio.run(_gaps(call))
            during = [b - a for a, b in itertools.pairwise(beats) if b > started and a < ended]
            found[name]["gaps"].append(during)
            found[name]["call"].append(ended - started)
    shown = {name: _recorded(call) for name, call in cells(round(rounds * SHOWN / seconds)).items()}
    return {"cells": found, "timeline": shown}


def _recorded(call: Callable[[], object]) -> dict[str, Any]:
    """The loop's thread and the call's as they were recorded, and the heartbeats, in ms from the call's begin."""
    beats: list[float] = []

    def work() -> tuple[float, float]:
        times, started, ended = asyncio.run(_gaps(call))
        beats.extend(1e3 * (beat - started) for beat in times if beat < ended + AFTER)
        return started, ended + AFTER

    return {"lanes": recorded(work, {"MainThread": "loop", "asyncio_0": "thread"}, 2 * SHOWN), "beats": beats}


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
        limits=(
            Limit(BEAT * 1e3, "the beat"),
            Limit(FLOWING_MOST * length, "← runs on"),
            Limit(FROZEN_LEAST * length, "stands still →"),
        ),
    )
    recordings = {name: each["lanes"] for name, each in data["timeline"].items()}
    beats = tuple(
        Span(f"{name}: loop", beat, beat + 0.2, "heartbeat", "auto")
        for name, each in data["timeline"].items()
        for beat in each["beats"]
        if each["lanes"] and beat >= 0
    )
    return Judgement(conditions, evidence, (rows, *timeline(recordings, marks=beats)))


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
    reading="The longest and the median gap between two heartbeats, on a logarithmic axis: left of the middle line the "
    "loop runs on, right of the last one it stood still for the call. Below, the loop's thread and the call's as they "
    "were recorded in a shorter call, with the heartbeats: while the loop waits for the GIL there are none.",
    places=(TAKE, BREAKER),
    measure=measure,
    judge=judge,
    parameters={"seconds": 0.1, "released": "released"},
    control={"released": "held"},
    seconds=2.5,
)
