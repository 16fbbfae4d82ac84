"""Every cell against its reference, before anybody times it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter

from gilscope.kernels import Arguments, Kernel, Outcome, load
from gilscope.variants import Variant

SEEDS = (0, 1, 2)
OPENMP_THREADS = 2


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one cell."""

    cell: Variant
    ok: bool
    detail: str
    """Where it disagreed, or what it raised; empty when all is well."""
    seconds: float


@cache
def _reference(name: str, seed: int) -> Outcome:
    kernel = load()[name]
    return kernel.outcome(kernel.python, _tiny(kernel, seed))


def _tiny(kernel: Kernel, seed: int) -> Arguments:
    return kernel.inputs(kernel.sizes["tiny"], seed)


def reference_at_tiny(kernel: Kernel) -> Outcome:
    """What the Python reference makes of the kernel's tiny inputs with seed 0."""
    return _reference(kernel.name, 0)


def verify(cells: Sequence[Variant]) -> Iterator[Check]:
    """Runs each cell on tiny inputs with several seeds, and yields what came of it, one cell after another."""
    for cell in cells:
        started = perf_counter()
        detail = _disagreement(cell)
        yield Check(cell, not detail, detail, perf_counter() - started)


def _disagreement(cell: Variant) -> str:
    def call(*arguments: object) -> object:
        return cell(*arguments, **({"threads": OPENMP_THREADS} if cell.implementation == "openmp" else {}))

    kernel = cell.kernel
    for seed in SEEDS:
        try:
            outcome = kernel.outcome(call, _tiny(kernel, seed))
        except Exception as error:
            return f"seed {seed}: {type(error).__name__}: {error}"
        if not kernel.agree(outcome, _reference(kernel.name, seed)):
            return f"seed {seed}: another answer than the reference's"
    return ""
