"""What is known about single kernels from outside: identities, the standard library, NumPy, SciPy.

Published numbers of primes and random bits are in test_published.py.
"""

from collections import Counter
from math import pi, sqrt

import numpy as np
import pytest
from cells import NATIVE

from gilscope import variants
from gilscope.kernels import load


def native(name):
    """Every native cell of one kernel."""
    return pytest.mark.parametrize("cell", [cell for cell in NATIVE if cell.kernel.name == name], ids=str)


def count(cell, x, y, limit):
    """The escape count of one point."""
    out = np.zeros((1, 1), np.int32)
    cell(out, x, y, 1.0, limit)
    return int(out[0, 0])


@native("mandelbrot")
def test_points_known_to_stay(cell):
    """The main cardioid and the disc of period 2."""
    turns = np.exp(2j * pi * np.arange(24) / 24)
    for c in [*(0.995 * (turns / 2 - turns**2 / 4)), *(-1 + 0.249 * turns), 0, -2, 1j, -1j]:
        assert count(cell, c.real, c.imag, 2000) == 2000, c


@native("mandelbrot")
def test_points_known_to_leave(cell):
    assert [count(cell, x, 0.0, 100) for x in (3.0, 2.0, 1.0, 0.5)] == [1, 2, 3, 5]
    # Steps to pass beside the neck at -3/4, or through the cusp at 1/4, grow with pi (Boll 1991; Klebanoff 2001).
    assert count(cell, -0.75, 1e-4, 10**6) * 1e-4 == pytest.approx(pi, rel=1e-3)
    assert count(cell, 0.25 + 1e-8, 0.0, 10**6) * sqrt(1e-8) == pytest.approx(pi, rel=1e-3)


@native("levenshtein")
def test_published_distances(cell):
    pairs = [("kitten", "sitting", 3), ("saturday", "sunday", 3), ("flaw", "lawn", 2), ("intention", "execution", 5)]
    pairs += [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("a" * 1000, "b" * 999, 1000), ("ab" * 500, "ba" * 500, 2)]
    # Latin-1, two and four bytes a character, and a lone surrogate.
    pairs += [
        ("naïve", "naive", 1),
        ("żółw", "zolw", 3),
        ("🐢🐍", "🐢", 1),
        ("a\ud800b", "ab", 1),
        ("x", "\U0001f40d", 1),
    ]
    for left, right, distance in pairs:
        for query, choice in ((left, right), (right, left)):
            out = np.full(2, -1, np.int32)
            cell(query, [choice, query], out)
            assert out.tolist() == [distance, 0], (query, choice)


@native("histogram")
@pytest.mark.parametrize("sharing", ["private", "atomic", "locked", "shared-line"])
def test_counts_are_those_of_a_counter(cell, sharing):
    text = b"the quick brown fox" * 997
    counts = np.zeros(256, np.int64)
    cell(np.frombuffer(text, np.uint8), counts, sharing)
    assert {key: n for key, n in enumerate(counts) if n} == Counter(text)


@native("objectsum")
def test_sums_are_those_of_sum(cell):
    from decimal import Decimal
    from fractions import Fraction

    lists = [[], [True, False, 2], [1, 2.5, -3], [2**62, 2**62, -(2**63), 5], [1j, 2], [10**50, 1.0]]
    lists += [[Fraction(1, 3), 1], [Decimal("0.1"), 2], [-0.0], [float("inf"), 1], list(range(10_000))]
    for numbers in lists:
        total, wanted = cell(numbers), sum(numbers)
        assert type(total) is type(wanted)
        assert repr(total) == repr(wanted)


@native("triad")
def test_every_bit_is_that_of_numpy(cell):
    """Also where a fused multiply-add would round once, and for all that is not a usual number."""
    random = np.random.default_rng(3)
    special = [0.0, -0.0, 5e-324, 1e308, -1e308, np.inf, -np.inf, 0.1]
    for length in (len(special) ** 2, 1001, (1 << 19) + 3):  # the last one is streamed past the cache
        left, right = random.standard_normal((2, length))
        left[: len(special) ** 2] = np.repeat(special, len(special))
        right[: len(special) ** 2] = np.tile(special, len(special))
        for offset in (0, 1):  # aligned to a vector, and not
            out = np.zeros(length + 1)[offset : offset + length]
            cell(out, left, right, -1.1)
            with np.errstate(all="ignore"):
                wanted = left + -1.1 * right
            same = (out.view(np.int64) == wanted.view(np.int64)) | (np.isnan(out) & np.isnan(wanted))
            assert same.all()


VIEWS = {
    "C order": lambda image: image,
    "Fortran order": np.asfortranarray,
    "reversed": lambda image: image[::-1, ::-1].copy()[::-1, ::-1],
    "every second": lambda image: np.repeat(np.repeat(image, 2, 0), 2, 1)[::2, ::2],
    "rows repeated by a stride of 0": lambda image: np.broadcast_to(image[:1], image.shape),
}


@native("blur")
@pytest.mark.parametrize("sigma", [1e-300, 0.12, 0.13, 0.5, 0.7, 2.5, 30.0])
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_blur_is_that_of_scipy(cell, sigma, view):
    ndimage = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed")
    random = np.random.default_rng(5)
    for shape in ((1, 1), (3, 2), (7, 8), (8, 7), (9, 40), (40, 9), (2, 1300)):
        image = view(random.random(shape, np.float32) - np.float32(0.5))
        wanted = ndimage.gaussian_filter(image.astype(np.float64), max(sigma, 1e-9))
        out = np.full(shape, np.nan, np.float32)
        cell(image, sigma, out)
        np.testing.assert_allclose(out, wanted, rtol=0, atol=1e-6)
        for first in range(len(image)):
            band = np.full((1, shape[1]), np.nan, np.float32)
            cell(image, sigma, band, first)
            np.testing.assert_allclose(band, wanted[first : first + 1], rtol=0, atol=1e-6)


@native("blur")
def test_what_is_not_finite_reaches_as_far_as_the_filter(cell):
    image = np.zeros((40, 40), np.float32)
    image[20, 20] = np.inf
    out = np.zeros_like(image)
    cell(image, 1.0, out)  # radius 4
    bad = np.argwhere(~np.isfinite(out))
    assert bad.min() == 16
    assert bad.max() == 24
    assert len(bad) == 9 * 9


@native("blur")
@pytest.mark.parametrize("first", [0, 1, 11, 12])
def test_blur_writes_no_more_than_the_rows_asked_for(cell, first):
    image = np.arange(13 * 21, dtype=np.float32).reshape(13, 21)
    whole, part = np.zeros_like(image), np.full((5, 21), -1, np.float32)
    cell(image, 1.5, whole)
    if first + len(part) > len(image):
        with pytest.raises(ValueError, match="blur: first"):
            cell(image, 1.5, part, first)
        assert (part == -1).all()
    else:
        cell(image, 1.5, part, first)
        np.testing.assert_array_equal(part, whole[first : first + 5])


def test_a_kernel_on_python_objects_has_no_ceiling():
    """Its compute needs the GIL, which the ceiling's threads do not have."""
    for name, kernel in load().items():
        assert hasattr(variants.native(kernel, "capi"), "ceiling") == kernel.releases, name
