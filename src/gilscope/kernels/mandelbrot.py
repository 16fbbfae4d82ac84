"""mandelbrot: escape counts on a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gilscope.kernels import Arguments, Array, Count, Kernel, Real, bands

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def python(out: WriteableBuffer, left: float, top: float, step: float, limit: int, first_row: int = 0) -> None:
    counts = np.asarray(out)
    rows, columns = counts.shape
    for row in range(rows):
        y = top + (first_row + row) * step
        for column in range(columns):
            x = left + column * step
            real = imaginary = 0.0
            count = 0
            while count < limit and real * real + imaginary * imaginary <= 4:
                real, imaginary = real * real - imaginary * imaginary + x, 2 * real * imaginary + y
                count += 1
            counts[row, column] = count


def numpy(out: WriteableBuffer, left: float, top: float, step: float, limit: int, first_row: int = 0) -> None:
    """All pixels at once; those that have escaped are dropped after each step."""
    counts = np.asarray(out)
    rows, columns = counts.shape
    flat = counts.reshape(-1)
    flat[:] = limit
    with np.errstate(over="ignore", invalid="ignore"):  # what is outside may overflow
        x = np.tile(left + np.arange(columns) * step, rows)
        y = np.repeat(top + (first_row + np.arange(rows)) * step, columns)
        real, imaginary, alive = np.zeros(x.size), np.zeros(x.size), np.arange(x.size)
        for count in range(limit):
            real2, imaginary2 = real * real, imaginary * imaginary
            inside = real2 + imaginary2 <= 4
            if not inside.all():
                flat[alive[~inside]] = count
                alive, x, y = alive[inside], x[inside], y[inside]
                real, imaginary = real[inside], imaginary[inside]
                real2, imaginary2 = real2[inside], imaginary2[inside]
            real, imaginary = real2 - imaginary2 + x, 2 * real * imaginary + y


def inputs(size: int, seed: int) -> Arguments:
    """The whole set in size x size pixels. The seed shifts it by part of a pixel, which changes counts but not cost."""
    step = 3.0 / size
    shift = (seed % 64) / 64 * step
    return np.zeros((size, size), np.int32), -2.25 + shift, -1.5 + shift, step, 256, 0


def work(arguments: Arguments) -> int:
    """The work if no pixel escaped, since nobody knows beforehand how many do."""
    out, *_, limit, _first_row = arguments
    return int(out.size * limit)


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    """Bands of rows, of unequal cost: the set itself lies in the middle ones."""
    out, left, top, step, limit, first_row = arguments
    return [(out[a:b].copy(), left, top, step, limit, first_row + a) for a, b in bands(len(out), parts)]


KERNEL = Kernel(
    name="mandelbrot",
    summary="escape counts on a grid, float64 -> int32",
    lesson="Compute-bound, with rows of unequal cost: cut into equal bands, one worker waits for another.",
    arguments=(
        Array("out", "int32", 2, writable=True),
        Real("left"),
        Real("top"),
        Real("step"),
        Count("limit", 1, 1_000_000),
        Count("first_row", 0, 2**31 - 1),
    ),
    sizes={"tiny": 24, "small": 256, "medium": 1024, "large": 3072},
    size_unit="pixels a side",
    inputs=inputs,
    split=split,
    combine=np.concatenate,
    python=python,
    numpy=numpy,
    work=work,
    out="out",
    openmp=True,
    source="escape-time algorithm",
)
