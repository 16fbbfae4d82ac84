"""What blur is measured against: SciPy, and Numba as one would write it by hand."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from gilscope.kernels.blur import taps

RIVALS: dict[str, Callable[..., None]] = {}

if find_spec("scipy"):
    from scipy import ndimage

    def scipy(image: Any, sigma: float, out: Any, first: int = 0) -> None:
        if len(out) == len(image):
            ndimage.gaussian_filter(image, sigma, output=out)
        else:
            out[:] = ndimage.gaussian_filter(image, sigma)[first : first + len(out)]

    RIVALS["scipy"] = scipy

if find_spec("numba"):
    from numba import njit

    @njit(fastmath=True)
    def reflect(i: int, length: int) -> int:
        i %= 2 * length
        return i if i < length else 2 * length - 1 - i

    @njit(fastmath=True)
    def rows(image: Any, weights: Any, out: Any, first: int) -> None:
        """Row by row: down the columns into one padded line, then along it; inner loops over adjacent pixels."""
        height, width = image.shape
        radius = len(weights) - 1
        line = np.empty(width + 2 * radius, np.float32)
        middle = line[radius : radius + width]
        for row in range(out.shape[0]):
            y, target = first + row, out[row]
            here = image[y]
            for x in range(width):
                middle[x] = weights[0] * here[x]
            for tap in range(1, radius + 1):
                above, below, w = image[reflect(y - tap, height)], image[reflect(y + tap, height)], weights[tap]
                for x in range(width):
                    middle[x] += w * (above[x] + below[x])
            for x in range(radius):
                line[radius - 1 - x] = middle[reflect(-1 - x, width)]
                line[radius + width + x] = middle[reflect(width + x, width)]
            for x in range(width):
                target[x] = weights[0] * middle[x]
            for tap in range(1, radius + 1):
                before, after, w = line[radius - tap :], line[radius + tap :], weights[tap]
                for x in range(width):
                    target[x] += w * (before[x] + after[x])

    def numba(image: Any, sigma: float, out: Any, first: int = 0) -> None:
        weights = np.array(taps(sigma), np.float32)
        rows(image, weights[len(weights) // 2 :], out, first)

    RIVALS["numba"] = numba
