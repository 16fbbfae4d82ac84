"""Answers that others have published: a reference written here cannot be wrong along with them."""

import functools

import pytest

from gilscope.kernels import load
from gilscope.kernels.montecarlo import philox4x32_10
from gilscope.variants import Variant, select

BINDINGS = ["cython", "capi"]
PI = (0, 4, 25, 168, 1229, 9592, 78498, 664579, 5761455, 50847534)  # pi(10**k): sequence A006880 of the OEIS

# Random123, tests/kat_vectors, "philox4x32 10": counter, key, image.
PHILOX = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def cells(kernel: str, *implementations: str) -> list[Variant]:
    """The cells of these implementations, `openmp` with three threads."""
    return [
        Variant(cell.kernel, "openmp", cell.policy, functools.partial(cell.function, threads=3))
        if cell.implementation == "openmp"
        else cell
        for cell in select([kernel], implementations)
    ]


@pytest.mark.parametrize("cell", cells("primes", "numpy", *BINDINGS), ids=str)
def test_primes_below_a_power_of_ten(cell: Variant) -> None:
    most = {"numpy": 7, "cython": 8, "capi": 9}[cell.implementation]
    assert [cell(0, 10**power) for power in range(most + 1)] == list(PI[: most + 1])


def test_the_python_primes_below_a_power_of_ten() -> None:
    assert [load()["primes"].python(0, 10**power) for power in range(5)] == list(PI[:5])


@pytest.mark.parametrize("cell", cells("primes", *BINDINGS), ids=str)
def test_the_last_primes_below_the_limit(cell: Variant) -> None:
    """The largest prime below 10**14 is 10**14 - 27, the next 10**14 - 29."""
    limit = 10**14
    assert cell(limit - 26, limit) == 0
    assert cell(limit - 27, limit) == 1
    assert cell(limit - 29, limit - 27) == 1


@pytest.mark.parametrize(("counter", "key", "image"), PHILOX)
def test_philox(counter: str, key: str, image: str) -> None:
    def words(text: str) -> tuple[int, ...]:
        return tuple(int(word, 16) for word in text.split())

    assert philox4x32_10(words(counter), words(key)) == words(image)


@pytest.mark.parametrize("cell", cells("montecarlo", "numpy", "openmp", *BINDINGS), ids=str)
def test_the_same_digits_whatever_the_split(cell: Variant) -> None:
    """Cut at odd places too, and across the sample from which on the block's number has a second word."""
    kernel = load()["montecarlo"]
    for arguments in [(300_001, 42, 0), (300_001, 2**63 - 1, 2**33 - 150_000)]:
        whole = cell(*arguments)
        assert abs(4 * whole / 300_001 - 3.14159) < 0.015
        for parts in (1, 2, 7):
            assert kernel.combine([cell(*part) for part in kernel.split(arguments, parts)]) == whole
        assert whole == kernel.numpy(*arguments)
