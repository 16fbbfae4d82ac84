"""interpreter-cost: what a step of a loop costs in Python, in Cython and in C."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.kernels import load
from gilscope.pools import Serial
from gilscope.results import Bracket
from gilscope.stats import Scaling, at_least, fastest_interval
from gilscope.variants import native

SLOWER_LEAST = 50
"""People say "50 to 100 times". The lower end must be true; the figure says how much more it is."""
OFTEN = 100
STEPS_SLOW, STEPS_FAST = 50_000, 2_000_000


class Loop(StrEnum):
    """The same loop in one language."""

    PYTHON = "Python"
    UNTYPED = "Cython, untyped"
    TYPED = "Cython, typed"
    C = "C"
    NUMBA = "Numba"

    @property
    def color(self) -> str:
        return {Loop.PYTHON: "own", Loop.UNTYPED: "held", Loop.C: "released"}.get(self, "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """One loop in each language."""

    seconds: Mapping[Loop, tuple[float, ...]]
    """Seconds per step, one value per round."""


def measure(lab: Lab, *, python: str) -> Data:
    """One loop, 64-bit mixing without memory, in each language: seconds per step.

    python: the implementation that stands for Python; another one is the negative control.
    """
    spec = load()["spin"]
    loops = import_module("gilscope.cy.experiments.loops")
    cells: dict[Loop, tuple[Callable[..., Any], int]] = {
        Loop.PYTHON: (spec.python if python == "python" else loops.typed, STEPS_SLOW),
        Loop.UNTYPED: (loops.untyped, STEPS_SLOW),
        Loop.TYPED: (loops.typed, STEPS_FAST),
        Loop.C: (native(spec, "capi").spin, STEPS_FAST),
    }
    if find_spec("numba"):
        cells[Loop.NUMBA] = (_numba(), STEPS_FAST)
    for function, steps in cells.values():
        function(steps)
    seconds: dict[Loop, list[float]] = {loop: [] for loop in cells}
    for _ in lab.rounds():
        for loop, (function, steps) in cells.items():
            seconds[loop].append(Serial().round(function, [(steps, 1)], 1) / steps)
    return Data(seconds={loop: tuple(values) for loop, values in seconds.items()})


def _numba() -> Callable[..., Any]:
    def mix(steps: int, seed: int = 0) -> Any:
        state = np.uint64(seed)
        for _ in range(steps):
            state ^= state >> np.uint64(32)
            state *= np.uint64(0xD6E8FEB86659FD93)
            state += np.uint64(0x9E3779B97F4A7C15)
        return state

    compiled: Callable[..., Any] = import_module("numba").njit(mix)
    return compiled


def judge(data: Data, bracket: Bracket) -> Judgement:
    steps = {loop: fastest_interval([1e9 * second for second in values]) for loop, values in data.seconds.items()}
    ratio = Scaling(data.seconds[Loop.PYTHON], data.seconds[Loop.C], 1).speedup()
    conditions = {f"Python takes {SLOWER_LEAST}x as long as C, or more": at_least(ratio, SLOWER_LEAST)}
    figures = ", ".join(f"{loop} {span.median:.3g}" for loop, span in steps.items())
    evidence = (
        f"Time per step in ns: {figures}. Python takes {ratio.median:.0f}x [{ratio.low:.0f}, {ratio.high:.0f}] as "
        "long as C."
    )
    c = steps[Loop.C].median
    chart = Chart(
        "rows",
        Axis("time per step", "ns", log=True),
        series=tuple(Series(loop.value, loop.color, (Point(loop.value, span),)) for loop, span in steps.items()),
        limits=(Limit(c * SLOWER_LEAST, f"{SLOWER_LEAST} times C"), Limit(c * OFTEN, f"{OFTEN} times C")),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="interpreter-cost",
    order=30,
    claim="Python runs a CPU-bound loop at least 50 times slower than C.",
    why="Each step is a dozen bytecodes; each of them is dispatched, and each result is a new object. C needs three "
    "instructions. Compiling the same Python with Cython saves only the dispatch; types save the rest.",
    refuted_by="A ratio whose whole interval lies below 50, as for a loop that spends its time inside C.",
    reading="Nanoseconds per step, on a logarithmic axis. The first line, 50 times what C takes, decides about Python; "
    "the second is 100 times.",
    places=(
        Place(
            "_PyEval_EvalFrameDefault",
            "dispatches each bytecode",
            {"3.11 to 3.15": "Python/ceval.c, with Python/generated_cases.c.h from 3.12 on"},
        ),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"python": "python"},
    control={"python": "typed"},
    seconds=1.5,
)
