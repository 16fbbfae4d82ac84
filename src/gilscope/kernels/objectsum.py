"""objectsum: the sum of a list of Python numbers."""

from typing import Any

import numpy as np

from gilscope.kernels import Arguments, Items, Kernel, bands


def python(numbers: list[Any]) -> Any:
    total: Any = 0
    for number in numbers:
        total = total + number
    return total


def inputs(size: int, seed: int) -> Arguments:
    """Whole numbers of 1 to 96 bits, each width as often as any other: some fit a machine word and some do not.

    4,096 different ones come again and again, so that a long list does not need memory for as many objects.
    """
    random = np.random.default_rng(seed)
    digits = random.bytes(12 * 4096)
    different = [int.from_bytes(digits[12 * i : 12 * i + 12], "little") >> i % 96 for i in range(4096)]
    return (([different[i] for i in random.permutation(4096)] * -(-size // 4096))[:size],)


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    (numbers,) = arguments
    return [(numbers[a:b],) for a, b in bands(len(numbers), parts)]


KERNEL = Kernel(
    name="objectsum",
    summary="sum of a list of Python numbers",
    lesson="The negative control: it touches objects from the first to the last, so it cannot release, "
    "and scales only where there is no GIL.",
    arguments=(Items("numbers", "number"),),
    sizes={"tiny": 300_000, "small": 400_000, "medium": 500_000, "large": 5_000_000},
    size_unit="numbers",
    inputs=inputs,
    split=split,
    combine=sum,
    python=python,
    releases=False,
    source="Neumaier 1974 for floats; machine words for whole numbers that fit",
)
