"""python-threads: do threads that compute in Python run side by side?"""

from collections.abc import Mapping
from dataclasses import dataclass

from gilscope.experiments import WORKERS, Axis, Chart, Experiment, Judgement, Lab, Point, Series, Timing
from gilscope.experiments._words import (
    BREAKER,
    CPUS,
    DROP,
    ONE_MOST,
    TAKE,
    figure,
    one_at_a_time,
    thresholds,
)
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.stats import Interval
from gilscope.variants import variants_of

KERNELS = ("spin", "montecarlo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Loops in Python on one thread and on two."""

    cells: Mapping[str, Timing]
    """By kernel."""


def measure(lab: Lab, *, implementation: str, policy: str) -> Data:
    """The loops of these kernels, by default those in Python, on one thread and on two that do as much each."""
    cells = {}
    for name in KERNELS:
        (cell,) = (c for c in variants_of(name) if (c.implementation, c.policy) == (implementation, policy))
        kernel = load()[name]
        cells[name] = (cell, [kernel.inputs(kernel.sizes["tiny"], 0)] * WORKERS)
    return Data(cells=lab.scaling(cells).cells)


def judge(data: Data, bracket: Bracket) -> Judgement:
    conditions = {
        f"two threads in {name} keep at most {ONE_MOST:g} CPUs busy": one_at_a_time(cell, bracket)
        for name, cell in data.cells.items()
    }
    cpus = {name: cell.cpus_used() for name, cell in data.cells.items()}
    speedups = {name: cell.speedup() for name, cell in data.cells.items()}
    return Judgement(conditions, _evidence(cpus, speedups, bracket), _charts(cpus, speedups, bracket))


def _evidence(cpus: Mapping[str, Interval], speedups: Mapping[str, Interval], bracket: Bracket) -> str:
    busy = ", ".join(f"{figure(value, '')} in {name}" for name, value in cpus.items())
    figures = ", ".join(f"{figure(speedup)} in {name}" for name, speedup in speedups.items())
    evidence = (
        f"CPUs that two threads kept busy: {busy}; their speed-up over one thread: {figures}. Plain C threads reached "
        f"{figure(bracket.scaling().speedup())}."
    )
    slower = [name for name, speedup in speedups.items() if speedup.high < 1]
    return evidence + (f" Slower than one thread: {', '.join(slower)}." if slower else "")


def _charts(cpus: Mapping[str, Interval], speedups: Mapping[str, Interval], bracket: Bracket) -> tuple[Chart, ...]:
    ceiling = Point("C threads", bracket.scaling().speedup())
    return (
        Chart(
            "rows",
            Axis("CPUs that 2 threads keep busy"),
            series=(Series("threads", "own", tuple(Point(name, value) for name, value in cpus.items())),),
            limits=CPUS,
        ),
        Chart(
            "rows",
            Axis("speed-up of 2 threads over one", "x"),
            series=(
                Series("threads", "own", tuple(Point(name, value) for name, value in speedups.items())),
                Series("plain C threads", "ceiling", (ceiling,)),
            ),
            limits=thresholds(bracket),
        ),
    )


EXPERIMENT = Experiment(
    name="python-threads",
    order=10,
    claim="CPU-bound Python threads do not run in parallel, and may be slower than one.",
    why="A thread needs the GIL for every bytecode, and there is only one GIL. Two threads that compute take turns, "
    "one switch interval each, and every turn costs a hand-off between cores.",
    refuted_by="Two threads that keep two CPUs busy, as they do on a free-threaded interpreter.",
    reading="One row per loop, with its 95 % interval. The CPUs that the two threads keep busy between them decide. "
    "The second chart shows what the second thread is worth: nothing at 1, and below 1 it does harm. The ceiling is "
    "what two plain C threads gained in the same seconds.",
    places=(TAKE, BREAKER, DROP),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"implementation": "python", "policy": "own"},
    control={"implementation": "capi", "policy": "released"},
    seconds=2.0,
)
