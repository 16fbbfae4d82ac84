"""What the tests of the kernels share: every cell, the inputs at the edges, and those around the threshold."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from gilscope.kernels import Arguments, Kernel, Outcome, load
from gilscope.variants import Variant, native, select

TEAM = 2  # OpenMP threads
HERE = str(Path(__file__).parent)
# They sleep while they wait: on a busy machine, spinning keeps the core from those that they wait for. OpenMP reads
# this when it is loaded, by select() below.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _with_team(variant: Variant) -> Variant:
    if variant.implementation != "openmp":
        return variant
    return dataclasses.replace(variant, function=partial(variant.function, threads=TEAM))


CELLS = [_with_team(variant) for variant in select()]
NATIVE = [cell for cell in CELLS if cell.implementation in ("cython", "capi", "openmp")]
PARALLEL = [cell for cell in NATIVE if cell.policy == "released"]


def child_environment() -> dict[str, str]:
    """The environment of a child that runs a test file as a script, and imports this module."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))}


def functions(kernel: Kernel) -> dict[str, Callable[..., Any]]:
    """The native functions of a kernel as a user calls them, without a policy."""
    by_name = {name: getattr(native(kernel, name), kernel.name) for name in ("capi", "cython")}
    if getattr(native(kernel, "openmp"), "OPENMP", False):
        by_name["openmp"] = partial(getattr(native(kernel, "openmp"), f"{kernel.name}_openmp"), threads=TEAM)
    return by_name


@lru_cache(maxsize=12)  # not more: some are large
def inputs(name: str, size: str, seed: int = 0) -> Arguments:
    """The arguments at a named size. Shared between tests: call with kernel.fresh() or kernel.outcome()."""
    kernel = load()[name]
    return kernel.inputs(kernel.sizes[size], seed)


@cache
def expected(name: str, seed: int = 0) -> Outcome:
    """What the Python reference returns for the tiny inputs."""
    kernel = load()[name]
    return kernel.outcome(kernel.python, inputs(name, "tiny", seed))


def _picture(rows: int, columns: int) -> Any:
    return np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)


# Empty and size-1 inputs of those kernels whose inputs() makes no sense of a size of 0 or 1.
EDGES: dict[str, Callable[[], list[Arguments]]] = {
    "blur": lambda: (
        [
            (_picture(rows, columns), sigma, np.zeros((rows, columns), np.float32), 0)
            for rows, columns in ((0, 0), (0, 3), (3, 0), (1, 1), (1, 9), (9, 1))
            for sigma in (0.1, 2.0)
        ]
        + [
            (_picture(4, 5), 1.0, np.zeros((0, 5), np.float32), 4),
            (_picture(4, 5), 1.0, np.zeros((1, 5), np.float32), 3),
        ]
    ),
    "mandelbrot": lambda: [
        (np.zeros((rows, columns), np.int32), -0.5, 0.25, 0.125, 20, 0)
        for rows, columns in ((0, 0), (0, 5), (5, 0), (1, 1), (1, 9), (9, 1))
    ],
    "primes": lambda: [(0, 0), (5, 5), (0, 1), (0, 2), (2, 3), (3, 4), (0, 30), (10**6, 10**6 + 1)],
}


def edges(kernel: Kernel) -> list[Arguments]:
    return EDGES.get(kernel.name, lambda: [kernel.inputs(size, 0) for size in (0, 1)])()


def _small(kernel: Kernel) -> Iterator[Arguments]:
    size = kernel.sizes["tiny"]
    while size > 1:
        yield kernel.inputs(size, 0)
        size //= 2
    yield from edges(kernel)


def below(kernel: Kernel) -> Arguments:
    """The most work below the kernel's threshold among small arguments."""
    assert kernel.work is not None
    threshold = native(kernel, "capi").THRESHOLD
    return max((arguments for arguments in _small(kernel) if kernel.work(arguments) < threshold), key=kernel.work)


def above(kernel: Kernel) -> Arguments:
    """Arguments of the smallest named size that has enough work to be released."""
    assert kernel.work is not None
    threshold = native(kernel, "capi").THRESHOLD
    return next(arguments for size in kernel.sizes if kernel.work(arguments := inputs(kernel.name, size)) >= threshold)
