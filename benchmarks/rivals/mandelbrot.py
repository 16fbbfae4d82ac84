"""mandelbrot as it is written for Numba: point by point, and in blocks that LLVM turns into vector code.

The C core stops a point once it can prove that it stays; the peers, as such code mostly does, take all `limit`
steps. Without the proof the core takes 1.6 times as long on the picture measured here.
"""

from functools import cache
from typing import Any

BLOCK = 32  # points; of 16, 24, 32, 40 and 48 the one that LLVM compiled best
STRIDE = 8  # steps between two looks whether all points of a block have left


@cache
def _one_by_one() -> Any:
    import numba

    @numba.njit
    def escape_counts(out, left, top, step, limit, first_row):  # type: ignore[no-untyped-def]
        rows, columns = out.shape
        for row in range(rows):
            y = top + (first_row + row) * step
            for column in range(columns):
                x = left + column * step
                real = imaginary = 0.0
                count = 0
                while count < limit:
                    real2, imaginary2 = real * real, imaginary * imaginary
                    if real2 + imaginary2 > 4.0:
                        break
                    imaginary = 2.0 * real * imaginary + y
                    real = real2 - imaginary2 + x
                    count += 1
                out[row, column] = count

    return escape_counts


@cache
def _blocks() -> Any:
    import numba
    import numpy as np

    @numba.njit(error_model="numpy")
    def escape_counts(out, left, top, step, limit, first_row):  # type: ignore[no-untyped-def]
        rows, columns = out.shape
        x, real, imaginary, count = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK, np.int64)
        for row in range(rows):
            y = top + (first_row + row) * step
            for column in range(0, columns, BLOCK):
                for k in range(BLOCK):
                    x[k] = left + (column + k) * step
                    real[k] = imaginary[k] = 0.0
                    count[k] = 0
                done, inside = 0, True
                while inside and done < limit:
                    stride = min(STRIDE, limit - done)
                    for _ in range(stride):
                        for k in range(BLOCK):
                            real2, imaginary2 = real[k] * real[k], imaginary[k] * imaginary[k]
                            count[k] += 1 if real2 + imaginary2 <= 4.0 else 0
                            imaginary[k] = 2.0 * real[k] * imaginary[k] + y
                            real[k] = real2 - imaginary2 + x[k]
                    done += stride
                    inside = False
                    for k in range(BLOCK):
                        inside |= count[k] == done
                for k in range(min(BLOCK, columns - column)):
                    out[row, column + k] = count[k]

    return escape_counts


def _numba(out: Any, left: float, top: float, step: float, limit: int, first_row: int = 0) -> None:
    _one_by_one()(out, left, top, step, limit, first_row)


def _numba_blocks(out: Any, left: float, top: float, step: float, limit: int, first_row: int = 0) -> None:
    _blocks()(out, left, top, step, limit, first_row)


RIVALS = {"numba": _numba, "numba blocks": _numba_blocks}
