"""What triad is measured against: NumPy in two passes, numexpr and Numba in one."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from gilscope.kernels import triad

RIVALS: dict[str, Callable[..., None]] = {"numpy": triad.numpy}

if find_spec("numexpr"):
    import numexpr as ne

    def numexpr(out: Any, left: Any, right: Any, scale: float) -> None:
        ne.set_num_threads(1)
        ne.evaluate("left + scale * right", out=out)

    RIVALS["numexpr"] = numexpr

if find_spec("numba"):
    from numba import njit

    @njit
    def numba(out: Any, left: Any, right: Any, scale: float) -> None:
        for i in range(out.size):
            out[i] = left[i] + scale * right[i]

    RIVALS["numba"] = numba
