"""traceback: how an error inside code without the GIL arrives."""

import traceback
from pathlib import Path
from typing import Any

import numpy as np

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.kernels import load
from gilscope.measure.stats import Interval, Truth
from gilscope.sources import ext_folder
from gilscope.variants import native

BINDINGS = {"capi": "C", "cython": "Cython"}
POLICIES = ("held", "released")
WRONG = 1234
"""The place of the key that has no bin."""


def measure(lab: Lab, wrong: bool) -> Data:
    """A key that has no bin, found deep inside a released loop: the exception, and the lines of its traceback.

    wrong: whether there is such a key; where not, that is the negative control.
    """
    found: dict[str, dict[str, Any]] = {}
    for binding, name in BINDINGS.items():
        for policy in POLICIES:
            found[f"{name}, {policy}"] = _raised(native(load()["histogram"], binding).histogram, policy, wrong)
    return {"cells": found}


def _raised(histogram: Any, policy: str, wrong: bool) -> dict[str, Any]:
    keys = np.zeros(10_000, np.uint8)
    if wrong:
        keys[WRONG] = 9
    try:
        line = _line()
        histogram(keys, np.zeros(4, np.int64), policy=policy)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        return {
            "type": type(error).__name__,
            "message": str(error),
            "caller": frames[0].lineno == line + 1,
            "inner": [[Path(frame.filename).name, frame.lineno, _text(frame)] for frame in frames[1:]],
        }
    return {"type": None, "message": "", "caller": False, "inner": []}


def _line() -> int:
    return traceback.extract_stack(limit=2)[0].lineno or 0


def _text(frame: traceback.FrameSummary) -> str:
    """The line in the .pyx that Cython names, if there is one."""
    path = ext_folder() / "cy" / Path(frame.filename).name
    if not path.exists() or frame.lineno is None:
        return ""
    return path.read_text().splitlines()[frame.lineno - 1].strip()


def judge(data: Data) -> Judgement:
    conditions: dict[str, Truth] = {}
    for name, found in data["cells"].items():
        conditions[f"{name}: a ValueError that names the place"] = (
            found["type"] == "ValueError" and str(WRONG) in found["message"]
        )
        conditions[f"{name}: from the caller's line"] = found["caller"]
        if name.startswith("Cython"):
            conditions[f"{name}: with the line in the .pyx"] = any(
                "gs_pending" in text for _, _, text in found["inner"]
            )
    right = sum(found["type"] == "ValueError" for found in data["cells"].values())
    inner = next((f"{file}:{line}" for f in data["cells"].values() for file, line, _ in f["inner"]), "no inner line")
    evidence = (
        f"{right} of {len(data['cells'])} cells raised ValueError from their caller's line; Cython adds {inner}, C "
        "adds none."
    )
    chart = Chart(
        "rows",
        Axis("lines in the traceback"),
        series=tuple(
            Series(
                name, "released" if "released" in name else "held", (Point(name, _of(len(f["inner"]) + f["caller"])),)
            )
            for name, f in data["cells"].items()
        ),
        limits=(Limit(1, "the caller's"),),
    )
    return Judgement(conditions, evidence, (chart,))


def _of(value: float) -> Interval:
    return Interval(value, value, value)


EXPERIMENT = Experiment(
    name="traceback",
    claim="An error raised by code without the GIL arrives as the right exception with the right lines.",
    why="Code without the GIL can not raise: an exception is an object of the thread state. It returns a status, and "
    "the exception is made after the GIL is back. Cython then adds the line of its source, C code adds none.",
    refuted_by="Another exception, a lost one, or a traceback that starts somewhere else.",
    reading="How many lines the traceback has: the caller's own, and one in the .pyx where Cython raised.",
    places=(
        Place("_PyErr_SetObject", "sets the exception of the thread state", {"3.11 to 3.15": "Python/errors.c"}),
        Place("PyTraceBack_Here", "adds the line of a frame", {"3.11 to 3.15": "Python/traceback.c"}),
    ),
    measure=measure,
    judge=judge,
    parameters={"wrong": True},
    control={"wrong": False},
    seconds=0.5,
)
