"""event-loop: what a kernel in a thread does to asyncio's loop."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from time import perf_counter

import numpy as np

from gilscope.cy.experiments import loops
from gilscope.experiments import Axis, Bar, Chart, Experiment, Judgement, Lab, Limit, NotHere, Point, Series
from gilscope.experiments._intervals import exactly
from gilscope.experiments._spin import rounds_for, seconds_per_round
from gilscope.experiments._timeline import recorded, timeline
from gilscope.experiments._words import BREAKER, TAKE
from gilscope.host import gil_enabled
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.results.timelines import Tracks
from gilscope.stats import Interval, Truth, at_least, at_most, fastest_interval
from gilscope.variants import native

BEAT = 0.001
"""Seconds between two heartbeats of the loop."""
FROZEN_LEAST = 0.8
"""A held call shows a gap of at least this part of the call ..."""
FLOWING_MOST = 0.2
"""... and a released one none of more than this."""
SHOWN, AFTER = 0.03, 0.005
"""Seconds of the call in the timeline, and after it."""
BEAT_WIDTH = 0.2
"""Milliseconds that a heartbeat is drawn long."""


class Call(StrEnum):
    """What to_thread() runs."""

    HELD = "held"
    NOGIL = "nogil in the signature"
    RELEASED = "released"

    @property
    def color(self) -> str:
        return {Call.HELD: "held", Call.NOGIL: "auto", Call.RELEASED: "released"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """The loop's heartbeat while the call runs, in seconds."""

    gaps: tuple[tuple[float, ...], ...]
    """By round, the gaps between two heartbeats."""
    call: tuple[float, ...]
    """By round, the length of the call."""

    def longest_parts(self) -> Interval:
        """The longest gap of a round, as a part of the call.

        Noise only ever adds to it, so the least disturbed rounds tell.
        """
        return fastest_interval([max(gaps) / call for gaps, call in zip(self.gaps, self.call, strict=True)])

    def longest_ms(self) -> Interval:
        """The longest gap of a round, in ms."""
        return fastest_interval([1e3 * max(gaps) for gaps in self.gaps])

    def percentiles_ms(self) -> tuple[float, float]:
        """p50 and p99 of all gaps, in ms."""
        p50, p99 = np.percentile(1e3 * np.concatenate([np.asarray(gaps) for gaps in self.gaps]), [50, 99])
        return float(p50), float(p99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The loop's thread and the call's as they were recorded."""

    lanes: Tracks
    beats: tuple[float, ...]
    """The heartbeats, in ms from the call's start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A heartbeat in asyncio's loop beside a call in another thread."""

    cells: Mapping[Call, Beats]
    timeline: Mapping[Call, Recorded]


def measure(lab: Lab, *, seconds: float, released: str) -> Data:
    """A heartbeat in asyncio's loop while to_thread() runs a kernel that holds, releases, or is only declared nogil."""
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    spin = native(load()["spin"], "capi").spin
    rounds = rounds_for(seconds, seconds_per_round())

    def calls(rounds: int) -> dict[Call, Callable[[], object]]:
        return {
            Call.HELD: partial(spin, rounds, policy="held"),
            Call.NOGIL: partial(loops.typed, rounds),
            Call.RELEASED: partial(spin, rounds, policy=released),
        }

    gaps: dict[Call, list[tuple[float, ...]]] = {which: [] for which in Call}
    lengths: dict[Call, list[float]] = {which: [] for which in Call}
    for _ in lab.rounds():
        for which, call in calls(rounds).items():
            beats, started, ended = asyncio.run(_heartbeat(call))
            gaps[which].append(tuple(b - a for a, b in itertools.pairwise(beats) if b > started and a < ended))
            lengths[which].append(ended - started)
    return Data(
        cells={which: Beats(gaps=tuple(gaps[which]), call=tuple(lengths[which])) for which in Call},
        timeline={which: _recorded(call) for which, call in calls(round(rounds * SHOWN / seconds)).items()},
    )


async def _heartbeat(call: Callable[[], object]) -> tuple[list[float], float, float]:
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


def _recorded(call: Callable[[], object]) -> Recorded:
    """The loop's thread and the call's as they were recorded, and the heartbeats, in ms from the call's start."""
    beats: list[float] = []

    def work() -> tuple[float, float]:
        times, started, ended = asyncio.run(_heartbeat(call))
        beats.extend(1e3 * (beat - started) for beat in times if beat < ended + AFTER)
        return started, ended + AFTER

    lanes = recorded(work, {"MainThread": "loop", "asyncio_0": "thread"}, 2 * SHOWN)
    return Recorded(lanes=lanes, beats=tuple(beats))


def judge(data: Data, bracket: Bracket) -> Judgement:
    parts = {which: beats.longest_parts() for which, beats in data.cells.items()}
    conditions: dict[str, Truth] = {
        f"{which}: the loop is blocked": at_least(parts[which], FROZEN_LEAST) for which in (Call.HELD, Call.NOGIL)
    }
    conditions["released: it runs on"] = at_most(parts[Call.RELEASED], FLOWING_MOST)
    return Judgement(conditions, _evidence(data), (_rows(data), *_timeline(data)))


def _evidence(data: Data) -> str:
    figures = []
    for which, beats in data.cells.items():
        (p50, p99), longest = beats.percentiles_ms(), beats.longest_ms()
        figures.append(
            f"{which} p50 {p50:.1f}, p99 {p99:.1f}, longest {longest.median:.1f} [{longest.low:.1f}, "
            f"{longest.high:.1f}] ms"
        )
    length = min(data.cells[Call.HELD].call) * 1e3
    return f"While a call of {length:.0f} ms ran, the gaps of a {BEAT * 1e3:g} ms heartbeat were: {'; '.join(figures)}."


def _rows(data: Data) -> Chart:
    length = min(data.cells[Call.HELD].call) * 1e3
    series = []
    for which, beats in data.cells.items():
        p50, _ = beats.percentiles_ms()
        points = (Point(f"{which}, longest", beats.longest_ms()), Point(f"{which}, p50", exactly(p50)))
        series.append(Series(which.value, which.color, points))
    return Chart(
        "rows",
        Axis("gap between two heartbeats", "ms", log=True),
        series=tuple(series),
        limits=(
            Limit(BEAT * 1e3, "the beat"),
            Limit(FLOWING_MOST * length, "← runs on"),
            Limit(FROZEN_LEAST * length, "blocked →"),
        ),
    )


def _timeline(data: Data) -> tuple[Chart, ...]:
    beats = tuple(
        Bar(f"{which}: loop", beat, beat + BEAT_WIDTH, "heartbeat", "auto")
        for which, each in data.timeline.items()
        for beat in each.beats
        if each.lanes.tracks and beat >= 0
    )
    return timeline({str(which): each.lanes for which, each in data.timeline.items()}, marks=beats)


EXPERIMENT = Experiment(
    name="event-loop",
    order=90,
    claim="Awaiting to_thread(kernel) freezes the asyncio loop for the whole call when the kernel holds the GIL, and "
    "not when it releases it.",
    why="The loop is Python code in its own thread, and needs the GIL for each step. to_thread() moves the call to "
    "another thread, but to the interpreter a C call that holds the GIL is one instruction: nobody can stop it in the "
    "middle. A `nogil` that stands only in a function's signature releases nothing.",
    refuted_by="A held call during which the heartbeat goes on, or a released one during which it stops.",
    reading="The longest and the median gap between two heartbeats, on a logarithmic axis. Left of the middle line the "
    "loop runs on; right of the last one it was blocked for the whole call. The timeline shows the loop's thread and "
    "the call's, as they were recorded in a shorter call, with the heartbeats: while the loop waits for the GIL, there "
    "are none.",
    places=(TAKE, BREAKER),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"seconds": 0.1, "released": "released"},
    control={"released": "held"},
    seconds=2.5,
)
