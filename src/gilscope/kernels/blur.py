"""blur: separable Gaussian on a strided 2-D float32 image."""

from __future__ import annotations

from functools import lru_cache
from math import exp
from typing import TYPE_CHECKING, Any

import numpy as np

from gilscope.kernels import Arguments, Array, Count, Kernel, Real, bands

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

SIGMA = 8.0


def taps(sigma: float) -> list[float]:
    """The weights of a Gaussian cut at 4 sigma, from -radius to radius; their sum is 1."""
    radius = int(4 * sigma + 0.5)
    weights = [exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    total = sum(weights)
    return [weight / total for weight in weights]


def python(image: ReadableBuffer, sigma: float, out: WriteableBuffer, first: int = 0) -> None:
    answer, pixels, weights = np.asarray(out), np.asarray(image).tolist(), taps(sigma)
    rows, columns = np.asarray(image).shape

    def reflect(i: int, length: int) -> int:
        return min(i % (2 * length), -1 - i % (2 * length) + 2 * length)

    def weigh(values: list[float], middle: int) -> float:
        length, radius = len(values), len(weights) // 2
        return sum(w * values[reflect(middle - radius + k, length)] for k, w in enumerate(weights))

    for row in range(len(answer)):
        line = [weigh([pixels[y][x] for y in range(rows)], first + row) for x in range(columns)]
        answer[row] = [weigh(line, x) for x in range(columns)]


def numpy(image: ReadableBuffer, sigma: float, out: WriteableBuffer, first: int = 0) -> None:
    """Two passes over whole arrays, one tap at a time."""
    answer, pixels, weights = np.asarray(out), np.asarray(image), np.array(taps(sigma), np.float32)
    if answer.size == 0:
        return
    radius, (rows, columns) = len(weights) // 2, answer.shape
    tall = np.pad(pixels, ((radius, radius), (0, 0)), "symmetric")[first : first + rows + 2 * radius]
    wide = np.pad(sum(w * tall[k : k + rows] for k, w in enumerate(weights)), ((0, 0), (radius, radius)), "symmetric")
    answer[:] = 0
    for k, w in enumerate(weights):
        answer += w * wide[:, k : k + columns]


@lru_cache(maxsize=2)
def picture(size: int) -> Any:
    """The Mandelbrot set in size x size pixels, as gray values from 0 to 1."""
    from gilscope.capi.mandelbrot import mandelbrot

    counts: Any = np.zeros((size, size), np.int32)
    mandelbrot(counts, -2.25, -1.5, 3.0 / size, 64)
    return (counts / np.float32(64)).astype(np.float32)


def inputs(size: int, seed: int) -> Arguments:
    """The picture, rolled by a seventh of its height per seed."""
    image = np.roll(picture(size), seed * size // 7, axis=0)
    return image, SIGMA, np.zeros_like(image), 0


def work(arguments: Arguments) -> int:
    _image, sigma, out, *_ = arguments
    return int(out.size * (2 * int(4 * sigma + 0.5) + 1))


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    """Bands of rows. Each also reads some rows of its neighbours: the halo."""
    image, sigma, out, first = arguments
    return [(image, sigma, out[a:b].copy(), first + a) for a, b in bands(len(out), parts)]


KERNEL = Kernel(
    name="blur",
    summary="separable Gaussian on a strided 2-D float32 image",
    lesson="Shared input, private output: bands of rows read each other's borders and still need no lock.",
    arguments=(
        Array("image", "float32", 2, contiguous=False),
        Real("sigma", positive=True),
        Array("out", "float32", 2, writable=True),
        Count("first", 0, 2**63 - 1),
    ),
    sizes={"tiny": 20, "small": 320, "medium": 1500, "large": 4000},
    size_unit="pixels a side",
    inputs=inputs,
    split=split,
    combine=np.concatenate,
    python=python,
    numpy=numpy,
    work=work,
    out="out",
    tolerance=1e-6,
    openmp=True,
    source="scipy.ndimage.gaussian_filter with its default mode and truncation",
)
