"""What histogram is measured against: NumPy's bincount, and Numba with one table and with several."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from gilscope.kernels import histogram

RIVALS: dict[str, Callable[..., None]] = {"numpy bincount": histogram.numpy}

if find_spec("numba"):
    from numba import njit

    @njit
    def one_table(keys: Any, counts: Any, sharing: str = "private") -> None:
        for key in keys:
            counts[key] += 1

    @njit
    def tables(keys: Any, counts: Any, sharing: str = "private") -> None:
        """In turn, so that a run of one key does not wait for itself."""
        own = np.zeros((4, 256), np.int64)
        fours = len(keys) // 4 * 4
        for i in range(0, fours, 4):
            own[0, keys[i]] += 1
            own[1, keys[i + 1]] += 1
            own[2, keys[i + 2]] += 1
            own[3, keys[i + 3]] += 1
        for i in range(fours, len(keys)):
            own[0, keys[i]] += 1
        for i in range(len(counts)):
            counts[i] += own[0, i] + own[1, i] + own[2, i] + own[3, i]

    RIVALS |= {"numba": one_table, "numba, four tables": tables}
