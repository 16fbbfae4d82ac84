"""python-threads: do threads that compute in Python run side by side?"""

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Point, Series
from gilscope.experiments._lab import WORKERS
from gilscope.experiments._words import (
    BREAKER,
    CPUS,
    DROP,
    ONE_MOST,
    TAKE,
    ceiling,
    figure,
    one_at_a_time,
    scaled,
    thresholds,
    used,
)
from gilscope.variants import variants_of

KERNELS = ("spin", "montecarlo")


def measure(lab: Lab, implementation: str, policy: str) -> Data:
    """The loops of these kernels, by default those in Python, on one thread and on two that do as much each."""
    from gilscope.kernels import load

    cells = {}
    for name in KERNELS:
        (cell,) = (c for c in variants_of(name) if (c.implementation, c.policy) == (implementation, policy))
        kernel = load()[name]
        cells[name] = (cell, [kernel.inputs(kernel.sizes["tiny"], 0)] * WORKERS)
    return {"cells": lab.scaling(cells)}


def judge(data: Data) -> Judgement:
    speedups = {name: scaled(cell).speedup() for name, cell in data["cells"].items()}
    limit = ceiling(data).speedup()
    slower = [name for name, speedup in speedups.items() if speedup.high < 1]
    figures = ", ".join(f"{name} {figure(speedup)}" for name, speedup in speedups.items())
    cpus = {name: used(cell) for name, cell in data["cells"].items()}
    kept = ", ".join(f"{name} {figure(value, '')}" for name, value in cpus.items())
    evidence = (
        f"Two threads kept so many CPUs busy: {kept}; they ran {figures} as fast as one. Plain C threads gain "
        f"{figure(limit)}."
    )
    if slower:
        evidence += f" Slower than one thread: {', '.join(slower)}."
    points = tuple(Point(name, speedup) for name, speedup in speedups.items())
    chart = Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=(
            Series("threads", "own", points),
            Series("plain C threads", "ceiling", (Point("C threads", limit),)),
        ),
        limits=thresholds(data),
    )
    cpus_chart = Chart(
        "rows",
        Axis("CPUs that 2 threads keep busy", ""),
        series=(Series("threads", "own", tuple(Point(name, value) for name, value in cpus.items())),),
        limits=CPUS,
    )
    conditions = {
        f"two threads in {name} keep at most {ONE_MOST:g} CPUs busy": one_at_a_time(cell, data)
        for name, cell in data["cells"].items()
    }
    return Judgement(conditions, evidence, (cpus_chart, chart))


EXPERIMENT = Experiment(
    name="python-threads",
    claim="CPU-bound Python threads do not run in parallel, and may be slower than one.",
    why="A thread needs the GIL for every bytecode, and there is one GIL. Two threads that compute take turns of one "
    "switch interval each, and each turn costs a hand-off between cores.",
    refuted_by="Two threads that keep two CPUs busy, as they do on a free-threaded interpreter.",
    reading="A row a loop, with its 95 % interval. The CPUs that two threads keep busy between them decide. Below it, "
    "what the second thread is worth: at 1 nothing, below 1 it does harm; the ceiling is what two plain C threads "
    "gained in the same seconds.",
    places=(TAKE, BREAKER, DROP),
    measure=measure,
    judge=judge,
    parameters={"implementation": "python", "policy": "own"},
    control={"implementation": "capi", "policy": "released"},
    seconds=2.0,
)
