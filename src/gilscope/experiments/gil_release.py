"""gil-release: does a kernel scale over threads because it releases the GIL?"""

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Point, Series
from gilscope.experiments._lab import WORKERS
from gilscope.experiments._words import (
    CPUS,
    ONE_MOST,
    SAVE,
    TAKE,
    TWO_LEAST,
    figure,
    one_at_a_time,
    scaled,
    side_by_side,
    thresholds,
    used,
)
from gilscope.kernels import load
from gilscope.measure.stats import STANDS_BELOW, Truth, at_least
from gilscope.variants import native, variants_of

BINDINGS = {"capi": "C", "cython": "Cython"}
POLICIES = ("released", "held")


def measure(lab: Lab, kernels: list[str], released: str) -> Data:
    """Each kernel in both bindings, held and released, on one thread and on two that do as much each.

    released: the policy under which the released cells run; anything but "released" is a negative control.
    """
    cells, plain = {}, {}
    for name in kernels:
        kernel = load()[name]
        jobs = [kernel.inputs(kernel.sizes["small"], 0)] * WORKERS
        plain[name] = (native(kernel, "capi").ceiling, jobs)
        for policy in POLICIES:
            wanted = released if policy == "released" else policy
            for cell in variants_of(name):
                if cell.implementation in BINDINGS and cell.policy == wanted:
                    cells[f"{name}, {BINDINGS[cell.implementation]}, {policy}"] = (cell, jobs)
    found = lab.scaling(cells, plain=plain)
    return {"plain": {name: found.pop(name) for name in plain}, "cells": found}


def judge(data: Data) -> Judgement:
    plain = {kernel: scaled(cell).speedup() for kernel, cell in data["plain"].items()}
    conditions: dict[str, Truth] = {}
    gained, kept, said = [], [], []
    for policy in POLICIES:
        cells = {name: cell for name, cell in data["cells"].items() if name.endswith(policy)}
        speedups = {name: scaled(cell).speedup() for name, cell in cells.items()}
        for name, cell in cells.items():
            if policy == "held":
                conditions[f"{name}: two threads keep at most {ONE_MOST:g} CPUs busy"] = one_at_a_time(cell, data)
            else:
                least = 1 + STANDS_BELOW * (plain[name.partition(",")[0]].median - 1)
                conditions[f"{name}: two threads keep {TWO_LEAST:g} CPUs busy"] = side_by_side(cell, data)
                conditions[f"{name}: they gain {least:.2f}x or more"] = at_least(speedups[name], least)
        gained.append(Series(policy, policy, tuple(Point(name, value) for name, value in speedups.items())))
        kept.append(Series(policy, policy, tuple(Point(name, used(cell)) for name, cell in cells.items())))
        values = sorted(speedups.values(), key=lambda value: value.median)
        cpus = sorted((used(cell) for cell in cells.values()), key=lambda value: value.median)
        said.append(
            f"{policy} they keep {cpus[0].median:.2f} to {cpus[-1].median:.2f} CPUs busy and gain {figure(values[0])} "
            f"to {figure(values[-1])}"
        )
    series = Series(
        "plain C threads",
        "ceiling",
        tuple(Point(f"{kernel}, plain C threads", value) for kernel, value in plain.items()),
    )
    stands_still, _, _ = thresholds(data)
    speedup = Chart(
        "rows", Axis("speed-up of 2 threads over one", "x"), series=(*gained, series), limits=(stands_still,)
    )
    busy = Chart("rows", Axis("CPUs that 2 threads keep busy"), series=tuple(kept), limits=CPUS)
    limits = ", ".join(f"{kernel} {figure(value)}" for kernel, value in plain.items())
    evidence = f"Two threads: {'; '.join(said)}. The same work on plain C threads gains: {limits}."
    return Judgement(conditions, evidence, (speedup, busy))


EXPERIMENT = Experiment(
    name="gil-release",
    claim="A C or Cython kernel scales over a thread pool when it releases the GIL, and not at all when it holds it.",
    why="Between PyEval_SaveThread and PyEval_RestoreThread a thread needs no GIL, so others run beside it. A call "
    "that holds it keeps every other Python thread waiting from its first instruction to its last.",
    refuted_by="A held kernel that gains, as on a free-threaded interpreter, or a released one that does not.",
    reading="A row a kernel, binding and policy, with its 95 % interval. Held rows should end at 1, released ones "
    "where the same work does on plain C threads: below 2 on cores that share their arithmetic. Then the CPUs that "
    "they keep busy.",
    places=(SAVE, TAKE),
    measure=measure,
    judge=judge,
    parameters={"kernels": ["spin", "mandelbrot"], "released": "released"},
    control={"released": "held"},
    seconds=5.0,
)
