"""oversubscription: a thread pool over calls that have threads of their own."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Place, Point, Series
from gilscope.experiments._words import figure
from gilscope.kernels import load
from gilscope.measure.calibrate import calls_for, seconds_of
from gilscope.measure.stats import Scaling, at_least, paired_ratio
from gilscope.pools import Serial, Threads
from gilscope.variants import native

SLOWER_LEAST = 1.05
"""Both together take at least this many times as long as the better of the two alone."""
COLORS = {"a pool of plain calls": "released", "threads inside the calls": "auto", "both": "held"}


def measure(lab: Lab, kernel: str, size: int, inside: int) -> Data:
    """The same calls of a kernel from a pool, with OpenMP inside each call, and with both at once.

    inside: the threads in each call of the pool in "both", 0 for as many as cores; 1 is the negative control.
    """
    # As a library comes: gilscope asks OpenMP's threads to sleep while they wait, which nobody else does.
    os.environ.pop("OMP_WAIT_POLICY", None)
    spec = load()[kernel]
    module = native(spec, "openmp")
    if not getattr(module, "OPENMP", False):
        raise NotHere("this build has no OpenMP")
    team: Callable[..., Any] = getattr(module, f"{kernel}_openmp")
    cores = max(2, int(lab.cpus))
    job = spec.inputs(size, 0)
    ways: dict[str, tuple[int, int]] = {
        "a pool of plain calls": (cores, 1),
        "threads inside the calls": (1, cores),
        "both": (cores, inside or cores),
    }
    calls = calls_for(seconds_of(partial(team, threads=1), job), 0.01)
    found: dict[str, list[float]] = {name: [] for name in ways}
    with Threads(cores) as pool:
        for _ in lab.rounds():
            for name, (workers, threads) in ways.items():
                call = partial(team, threads=threads)
                if workers == 1:
                    found[name].append(Serial().round(call, [job], calls * cores))
                else:
                    found[name].append(pool.round(call, [job] * cores, calls))
    return {"seconds": found, "cores": cores, "inside": inside}


def judge(data: Data) -> Judgement:
    seconds = data["seconds"]
    alone = {name: values for name, values in seconds.items() if name != "both"}
    best = min(alone, key=lambda name: min(alone[name]))
    loss = {name: paired_ratio(seconds["both"], values) for name, values in alone.items()}
    conditions = {
        f"both take {SLOWER_LEAST:g}x as long as {name}": at_least(loss[name], SLOWER_LEAST) for name in alone
    }
    evidence = (
        f"On {data['cores']} cores, a pool over calls with threads of their own takes "
        f"{' and '.join(f'{figure(loss[name])} as long as {name}' for name in alone)}."
    )
    first = seconds["a pool of plain calls"]
    chart = Chart(
        "rows",
        Axis("speed against a pool of plain calls", "x"),
        series=tuple(
            Series(name, COLORS[name], (Point(name, Scaling(first, values, 1).speedup()),))
            for name, values in seconds.items()
        ),
        limits=(Limit(1.0, f"best alone: {best}" if best == "a pool of plain calls" else "a pool of plain calls"),),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="oversubscription",
    claim="A thread pool over a library that has its own threads is slower than either alone.",
    why="Each call of the pool starts a team for all cores, so N times N threads want N cores. They preempt each "
    "other, a team waits at its barrier for a member that has no core, and each small call pays for a team.",
    refuted_by="Both together that are as fast as the better of the two.",
    reading="How fast the same work was done, against a pool of calls that have one thread each. Left of the line is "
    "slower.",
    places=(
        Place(
            "PyEval_SaveThread",
            "gives the GIL away; how many threads then want a core, nobody counts",
            {"3.11": "Python/ceval.c", "3.12 to 3.15": "Python/ceval_gil.c"},
        ),
    ),
    measure=measure,
    judge=judge,
    parameters={"kernel": "mandelbrot", "size": 100, "inside": 0},
    control={"inside": 1},
    seconds=2.0,
)
