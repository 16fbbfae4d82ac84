"""free-threading: the same loops in Python, where this interpreter has no GIL."""

import subprocess
import sys
import sysconfig
from typing import Any

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, NotHere, Place, Point, Series
from gilscope.experiments._lab import WORKERS
from gilscope.experiments._words import figure, scaled, scales, stands, thresholds
from gilscope.kernels import load
from gilscope.measure.stats import Truth

OTHER = """
import json, sys
from gilscope.experiments import Lab, load
from gilscope.experiments._lab import WORKERS
from gilscope.kernels import load as kernels
spin = kernels()["spin"]
lab = Lab(float(sys.argv[1]))
cells = lab.scaling({"Python": (spin.python, [spin.inputs(spin.sizes["tiny"], 0)] * WORKERS)})
print(json.dumps(cells["Python"]))
"""


def measure(lab: Lab, gil: str) -> Data:
    """A loop in Python on one thread and on two, in this interpreter without its GIL and, in a child, with it.

    gil: "0", as the build comes; "1" turns the GIL on, and is the negative control.
    """
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise NotHere("this interpreter always has a GIL (a free-threaded build is needed)")
    spin = load()["spin"]
    found: dict[str, Any] = {}
    if gil == "0":
        jobs = [spin.inputs(spin.sizes["tiny"], 0)] * WORKERS
        found["without the GIL"] = lab.scaling({"it": (spin.python, jobs)}, part=0.5)["it"]
    else:
        found["without the GIL"] = _child("1", lab.seconds / 2)
        list(lab.rounds(part=0.1))
    found["with the GIL"] = _child("1", lab.seconds / 2)
    return {"cells": found}


def _child(gil: str, seconds: float) -> Any:
    import json

    command = [sys.executable, "-W", "ignore", f"-Xgil={gil}", "-c", OTHER, str(seconds)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


def judge(data: Data) -> Judgement:
    cells = data["cells"]
    conditions: dict[str, Truth] = {
        "without the GIL the loop scales": scales(cells["without the GIL"], data),
        "with it, it does not": stands(cells["with the GIL"], data),
    }
    speedups = {name: scaled(cell).speedup() for name, cell in cells.items()}
    one = min(cells["without the GIL"]["one"]) / cells["without the GIL"]["calls"]
    other = min(cells["with the GIL"]["one"]) / cells["with the GIL"]["calls"]
    evidence = (
        f"Two threads run a loop in Python {figure(speedups['without the GIL'])} as fast as one without the GIL and "
        f"{figure(speedups['with the GIL'])} with it; one thread takes {one / other:.2f}x as long without."
    )
    chart = Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=(
            Series("without", "released", (Point("without the GIL", speedups["without the GIL"]),)),
            Series("with", "held", (Point("with the GIL", speedups["with the GIL"]),)),
        ),
        limits=thresholds(data),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="free-threading",
    claim="On a free-threaded interpreter, threads that compute in Python run in parallel.",
    why="There is no GIL to take turns with: objects have locks and reference counts of their own.",
    refuted_by="Two threads without a GIL that gain no more than with it.",
    reading="Speed-up on two threads of a loop in Python, without the GIL and, on the same build, with it (-X gil=1).",
    places=(
        Place("take_gil", "returns at once where the GIL is off", {"3.13 to 3.15": "Python/ceval_gil.c"}),
        Place("_Py_DecRefShared", "counts what other threads use, too", {"3.13 to 3.15": "Objects/object.c"}),
    ),
    measure=measure,
    judge=judge,
    parameters={"gil": "0"},
    control={"gil": "1"},
    seconds=3.0,
)
