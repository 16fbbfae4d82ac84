"""free-threading: the same loops in Python, where this interpreter has no GIL."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gilscope.experiments import WORKERS, Axis, Chart, Experiment, Judgement, Lab, NotHere, Place, Point, Series, Timing
from gilscope.experiments._words import figure, scales, stands, thresholds
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.results.codec import decode
from gilscope.stats import Truth

CHILD = """
import json, sys
from gilscope.experiments import Lab
from gilscope.experiments.free_threading import python_loop
from gilscope.results.codec import encode
with Lab(float(sys.argv[1])) as lab:
    print(json.dumps(encode(python_loop(lab))))
"""


class Gil(StrEnum):
    OFF = "without the GIL"
    ON = "with the GIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    cells: Mapping[Gil, Timing]


def measure(lab: Lab, *, gil: str) -> Data:
    """A loop in Python on one thread and on two, in this interpreter without its GIL and, in a child, with it.

    gil: "0", as the build comes; "1" turns the GIL on, and is the negative control.
    """
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise NotHere("this interpreter always has a GIL (a free-threaded build is needed)")
    if gil == "0":
        without = python_loop(lab, part=0.5)
    else:
        without = _in_child(lab.seconds / 2)
        list(lab.rounds(part=0.1))
    return Data(cells={Gil.OFF: without, Gil.ON: _in_child(lab.seconds / 2)})


def python_loop(lab: Lab, part: float = 1.0) -> Timing:
    spin = load()["spin"]
    jobs = [spin.inputs(spin.sizes["tiny"], 0)] * WORKERS
    return lab.scaling({"Python": (spin.python, jobs)}, part=part).cells["Python"]


def _in_child(seconds: float) -> Timing:
    """The same with the GIL."""
    command = [sys.executable, "-W", "ignore", "-Xgil=1", "-c", CHILD, str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return decode(Timing, json.loads(done.stdout), "child")


def judge(data: Data, bracket: Bracket) -> Judgement:
    without, with_gil = data.cells[Gil.OFF], data.cells[Gil.ON]
    conditions: dict[str, Truth] = {
        "without the GIL the loop scales": scales(without, bracket),
        "with it, it does not": stands(with_gil, bracket),
    }
    speedups = {gil: cell.speedup() for gil, cell in data.cells.items()}
    one, other = (min(cell.one) / cell.calls for cell in (without, with_gil))
    evidence = (
        f"Two threads run a loop in Python {figure(speedups[Gil.OFF])} as fast as one without the GIL and "
        f"{figure(speedups[Gil.ON])} with it; one thread takes {one / other:.2f}x as long without."
    )
    chart = Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=(
            Series("without", "released", (Point(Gil.OFF, speedups[Gil.OFF]),)),
            Series("with", "held", (Point(Gil.ON, speedups[Gil.ON]),)),
        ),
        limits=thresholds(bracket),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="free-threading",
    order=220,
    claim="On a free-threaded interpreter, threads that compute in Python run in parallel.",
    why="There is no GIL to take turns with: objects have locks and reference counts of their own.",
    refuted_by="Two threads without a GIL that gain no more than with it.",
    reading="The speed-up on two threads of a loop in Python, without the GIL and, on the same build, with it "
    "(-X gil=1).",
    places=(
        Place("take_gil", "returns at once where the GIL is off", {"3.13 to 3.15": "Python/ceval_gil.c"}),
        Place("_Py_DecRefShared", "counts what other threads use, too", {"3.13 to 3.15": "Objects/object.c"}),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"gil": "0"},
    control={"gil": "1"},
    seconds=3.0,
)
