"""gil-release: does a kernel scale over threads because it releases the GIL?"""

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Point, Series
from gilscope.experiments._words import SAVE, TAKE, ceiling, figure, scaled, scales, stands, thresholds
from gilscope.kernels import load
from gilscope.measure.stats import Truth
from gilscope.variants import variants_of

BINDINGS = {"capi": "C", "cython": "Cython"}
POLICIES = ("released", "held")


def measure(lab: Lab, kernels: list[str], released: str) -> Data:
    """Each kernel in both bindings, held and released, on one thread and on two that do as much each.

    released: the policy under which the released cells run; anything but "released" is a negative control.
    """
    cells = {}
    for name in kernels:
        kernel = load()[name]
        job = kernel.inputs(kernel.sizes["small"], 0)
        for policy in POLICIES:
            wanted = released if policy == "released" else policy
            for cell in variants_of(name):
                if cell.implementation in BINDINGS and cell.policy == wanted:
                    cells[f"{name}, {BINDINGS[cell.implementation]}, {policy}"] = (cell, job)
    return {"cells": lab.scaling(cells)}


def judge(data: Data) -> Judgement:
    limit = ceiling(data).speedup()
    conditions: dict[str, Truth] = {}
    series = []
    said = []
    for policy in POLICIES:
        cells = {name: cell for name, cell in data["cells"].items() if name.endswith(policy)}
        conditions |= {
            f"{name} {'scales' if policy == 'released' else 'stands still'}": (
                scales if policy == "released" else stands
            )(cell, data)
            for name, cell in cells.items()
        }
        points = tuple(Point(name, scaled(cell).speedup()) for name, cell in cells.items())
        series.append(Series(policy, policy, points))
        least = min(points, key=lambda point: point.value.median)
        most = max(points, key=lambda point: point.value.median)
        said.append(f"{policy} {figure(least.value)} to {figure(most.value)}")
    chart = Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=tuple(series),
        limits=thresholds(data),
    )
    evidence = f"On two threads {'; '.join(said)}; plain C threads gain {figure(limit)}."
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="gil-release",
    claim="A C or Cython kernel scales over a thread pool when it releases the GIL, and not at all when it holds it.",
    why="Between PyEval_SaveThread and PyEval_RestoreThread a thread needs no GIL, so others run beside it. A call "
    "that holds it keeps every other Python thread waiting from its first instruction to its last.",
    refuted_by="A held kernel that gains, as on a free-threaded interpreter, or a released one that does not.",
    reading="A row a kernel, binding and policy, with its 95 % interval. Released rows should end at the ceiling, held "
    "ones at 1.",
    places=(SAVE, TAKE),
    measure=measure,
    judge=judge,
    parameters={"kernels": ["spin", "mandelbrot"], "released": "released"},
    control={"released": "held"},
    seconds=3.0,
)
