"""triad: out = left + scale*right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gilscope.kernels import Arguments, Array, Kernel, Real, bands

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


def python(out: WriteableBuffer, left: ReadableBuffer, right: ReadableBuffer, scale: float) -> None:
    answer = np.asarray(out)
    for i, (a, b) in enumerate(zip(np.asarray(left).tolist(), np.asarray(right).tolist(), strict=True)):
        answer[i] = a + scale * b


def numpy(out: WriteableBuffer, left: ReadableBuffer, right: ReadableBuffer, scale: float) -> None:
    """Two passes, with the product in `out` between them: 40 bytes per element, while one pass would move 24."""
    answer = np.asarray(out)
    np.multiply(np.asarray(right), scale, out=answer)
    np.add(np.asarray(left), answer, out=answer)


def inputs(size: int, seed: int) -> Arguments:
    random = np.random.default_rng(seed)
    return np.zeros(size), random.random(size), random.random(size), 3.0


def work(arguments: Arguments) -> int:
    return len(arguments[0])


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    out, left, right, scale = arguments
    return [(out[a:b].copy(), left[a:b], right[a:b], scale) for a, b in bands(len(out), parts)]


KERNEL = Kernel(
    name="triad",
    summary="out = left + scale*right, float64",
    lesson="Bandwidth-bound: two flops for 24 bytes, so releasing the GIL cannot exceed the memory's bandwidth.",
    arguments=(
        Array("out", "float64", 1, writable=True),
        Array("left", "float64", 1),
        Array("right", "float64", 1),
        Real("scale"),
    ),
    sizes={"tiny": 100_000, "small": 1_000_000, "medium": 8_000_000, "large": 32_000_000},
    size_unit="elements",
    inputs=inputs,
    split=split,
    combine=np.concatenate,
    python=python,
    numpy=numpy,
    work=work,
    out="out",
    openmp=True,
    source="the triad of J. McCalpin's STREAM benchmark",
)
