"""spin as it is written for Numba."""

from functools import cache
from typing import Any


@cache
def _compiled() -> Any:
    import numba
    import numpy as np

    @numba.njit
    def mix(rounds, seed):  # type: ignore[no-untyped-def]
        state = np.uint64(seed)
        for _ in range(rounds):
            state ^= state >> np.uint64(32)
            state *= np.uint64(0xD6E8FEB86659FD93)
            state += np.uint64(0x9E3779B97F4A7C15)
        return state

    return mix


def _numba(rounds: int, seed: int = 0) -> int:
    return int(_compiled()(rounds, seed))


RIVALS = {"numba": _numba}
