"""What an experiment is, what it finds, and the charts that show it, as plain data."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from gilscope.measure.stats import Interval, Truth

if TYPE_CHECKING:
    from gilscope.experiments._lab import Lab

Data = dict[str, Any]
"""The raw values of a measurement, as JSON has them."""

CLAIMS = {
    "python-threads": "Python threads that compute do not run in parallel.",
    "gil-release": "A kernel scales over threads when it releases the GIL, and not at all when it holds it.",
    "interpreter-cost": "A loop in Python is at least 50 times slower than the same loop in C.",
    "bytecode": "Python dispatches bytecodes for each step of a loop, and only between two can the GIL change hands.",
    "switch-interval": "A waiting thread gets the GIL after 5 ms, unless the holder is inside one C call.",
    "granularity": "Releasing costs tens of nanoseconds, so below some size of work it only costs.",
    "convoy": "Beside one thread that computes in Python, a short kernel that releases waits 5 ms to come back.",
    "handoff-storm": "A loop that takes the GIL back on every round loses all its parallelism.",
    "event-loop": "A kernel that holds the GIL freezes asyncio's loop, even from to_thread().",
    "lost-updates": "Without the GIL or another lock, threads that add to one counter lose updates.",
    "lock-order": "A mutex that is held while waiting for the GIL deadlocks.",
    "shared-writes": "Released threads that write one cache line, lock or atomic stop scaling; private copies scale.",
    "bandwidth": "A memory-bound kernel stops at the memory's bandwidth, GIL or no GIL.",
    "oversubscription": "A thread pool over a library that has its own threads is slower than either alone.",
    "processes": "Processes scale too, but pay to move the data.",
    "pipeline": "A producer and a consumer overlap only in those stages that release the GIL.",
    "choose": "asyncio for I/O, processes for Python code, threads for code that releases the GIL.",
    "import": "An extension that does not declare itself is refused by a sub-interpreter with a GIL of its own.",
    "memory": "An exported buffer pins its memory while the GIL is away, and what extensions take they give back.",
    "traceback": "An error inside code without the GIL arrives as the right exception, with the right lines.",
    "web": "In a web service, one handler that holds the GIL stalls every other request.",
    "free-threading": "Without a GIL, threads that compute in Python run in parallel.",
}
"""The syllabus: every claim that is told often enough to be tested, in the order in which it is taught."""

Verdict = Literal["confirmed", "refuted", "inconclusive", "not measurable here"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in CPython it happens."""

    function: str
    what: str
    """What it does there, in a few words."""
    files: Mapping[str, str]
    """The file by versions: {"3.11": "Python/ceval_gil.h", "3.12 to 3.15": "Python/ceval_gil.c"}."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis counts, with its unit: Axis("time of a call", "ms")."""

    title: str
    unit: str = ""
    log: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A value with its interval, at a place of the other axis: a number, or a word in a chart of rows."""

    at: float | str
    value: Interval


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together. `color` is one of the theme's: held, released, auto, own or ceiling."""

    name: str
    color: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A line across the chart at a value: a threshold of the verdict, or something to compare with."""

    value: float
    label: str
    over: bool = False
    """At a place of the other axis, in a chart of lines."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time of one lane of a timeline, in the unit of the chart's axis."""

    lane: str
    start: float
    end: float
    state: str
    color: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as data. `rows`: a row a point, values to the right. `lines`: values over numbers. `timeline`: spans."""

    kind: Literal["rows", "lines", "timeline"]
    values: Axis
    """Of the values; of the time in a timeline."""
    over: Axis = field(default=Axis(""))
    """Of the places, in a chart of lines."""
    series: tuple[Series, ...] = ()
    limits: tuple[Limit, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the data say: whether each condition of the claim holds, in a sentence, and as charts."""

    conditions: Mapping[str, Truth]
    """What must hold for the claim to be true -> whether it does: True, False, or None where noise hides it."""
    evidence: str
    """One sentence with the figures and their intervals."""
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A claim, how it is measured, and how the measurement is judged.

    `measure` runs in a process of its own and returns raw data only; `judge`, a pure function, makes of them what the
    reader gets. So the verdict is tested on made-up data, and made again from a file of results.
    """

    name: str
    claim: str
    """As people tell it."""
    why: str
    """Why it should hold."""
    refuted_by: str
    """What one would have to see to give the claim up."""
    reading: str
    """How to read the chart."""
    places: tuple[Place, ...]
    measure: "Callable[..., Data]"
    """(lab, **parameters) -> raw data. NotHere says why it can not be measured on this interpreter or machine."""
    judge: Callable[[Data], Judgement]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What `measure` takes besides the lab, with the values of a normal run."""
    control: Mapping[str, Any] = field(default_factory=dict)
    """The negative control: parameters that feed it a cell which does the opposite, so that the verdict must turn."""
    seconds: float = 3.0
    """What a default run gives it."""
    limit: float = 30.0
    """Seconds after which it is ended, in a default run."""

    def run(self, lab: "Lab", changes: Mapping[str, Any]) -> Data:
        return self.measure(lab, **(dict(self.parameters) | dict(changes)))


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of an experiment."""

    name: str
    claim: str
    verdict: Verdict
    reason: str
    """Why the verdict is no clear one; for a clear one, which condition decided it."""
    evidence: str
    data: Data
    charts: tuple[Mapping[str, Any], ...]
    """As JSON has them; see Chart."""
    seconds: float
    """What it took."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"charts": [dict(chart) for chart in self.charts]}


@cache
def load() -> dict[str, Experiment]:
    """Every experiment, by name, in the order of the syllabus: one module of this package each."""
    package = importlib.import_module("gilscope.experiments")
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]
    found: list[Experiment] = [importlib.import_module(f"{package.__name__}.{name}").EXPERIMENT for name in names]
    order = list(CLAIMS)
    found.sort(key=lambda it: (order.index(it.name) if it.name in order else len(order), it.name))
    return {experiment.name: experiment for experiment in found}


def absent() -> dict[str, str]:
    """The claims of the syllabus that no experiment tests."""
    return {name: claim for name, claim in CLAIMS.items() if name not in load()}
