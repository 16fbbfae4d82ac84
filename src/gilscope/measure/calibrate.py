"""How large an input and how many calls make a sample worth timing."""

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

from gilscope.kernels import SIZES
from gilscope.pools import Function

Clock = Callable[[], float]

# The largest size that takes a reference some 10 to 20 ms; for the compiled implementations `medium` does.
REFERENCE_SIZES = {"python": "tiny", "numpy": "small"}


def seconds_of(function: Function, arguments: tuple[Any, ...], clock: Clock = perf_counter, attempts: int = 2) -> float:
    """The shortest of a few calls, in seconds; the first one also warms caches and pages."""
    best = math.inf
    for _ in range(attempts):
        started = clock()
        function(*arguments)
        best = min(best, clock() - started)
    return best


def size_for(implementation: str, wanted: str) -> str:
    """The named size that an implementation is measured at: a reference takes a smaller one, as its kernel's spec
    says; measured at the same size as C, it would take all the time."""
    return min(wanted, REFERENCE_SIZES.get(implementation, wanted), key=SIZES.index)


def calls_for(seconds: float, sample: float) -> int:
    """How many calls of `seconds` each make up a sample."""
    return max(1, math.ceil(sample / max(seconds, 1e-9)))
