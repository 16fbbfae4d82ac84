"""mandelbrot as it is written for Numba."""

from functools import cache
from typing import Any


@cache
def _compiled() -> Any:
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


def _numba(out: Any, left: float, top: float, step: float, limit: int, first_row: int = 0) -> None:
    _compiled()(out, left, top, step, limit, first_row)


RIVALS = {"numba": _numba}
