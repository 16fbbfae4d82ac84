"""How large an input and how many calls make a sample worth timing."""

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

from gilscope.kernels import SIZES, Kernel
from gilscope.pools import Function

Clock = Callable[[], float]

# A call that takes a sixth of the limit is not tried at the next size: named sizes lie some 5 to 30 times apart.
GROWTH = 6


def seconds_of(function: Function, arguments: tuple[Any, ...], clock: Clock = perf_counter, attempts: int = 2) -> float:
    """The shortest of a few calls, in seconds; the first one also warms caches and pages."""
    best = math.inf
    for _ in range(attempts):
        started = clock()
        function(*arguments)
        best = min(best, clock() - started)
    return best


def size_for(kernel: Kernel, function: Function, wanted: str, limit: float, clock: Clock = perf_counter) -> str:
    """The largest named size, at most `wanted`, that this implementation computes within about `limit` seconds.

    A Python reference is some hundred times slower than C; measured at the same size, it would take all the time.
    """
    for name in SIZES[: SIZES.index(wanted)]:
        if seconds_of(function, kernel.inputs(kernel.sizes[name], 0), clock, attempts=1) * GROWTH > limit:
            return name
    return wanted


def calls_for(seconds: float, sample: float) -> int:
    """How many calls of `seconds` each make up a sample."""
    return max(1, math.ceil(sample / max(seconds, 1e-9)))
