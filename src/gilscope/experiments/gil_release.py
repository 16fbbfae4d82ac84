"""gil-release: does a kernel scale over threads because it releases the GIL?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gilscope.experiments import WORKERS, Axis, Chart, Experiment, Judgement, Lab, Point, Series, Timing
from gilscope.experiments._words import (
    CPUS,
    ONE_MOST,
    SAVE,
    TAKE,
    TWO_LEAST,
    figure,
    one_at_a_time,
    side_by_side,
    thresholds,
)
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.stats import STANDS_BELOW, Interval, Truth, at_least
from gilscope.variants import native, variants_of

Binding = Literal["capi", "cython"]
Policy = Literal["released", "held"]
BINDINGS: Mapping[Binding, str] = {"cython": "Cython", "capi": "C"}
POLICIES: tuple[Policy, ...] = ("released", "held")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A kernel in one binding under one policy."""

    kernel: str
    binding: Binding
    policy: Policy
    timing: Timing

    @property
    def label(self) -> str:
        return f"{self.kernel}, {BINDINGS[self.binding]}, {self.policy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Kernels, held and released, and the same work on plain C threads."""

    cells: tuple[Cell, ...]
    plain: Mapping[str, Timing]
    """By kernel, its work on plain C threads."""

    def under(self, policy: Policy) -> list[Cell]:
        return [cell for cell in self.cells if cell.policy == policy]


def measure(lab: Lab, *, kernels: Sequence[str], released: str) -> Data:
    """Each kernel in both bindings, held and released, on one thread and on two that do as much each.

    released: the policy under which the released cells run; anything but "released" is a negative control.
    """
    cells, plain = {}, {}
    for name in kernels:
        kernel = load()[name]
        jobs = [kernel.inputs(kernel.sizes["small"], 0)] * WORKERS
        plain[name] = (native(kernel, "capi").ceiling, jobs)
        variants = {(each.implementation, each.policy): each for each in variants_of(name)}
        for policy in POLICIES:
            for binding in BINDINGS:
                cells[name, binding, policy] = (variants[binding, released if policy == "released" else policy], jobs)
    timings = lab.scaling(cells, plain=plain)
    return Data(
        cells=tuple(
            Cell(kernel=kernel, binding=binding, policy=policy, timing=timing)
            for (kernel, binding, policy), timing in timings.cells.items()
        ),
        plain=timings.plain,
    )


def judge(data: Data, bracket: Bracket) -> Judgement:
    conditions: dict[str, Truth] = {}
    for cell in data.under("released"):
        least = 1 + STANDS_BELOW * (data.plain[cell.kernel].speedup().median - 1)
        conditions[f"{cell.label}: two threads keep {TWO_LEAST:g} CPUs busy"] = side_by_side(cell.timing, bracket)
        conditions[f"{cell.label}: they gain {least:.2f}x or more"] = at_least(cell.timing.speedup(), least)
    for cell in data.under("held"):
        busy = f"{cell.label}: two threads keep at most {ONE_MOST:g} CPUs busy"
        conditions[busy] = one_at_a_time(cell.timing, bracket)
    return Judgement(conditions, _evidence(data), _charts(data, bracket))


def _evidence(data: Data) -> str:
    shares = []
    for policy in POLICIES:
        cells = data.under(policy)
        speedups = _ascending([cell.timing.speedup() for cell in cells])
        cpus = _ascending([cell.timing.cpus_used() for cell in cells])
        shares.append(
            f"{policy}, they keep {cpus[0].median:.2f} to {cpus[-1].median:.2f} CPUs busy and reach "
            f"{figure(speedups[0])} to {figure(speedups[-1])}"
        )
    plain = ", ".join(f"{kernel} {figure(timing.speedup())}" for kernel, timing in data.plain.items())
    return f"Two threads: {'; '.join(shares)}. The same work on plain C threads reaches: {plain}."


def _ascending(values: list[Interval]) -> list[Interval]:
    return sorted(values, key=lambda value: value.median)


def _charts(data: Data, bracket: Bracket) -> tuple[Chart, ...]:
    gains, cpus = [], []
    for policy in POLICIES:
        cells = data.under(policy)
        gains.append(Series(policy, policy, tuple(Point(cell.label, cell.timing.speedup()) for cell in cells)))
        cpus.append(Series(policy, policy, tuple(Point(cell.label, cell.timing.cpus_used()) for cell in cells)))
    plain = tuple(Point(f"{kernel}, plain C threads", timing.speedup()) for kernel, timing in data.plain.items())
    stands_still, _, _ = thresholds(bracket)
    return (
        Chart(
            "rows",
            Axis("speed-up of 2 threads over one", "x"),
            series=(*gains, Series("plain C threads", "ceiling", plain)),
            limits=(stands_still,),
        ),
        Chart("rows", Axis("CPUs that 2 threads keep busy"), series=tuple(cpus), limits=CPUS),
    )


EXPERIMENT = Experiment(
    name="gil-release",
    order=20,
    claim="A C or Cython kernel scales on a thread pool when it releases the GIL, and not at all when it holds it.",
    why="Between PyEval_SaveThread and PyEval_RestoreThread a thread needs no GIL, so others run beside it. A call "
    "that holds the GIL keeps every other Python thread waiting from its first instruction to its last.",
    refuted_by="A held kernel that gains, as on a free-threaded interpreter, or a released one that does not.",
    reading="One row per kernel, binding and policy, with its 95 % interval. Held rows should end at 1. Released rows "
    "should end where the same work does on plain C threads: below 2 on cores that share their arithmetic units. The "
    "second chart shows the CPUs that they keep busy.",
    places=(SAVE, TAKE),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"kernels": ["spin", "mandelbrot"], "released": "released"},
    control={"released": "held"},
    seconds=5.0,
)
