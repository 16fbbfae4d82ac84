"""interpreter-cost: what a step of a loop costs in Python, in Cython and in C."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.kernels import load
from gilscope.measure.stats import Scaling, at_least, fastest_interval
from gilscope.pools import Serial
from gilscope.variants import native

SLOWER_LEAST = 50
"""Of the "50 to 100 times" that people tell, what must be true: the lower end. How much more it is, the figure says."""
OFTEN = 100
COLORS = {"Python": "own", "Cython, untyped": "held", "Cython, typed": "auto", "C": "released", "Numba": "auto"}


def measure(lab: Lab, python: str) -> Data:
    """One loop, 64-bit mixing without memory, in each language: nanoseconds a step.

    python: the implementation that stands for Python; another one is the negative control.
    """
    spec = load()["spin"]
    loops = import_module("gilscope.cy.experiments.loops")
    spin = native(spec, "capi").spin
    plain = spec.python if python == "python" else loops.typed
    cells: dict[str, tuple[Callable[..., Any], int]] = {
        "Python": (plain, 50_000),
        "Cython, untyped": (loops.untyped, 50_000),
        "Cython, typed": (loops.typed, 2_000_000),
        "C": (spin, 2_000_000),
    }
    if find_spec("numba"):
        cells["Numba"] = (_numba(), 2_000_000)
    for function, steps in cells.values():
        function(steps)
    found: dict[str, list[float]] = {name: [] for name in cells}
    for _ in lab.rounds():
        for name, (function, steps) in cells.items():
            found[name].append(Serial().round(function, [(steps, 1)], 1) / steps)
    return {"seconds": found}


def _numba() -> Callable[..., Any]:
    numba = import_module("numba")
    numpy = import_module("numpy")

    @numba.njit  # type: ignore[untyped-decorator]
    def mix(steps: int, seed: int = 0) -> int:
        state = numpy.uint64(seed)
        for _ in range(steps):
            state ^= state >> numpy.uint64(32)
            state *= numpy.uint64(0xD6E8FEB86659FD93)
            state += numpy.uint64(0x9E3779B97F4A7C15)
        return state  # type: ignore[no-any-return]

    return mix  # type: ignore[no-any-return]


def judge(data: Data) -> Judgement:
    seconds = data["seconds"]
    steps = {name: fastest_interval([1e9 * second for second in values]) for name, values in seconds.items()}
    ratio = Scaling(seconds["Python"], seconds["C"], 1).speedup()
    conditions = {f"Python takes {SLOWER_LEAST}x as long as C, or more": at_least(ratio, SLOWER_LEAST)}
    said = ", ".join(f"{name} {span.median:.3g}" for name, span in steps.items())
    evidence = (
        f"A step takes, in ns: {said}; Python takes {ratio.median:.0f}x [{ratio.low:.0f}, {ratio.high:.0f}] as long "
        "as C."
    )
    c = steps["C"].median
    chart = Chart(
        "rows",
        Axis("time of a step", "ns", log=True),
        series=tuple(Series(name, COLORS[name], (Point(name, span),)) for name, span in steps.items()),
        limits=(Limit(c * SLOWER_LEAST, f"{SLOWER_LEAST} times C"), Limit(c * OFTEN, f"{OFTEN} times C")),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="interpreter-cost",
    claim="Python runs such loops at least 50 times slower than C.",
    why="Each step is a dozen bytecodes, each of them is dispatched, and each result is a new object. C has three "
    "instructions for it. Compiling the same Python with Cython saves the dispatch only; types save the rest.",
    refuted_by="A ratio whose whole interval lies below 50, as for a loop that spends its time inside of C.",
    reading="Nanoseconds a step, on a logarithmic axis. Python is judged by the first line, 50 times what C takes; the "
    "second is 100 times.",
    places=(
        Place(
            "_PyEval_EvalFrameDefault",
            "dispatches each bytecode",
            {"3.11 to 3.15": "Python/ceval.c, with Python/generated_cases.c.h from 3.12 on"},
        ),
    ),
    measure=measure,
    judge=judge,
    parameters={"python": "python"},
    control={"python": "typed"},
    seconds=1.5,
)
