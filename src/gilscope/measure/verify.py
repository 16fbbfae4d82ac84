"""Every cell against its reference, before it is timed."""

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
    """The result of checking one cell."""

    cell: Variant
    ok: bool
    """Whether it agrees with its reference."""
    detail: str
    """Where it disagreed, or what it raised; empty if it agrees."""
    seconds: float
    """The time of the check."""


@cache
def _reference(name: str, seed: int) -> Outcome:
    kernel = load()[name]
    return kernel.outcome(kernel.python, _tiny(kernel, seed))


def _tiny(kernel: Kernel, seed: int) -> Arguments:
    return kernel.inputs(kernel.sizes["tiny"], seed)


def reference_at_tiny(kernel: Kernel) -> Outcome:
    """The Python reference's answer to the kernel's tiny inputs with seed 0."""
    return _reference(kernel.name, 0)


def verify(cells: Sequence[Variant]) -> Iterator[Check]:
    """Compares each cell with its kernel's Python reference, on tiny inputs with several seeds.

    Parameters
    ----------
    cells
        What to check; see gilscope.select.

    Yields
    ------
    Check
        One per cell, in the order of `cells`, as soon as the cell is done. A cell that raises or gives a wrong answer
        has `ok` False and says so in `detail`; verify itself does not raise.
    """
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
            return f"seed {seed}: its answer differs from the reference's"
    return ""
