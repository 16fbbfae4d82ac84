"""histogram: how often each key occurs."""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gilscope.kernels import Arguments, Array, Choice, Kernel, Outcome, bands

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer
    from numpy.typing import NDArray


def python(keys: ReadableBuffer, counts: WriteableBuffer, sharing: str = "private") -> None:
    bins = np.asarray(counts)
    tally = [0] * len(bins)
    for place, key in enumerate(memoryview(keys)):
        if key >= len(tally):
            raise ValueError(f"histogram: the value at index {place} is out of range")
        tally[key] += 1
    bins += tally


def numpy(keys: ReadableBuffer, counts: WriteableBuffer, sharing: str = "private") -> None:
    bins = np.asarray(counts)
    tally = np.bincount(np.asarray(keys), minlength=len(bins))
    if len(tally) > len(bins):
        place = np.argmax(np.asarray(keys) >= len(bins))
        raise ValueError(f"histogram: the value at index {place} is out of range")
    bins += tally


@cache
def sources() -> NDArray[np.uint8]:
    """The bytes of the standard library's .py files without its tests, sorted by path."""
    library = Path(sysconfig.get_path("stdlib"))
    paths = (path for path in sorted(library.rglob("*.py")) if not {"site-packages", "test"} & set(path.parts))
    return np.frombuffer(b"".join(path.read_bytes() for path in paths), np.uint8)


def inputs(size: int, seed: int) -> Arguments:
    """`size` bytes of Python sources, from a place that the seed picks, wrapping around at the end."""
    data = sources()
    start = seed * 7_654_321 % len(data)
    keys = np.tile(data, -(-(start + size) // len(data)))[start : start + size].copy()
    return keys, np.zeros(256, np.int64), "private"


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    """Runs of keys, each with counts of its own."""
    keys, counts, sharing = arguments
    return [(keys[a:b], counts.copy(), sharing) for a, b in bands(len(keys), parts)]


def combine(outcomes: Sequence[Outcome]) -> Outcome:
    return np.sum(outcomes, axis=0)


KERNEL = Kernel(
    name="histogram",
    summary="counts of the bytes in the standard library's sources, uint8 -> int64",
    lesson="Writes that threads share: one cache line, one lock or one atomic costs what the threads gain; "
    "private counts, added at the end, do not.",
    arguments=(
        Array("keys", "uint8", 1),
        Array("counts", "int64", 1, writable=True, contiguous=False),
        Choice("sharing", ("private", "atomic", "locked", "shared-line")),
    ),
    sizes={"tiny": 1 << 17, "small": 1 << 22, "medium": 1 << 25, "large": 1 << 28},
    size_unit="keys",
    inputs=inputs,
    split=split,
    combine=combine,
    python=python,
    numpy=numpy,
    work=lambda arguments: len(arguments[0]),
    out="counts",
    source="counting with several tables against store-to-load stalls",
)
