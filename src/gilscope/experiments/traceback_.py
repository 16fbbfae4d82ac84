"""traceback: how an error inside code without the GIL arrives."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.experiments._intervals import exactly
from gilscope.kernels import load
from gilscope.pools import Function
from gilscope.results import Bracket
from gilscope.sources import ext_folder
from gilscope.stats import Truth
from gilscope.variants import native

Binding = Literal["C", "Cython"]
BINDINGS: dict[Binding, str] = {"C": "capi", "Cython": "cython"}
Policy = Literal["held", "released"]
POLICIES: tuple[Policy, ...] = ("held", "released")
WRONG = 1234
"""The place of the key that has no bin."""
CALL = "gs_pending"
"""What the line in the .pyx calls where it raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a traceback below the caller's."""

    file: str
    number: int
    text: str
    """The line itself, where it is one of a .pyx; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The exception as its caller gets it."""

    type: str
    message: str
    caller: bool
    """Whether the traceback starts at the caller's line."""
    inner: tuple[Line, ...]
    """The lines below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    binding: Binding
    policy: Policy
    raised: Raised | None
    """None where no exception arrived."""

    def __str__(self) -> str:
        return f"{self.binding}, {self.policy}"

    @property
    def type(self) -> str:
        """The exception's type; empty without one."""
        return self.raised.type if self.raised else ""

    @property
    def lines(self) -> int:
        """How many lines the traceback has: the caller's own, and those below."""
        return len(self.raised.inner) + self.raised.caller if self.raised else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    cells: tuple[Cell, ...]


def measure(lab: Lab, *, wrong: bool) -> Data:
    """A key that has no bin, deep inside a released loop: the exception, and the lines of its traceback.

    wrong: whether there is such a key; where not, that is the negative control.
    """
    spec = load()["histogram"]
    cells = (
        Cell(binding=name, policy=policy, raised=_raised(native(spec, binding).histogram, policy, wrong))
        for name, binding in BINDINGS.items()
        for policy in POLICIES
    )
    return Data(cells=tuple(cells))


def _raised(histogram: Function, policy: Policy, wrong: bool) -> Raised | None:
    keys = np.zeros(10_000, np.uint8)
    if wrong:
        keys[WRONG] = 9
    try:
        line = _line()
        histogram(keys, np.zeros(4, np.int64), policy=policy)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        return Raised(
            type=type(error).__name__,
            message=str(error),
            caller=frames[0].lineno == line + 1,
            inner=tuple(
                Line(file=Path(frame.filename).name, number=frame.lineno or 0, text=_text(frame))
                for frame in frames[1:]
            ),
        )
    return None


def _line() -> int:
    return traceback.extract_stack(limit=2)[0].lineno or 0


def _text(frame: traceback.FrameSummary) -> str:
    """The line in the .pyx that Cython names, if there is one."""
    path = ext_folder() / "cy" / Path(frame.filename).name
    if not path.exists() or frame.lineno is None:
        return ""
    return path.read_text().splitlines()[frame.lineno - 1].strip()


def judge(data: Data, bracket: Bracket) -> Judgement:
    conditions: dict[str, Truth] = {}
    for cell in data.cells:
        raised = cell.raised
        conditions[f"{cell}: a ValueError that names the place"] = (
            raised is not None and raised.type == "ValueError" and str(WRONG) in raised.message
        )
        conditions[f"{cell}: from the caller's line"] = raised is not None and raised.caller
        if cell.binding == "Cython":
            lines = raised.inner if raised else ()
            conditions[f"{cell}: with the line in the .pyx"] = any(CALL in line.text for line in lines)
    right = sum(cell.type == "ValueError" for cell in data.cells)
    inner = [line for cell in data.cells if cell.raised for line in cell.raised.inner]
    adds = f"{inner[0].file}:{inner[0].number}" if inner else "no inner line"
    evidence = (
        f"{right} of {len(data.cells)} cells raised ValueError from their caller's line; Cython adds {adds}, C adds "
        "none."
    )
    chart = Chart(
        "rows",
        Axis("lines in the traceback"),
        series=tuple(Series(str(cell), cell.policy, (Point(str(cell), exactly(cell.lines)),)) for cell in data.cells),
        limits=(Limit(1, "the caller's"),),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="traceback",
    order=200,
    claim="An error raised by code without the GIL arrives as the right exception with the right lines.",
    why="Code without the GIL cannot raise: an exception is an object of the thread state. It returns a status, and "
    "the exception is raised once the thread has the GIL again. Cython then adds the line of its source; C code "
    "adds none.",
    refuted_by="Another exception, a lost one, or a traceback that starts somewhere else.",
    reading="How many lines the traceback has: the caller's own, and one in the .pyx where Cython raised.",
    places=(
        Place("_PyErr_SetObject", "sets the exception of the thread state", {"3.11 to 3.15": "Python/errors.c"}),
        Place("PyTraceBack_Here", "adds the line of a frame", {"3.11 to 3.15": "Python/traceback.c"}),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"wrong": True},
    control={"wrong": False},
    seconds=0.5,
)
