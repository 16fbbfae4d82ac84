"""Specimens: one small function, written in every way that people write it, right or wrong.

Each module has `total(values)`, the sum of v * v / (1 + v) over a buffer of float64. They are built with the kernels'
directives, and must not be repaired: their faults are what they show.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Releases = Literal["never", "once", "once, takes back"]


@dataclass(frozen=True, slots=True)
class Specimen:
    """One way to write the function, and what the scope must measure."""

    name: str
    seems: str
    """What the source, or its yellow page, suggests."""
    does: str
    """What it does in fact."""
    releases: Releases
    takes_per_round: float = 0.0
    """How often one round takes the GIL back."""
    openmp: bool = False
    """Whether it is compiled with OpenMP, if the compiler has it. setup.py reads this: write it as a literal."""

    def total(self) -> Callable[..., float]:
        function: Callable[..., float] = importlib.import_module(f"{__name__}.{self.name}").total
        return function


SPECIMENS = (
    Specimen("untyped", "compiled, so fast", "works on Python objects, with the GIL", "never"),
    Specimen("typed_held", "white, so free of Python", "plain C that holds the GIL", "never"),
    Specimen("nogil_signature", "nogil, so released", "may run without the GIL, and never does", "never"),
    Specimen("released", "more yellow than typed_held", "releases once, for the whole loop", "once"),
    Specimen(
        "hidden_take",
        "with nogil, so released",
        "takes the GIL after each call, to check for an exception: `noexcept` is missing",
        "once, takes back",
        takes_per_round=1.0,
    ),
    Specimen("gil_in_loop", "mostly nogil", "takes the GIL on every round", "once, takes back", takes_per_round=1.0),
    Specimen(
        "callback", "mostly nogil", "takes the GIL every thousand rounds", "once, takes back", takes_per_round=1e-3
    ),
    Specimen("parallel", "parallel", "releases once, and divides the loop among threads", "once", openmp=True),
)


def python(values: Any) -> float:
    """The reference implementation."""
    return float(sum(value * value / (1.0 + value) for value in values))
