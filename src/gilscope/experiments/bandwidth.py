"""bandwidth: what releasing brings a kernel that waits for memory."""

from functools import partial

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, Point, Series
from gilscope.experiments._lab import WORKERS
from gilscope.experiments._words import SAVE, ceiling, figure, scaled
from gilscope.kernels import load
from gilscope.measure.stats import Interval, at_least, at_most
from gilscope.variants import native

NEAR = 0.15
"""Released threads gain what plain C threads gain on the same work, give or take this part."""
SHORT_LEAST = 0.1
"""Where memory is the limit, they gain at least this part less than what only computes."""


def measure(lab: Lab, kernel: str, size: int) -> Data:
    """A kernel that streams memory: released, held, and on plain C threads, with one thread and with two."""
    spec = load()[kernel]
    module = native(spec, "capi")
    call = getattr(module, kernel)
    jobs = [spec.inputs(size, seed) for seed in range(WORKERS)]
    cells = {policy: (partial(call, policy=policy), jobs) for policy in ("released", "held")}
    return {
        "cells": lab.scaling(cells, 0.03, plain={"plain C threads": (module.ceiling, jobs)}),
        "kernel": kernel,
        "bytes": sum(array.nbytes for array in jobs[0] if hasattr(array, "nbytes")),
    }


def judge(data: Data) -> Judgement:
    speedups = {name: scaled(cell).speedup() for name, cell in data["cells"].items()}
    compute, memory, released = ceiling(data).speedup(), speedups["plain C threads"], speedups["released"]
    of_compute = _over(memory, compute.median)
    of_memory = _over(released, memory.median)
    conditions = {
        f"plain C threads gain {SHORT_LEAST:.0%} less here than where they only compute": at_most(
            of_compute, 1 - SHORT_LEAST
        ),
        f"released gains within {NEAR:.0%} of that: no less": at_least(of_memory, 1 - NEAR),
        f"released gains within {NEAR:.0%} of that: no more": at_most(of_memory, 1 + NEAR),
    }
    rates = [
        count * data["cells"]["released"]["calls"] * data["bytes"] / min(data["cells"]["released"][key]) / 1e9
        for count, key in ((1, "one"), (WORKERS, "many"))
    ]
    evidence = (
        f"On {data['kernel']} two released threads gain {figure(released)} ({rates[0]:.1f} to {rates[1]:.1f} GB/s), "
        f"plain C threads {figure(memory)}; on work without memory plain C threads gain {figure(compute)}."
    )
    colors = {"plain C threads": "ceiling", "released": "released", "held": "held"}
    chart = Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=(
            *(Series(name, colors[name], (Point(name, speedup),)) for name, speedup in speedups.items()),
            Series("compute", "ceiling", (Point("plain C threads that only compute", compute),)),
        ),
        limits=(
            Limit((1 - NEAR) * memory.median, "released: at least"),
            Limit((1 + NEAR) * memory.median, "at most"),
            Limit((1 - SHORT_LEAST) * compute.median, "← the memory's limit"),
        ),
    )
    return Judgement(conditions, evidence, (chart,))


def _over(value: Interval, other: float) -> Interval:
    return Interval(value.median / other, value.low / other, value.high / other)


EXPERIMENT = Experiment(
    name="bandwidth",
    claim="A memory-bound kernel stops at the memory's bandwidth, GIL or no GIL.",
    why="The cores share the way to memory. Once one of them nearly fills it, a second one mostly waits; what Python "
    "does with its locks changes nothing about that.",
    refuted_by="A released kernel that gains more than plain C threads do, or memory that serves two cores twice as "
    "fast as one.",
    reading="Speed-up on two threads of a kernel that streams memory, beside plain C threads that do the same work, "
    "and that do work without memory.",
    places=(SAVE,),
    measure=measure,
    judge=judge,
    parameters={"kernel": "triad", "size": 4_000_000},
    control={"kernel": "spin", "size": 5_000_000},
    seconds=2.0,
)
