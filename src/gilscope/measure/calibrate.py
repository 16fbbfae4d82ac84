"""The size of the input and the number of calls that make a sample long enough to time."""

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

from gilscope.kernels import SIZES
from gilscope.pools import Function

Clock = Callable[[], float]

# The largest size at which a reference takes about 10 to 20 ms; the compiled implementations do so at `medium`.
REFERENCE_SIZES = {"python": "tiny", "numpy": "small"}


def seconds_of(function: Function, arguments: tuple[Any, ...], clock: Clock = perf_counter, attempts: int = 2) -> float:
    """The seconds of the fastest of a few calls. The first one also warms caches and pages."""
    best = math.inf
    for _ in range(attempts):
        started = clock()
        function(*arguments)
        best = min(best, clock() - started)
    return best


def size_for(implementation: str, wanted: str) -> str:
    """The named size for an implementation. References get a smaller one: at that of C they would take all the time."""
    return min(wanted, REFERENCE_SIZES.get(implementation, wanted), key=SIZES.index)


def calls_for(seconds: float, sample: float) -> int:
    """The number of calls of `seconds` each that make up a sample."""
    return max(1, math.ceil(sample / max(seconds, 1e-9)))
