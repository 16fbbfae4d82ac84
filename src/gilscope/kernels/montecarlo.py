"""montecarlo: pi from random samples of the unit square."""

import numpy as np

from gilscope.kernels import Arguments, Count, Kernel, bands

MAX = 10**18
LOW = 2**32 - 1
FACTORS = 0xD2511F53, 0xCD9E8D57
WEYL = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10


def philox4x32_10(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """A bijection of four 32-bit words under a key of two: one block of random bits."""
    a, b, c, d = counter
    key0, key1 = key
    for _ in range(ROUNDS):
        product0, product1 = FACTORS[0] * a, FACTORS[1] * c
        a, b, c, d = product1 >> 32 ^ b ^ key0, product1 & LOW, product0 >> 32 ^ d ^ key1, product0 & LOW
        key0, key1 = key0 + WEYL[0] & LOW, key1 + WEYL[1] & LOW
    return a, b, c, d


def python(samples: int, seed: int, first: int = 0) -> int:
    hits = 0
    for sample in range(first, first + samples):
        block, odd = divmod(sample, 2)
        words = philox4x32_10((block & LOW, block >> 32, 0, 0), (seed & LOW, seed >> 32))
        x, y = (word >> 1 for word in words[2 * odd : 2 * odd + 2])  # of 31 bits: the sum is exact in 63
        hits += x * x + y * y < 2**62
    return hits


def numpy(samples: int, seed: int, first: int = 0) -> int:
    """Some thousand blocks at once: one array per word, in the low half of 64 bits."""
    low, high = np.uint64(LOW), np.uint64(32)
    factor0, factor1 = (np.uint64(factor) for factor in FACTORS)
    keys = [(np.uint64(seed + i * WEYL[0] & LOW), np.uint64((seed >> 32) + i * WEYL[1] & LOW)) for i in range(ROUNDS)]
    last = first + samples
    hits = 0
    for begin in range(first // 2, (last + 1) // 2, 4096):
        blocks = np.arange(begin, min(begin + 4096, (last + 1) // 2), dtype=np.uint64)
        a, b, c, d = blocks & low, blocks >> high, np.zeros_like(blocks), np.zeros_like(blocks)
        for key0, key1 in keys:
            product0, product1 = factor0 * a, factor1 * c
            a, b, c, d = product1 >> high ^ b ^ key0, product1 & low, product0 >> high ^ d ^ key1, product0 & low
        x, y = np.stack((a, c), axis=1).ravel() >> np.uint64(1), np.stack((b, d), axis=1).ravel() >> np.uint64(1)
        inside = x * x + y * y < np.uint64(2**62)
        hits += int(np.count_nonzero(inside[max(first - 2 * begin, 0) : last - 2 * begin]))
    return hits


def inputs(size: int, seed: int) -> Arguments:
    return size, seed, 0


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    """Runs of samples. They may begin anywhere: together they are the same samples, with the same hits."""
    samples, seed, first = arguments
    return [(end - begin, seed, first + begin) for begin, end in bands(samples, parts)]


def work(arguments: Arguments) -> int:
    return int(arguments[0])


KERNEL = Kernel(
    name="montecarlo",
    summary="pi from a counter-based generator, Philox 4x32-10",
    lesson=(
        "Sample i depends only on i and the seed, so threads share no generator, "
        "and the answer is the same to the last digit for any number of threads."
    ),
    arguments=(Count("samples", 0, MAX), Count("seed", 0, 2**63 - 1), Count("first", 0, MAX)),
    sizes={"tiny": 1_500, "small": 500_000, "medium": 8_000_000, "large": 80_000_000},
    size_unit="samples",
    inputs=inputs,
    split=split,
    combine=sum,
    work=work,
    python=python,
    numpy=numpy,
    openmp=True,
    source="Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3 (2011)",
)
