"""What an experiment is: a claim, how it is measured, and how the measurement is judged."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gilscope.results import Bracket
from gilscope.results.charts import Chart
from gilscope.sources import module_names
from gilscope.stats import Truth

if TYPE_CHECKING:
    from gilscope.experiments._lab import Lab

Data = TypeVar("Data")
"""The raw values of an experiment: a frozen dataclass of its own."""


class NotHere(Exception):  # noqa: N818  (it is a finding, not an error)
    """Why an experiment cannot be done on this interpreter or machine, in a few words."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in CPython it happens."""

    function: str
    what: str
    """What it does there, in a few words."""
    files: Mapping[str, str]
    """The file by version: {"3.11": "Python/ceval_gil.h", "3.12 to 3.15": "Python/ceval_gil.c"}."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the data say: whether each condition of the claim holds, in one sentence, and as charts."""

    conditions: Mapping[str, Truth]
    """The condition in words -> True, False, or None where noise hides it."""
    evidence: str
    """One sentence with the figures and their intervals."""
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment(Generic[Data]):
    """A claim, how it is measured, and how the measurement is judged.

    `measure` runs in a process of its own and returns raw values only; `judge`, a pure function, makes of them what
    the reader gets. So the verdict can be tested on any data, and worked out again from a file of results.
    """

    name: str
    order: int
    """Its place in the syllabus: experiments are taught and run by ascending order."""
    claim: str
    """As people tell it."""
    why: str
    """Why it should hold."""
    refuted_by: str
    """What would make one give the claim up."""
    reading: str
    """How to read the chart."""
    places: tuple[Place, ...]
    data: type[Data]
    """The type of the raw values."""
    measure: "Callable[..., Data]"
    """(lab, **parameters) -> raw values. NotHere says why it cannot be measured on this interpreter or machine."""
    judge: Callable[[Data, Bracket], Judgement]
    """(raw values, what plain C threads took meanwhile) -> the conditions."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """What `measure` takes besides the lab, with the values of a normal run."""
    control: Mapping[str, object] = field(default_factory=dict)
    """The negative control: parameters that feed it a cell which does the opposite, so that the verdict must turn."""
    seconds: float = 3.0
    """What a default run gives it."""
    limit: float = 30.0
    """Seconds after which it is ended, in a default run."""

    def run(self, lab: "Lab", changes: Mapping[str, object]) -> Data:
        return self.measure(lab, **(dict(self.parameters) | dict(changes)))


@cache
def load() -> dict[str, Experiment[Any]]:
    """Every experiment, by name, in the order of the syllabus: one module of this package each."""
    modules = [importlib.import_module(f"gilscope.experiments.{name}") for name in module_names("experiments")]
    experiments: list[Experiment[Any]] = sorted((module.EXPERIMENT for module in modules), key=lambda it: it.order)
    return {experiment.name: experiment for experiment in experiments}
