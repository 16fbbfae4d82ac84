"""nbody as it is written for Numba: one loop over all pairs that LLVM vectorises, and one with Newton's third law."""

from functools import cache
from math import sqrt
from typing import Any


@cache
def _all_pairs() -> Any:
    import numba

    @numba.njit(fastmath=True, error_model="numpy")
    def accelerate(positions, masses, softening, out, first):  # type: ignore[no-untyped-def]
        xs, ys, zs = positions[0], positions[1], positions[2]
        softening2 = softening * softening
        for target in range(out.shape[1]):
            x, y, z = xs[first + target], ys[first + target], zs[first + target]
            ax = ay = az = 0.0
            for j in range(masses.shape[0]):
                dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
                r2 = dx * dx + dy * dy + dz * dz + softening2
                pull = masses[j] / (r2 * sqrt(r2))
                ax += pull * dx
                ay += pull * dy
                az += pull * dz
            out[0, target], out[1, target], out[2, target] = ax, ay, az

    return accelerate


@cache
def _third_law() -> Any:
    import numba

    @numba.njit(fastmath=True, error_model="numpy")
    def accelerate(positions, masses, softening, out):  # type: ignore[no-untyped-def]
        xs, ys, zs = positions[0], positions[1], positions[2]
        axs, ays, azs = out[0], out[1], out[2]
        softening2 = softening * softening
        out[:] = 0.0
        for i in range(masses.shape[0]):
            x, y, z, mass = xs[i], ys[i], zs[i], masses[i]
            ax = ay = az = 0.0
            for j in range(i + 1, masses.shape[0]):
                dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
                r2 = dx * dx + dy * dy + dz * dz + softening2
                power = 1.0 / (r2 * sqrt(r2))
                pull, back = power * masses[j], power * mass
                ax += pull * dx
                ay += pull * dy
                az += pull * dz
                axs[j] -= back * dx
                ays[j] -= back * dy
                azs[j] -= back * dz
            axs[i] += ax
            ays[i] += ay
            azs[i] += az

    return accelerate


def _numba(positions: Any, masses: Any, softening: float, out: Any, first: int = 0) -> None:
    _all_pairs()(positions, masses, softening, out, first)


def _numba_third_law(positions: Any, masses: Any, softening: float, out: Any, first: int = 0) -> None:
    _third_law()(positions, masses, softening, out)


RIVALS = {"numba": _numba, "numba third law": _numba_third_law}
