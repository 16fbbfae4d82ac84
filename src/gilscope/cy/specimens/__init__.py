"""One small function in every state of repair: what people write, and what it does to the GIL.

Each module has `total(values)`, the sum of v * v / (1 + v) over a buffer of float64. They are built with the kernels'
directives, and left as they are: what is wrong with them is what they are for.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Releases = Literal["never", "once", "once, takes back"]


@dataclass(frozen=True, slots=True)
class Specimen:
    """One state, and what the scope must find."""

    name: str
    seems: str
    """What the source, or its yellow page, seems to say."""
    does: str
    """What happens."""
    releases: Releases
    takes_per_round: float = 0.0
    """How often a round takes the GIL back."""

    def total(self) -> Callable[..., float]:
        function: Callable[..., float] = importlib.import_module(f"{__name__}.{self.name}").total
        return function


SPECIMENS = (
    Specimen("untyped", "compiled, so fast", "works on Python objects, with the GIL", "never"),
    Specimen("typed_held", "white, so free of Python", "plain C that keeps the GIL", "never"),
    Specimen("nogil_signature", "nogil, so released", "may run without the GIL, and never does", "never"),
    Specimen("released", "more yellow than typed_held", "releases once, for the whole loop", "once"),
    Specimen(
        "hidden_take",
        "with nogil, so released",
        "takes the GIL after each call, to ask for an exception: a missing noexcept",
        "once, takes back",
        takes_per_round=1.0,
    ),
    Specimen("gil_in_loop", "mostly nogil", "takes the GIL on every round", "once, takes back", takes_per_round=1.0),
    Specimen(
        "callback", "mostly nogil", "takes the GIL each thousand rounds", "once, takes back", takes_per_round=1e-3
    ),
    Specimen("parallel", "parallel", "releases once, and shares the loop out over threads", "once"),
)


def python(values: Any) -> float:
    """The reference."""
    return float(sum(value * value / (1.0 + value) for value in values))
