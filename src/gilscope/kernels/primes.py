"""primes: how many primes lie in a range."""

from math import isqrt, prod

import numpy as np

from gilscope.kernels import Arguments, Count, Kernel, bands

HIGH_MAX = 10**14
ROOT_WORK = 8


def python(low: int, high: int) -> int:
    struck = bytearray(high - low)
    for divisor in range(2, isqrt(high) + 1):
        first = max(divisor, -(-low // divisor)) * divisor
        for multiple in range(first, high, divisor):
            struck[multiple - low] = True
    return sum(not struck[number - low] for number in range(max(low, 2), high))


def numpy(low: int, high: int) -> int:
    """Odd numbers only. A pattern without the multiples of five small primes is copied into each segment; then NumPy
    strikes the multiples of each other prime in one step. Segments are long, because each step has a fixed cost."""
    segment, small = 2**22, (3, 5, 7, 11, 13)
    root = isqrt(high)
    odd = np.ones((root + 1) // 2, bool)  # odd[i] is the number 2i + 1, and so below
    for i in range(1, (isqrt(root) + 1) // 2):
        if odd[i]:
            odd[2 * i * (i + 1) :: 2 * i + 1] = False
    base = 2 * np.flatnonzero(odd)[1 + len(small) :] + 1
    wheel = np.ones(prod(small), bool)
    for prime in small:
        wheel[prime // 2 :: prime] = False
    pattern = np.tile(wheel, min(segment, high // 2) // len(wheel) + 2)
    count = sum(low <= prime < high for prime in (2, *small))
    for begin in range(low // 2, high // 2, segment):
        size = min(segment, high // 2 - begin)
        odd = pattern[begin % len(wheel) :][:size].copy()
        odd[: begin == 0] = False  # 1 is no prime
        primes = base[base * base // 2 < begin + size]
        factors = np.maximum(primes, (2 * begin + primes) // primes | 1)
        for prime, first in zip(primes.tolist(), (primes * factors // 2 - begin).tolist(), strict=True):
            odd[first::prime] = False
        count += int(np.count_nonzero(odd))
    return count


def inputs(size: int, seed: int) -> Arguments:
    """A range of `size` numbers from 10**9 on. The seed shifts it by some millions, which hardly changes its cost."""
    low = 10**9 + seed % 1000 * 1_000_003
    return low, low + size


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    """Adjacent ranges. Each part finds the primes up to the square root again: the price of sharing nothing."""
    low, high = arguments
    return [(low + begin, low + end) for begin, end in bands(high - low, parts)]


def work(arguments: Arguments) -> int:
    low, high = arguments
    return int(high - low + ROOT_WORK * isqrt(high))


KERNEL = Kernel(
    name="primes",
    summary="primes in [low, high), segmented sieve",
    lesson=(
        "Blocked for the caches, with its own scratch memory per call: threads share nothing, so it scales "
        "as long as each core has its own cache."
    ),
    arguments=(Count("low", 0, HIGH_MAX), Count("high", 0, HIGH_MAX)),
    sizes={"tiny": 10_000, "small": 2_000_000, "medium": 80_000_000, "large": 800_000_000},
    size_unit="numbers in the range",
    inputs=inputs,
    split=split,
    combine=sum,
    work=work,
    python=python,
    numpy=numpy,
    source="sieve of Eratosthenes, segmented after Bays and Hudson (1977), on a wheel of 30",
)
