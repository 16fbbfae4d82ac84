"""nbody: all-pairs softened accelerations."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from gilscope.kernels import Arguments, Array, Count, Kernel, Outcome, Real, bands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import ReadableBuffer, WriteableBuffer


def python(
    positions: ReadableBuffer, masses: ReadableBuffer, softening: float, out: WriteableBuffer, first: int = 0
) -> None:
    answer, weights = np.asarray(out), np.asarray(masses).tolist()
    particles = list(zip(*np.asarray(positions).tolist(), weights, strict=True))
    for target in range(answer.shape[1]):
        x, y, z, _ = particles[first + target]
        ax = ay = az = 0.0
        for other_x, other_y, other_z, mass in particles:
            dx, dy, dz = other_x - x, other_y - y, other_z - z
            r2 = dx * dx + dy * dy + dz * dz + softening * softening
            pull = mass / (r2 * sqrt(r2))
            ax, ay, az = ax + pull * dx, ay + pull * dy, az + pull * dz
        answer[:, target] = ax, ay, az


def numpy(
    positions: ReadableBuffer, masses: ReadableBuffer, softening: float, out: WriteableBuffer, first: int = 0
) -> None:
    """One row of the distance matrix at a time; the whole matrix would not fit into the cache."""
    places, weights, answer = np.asarray(positions), np.asarray(masses), np.asarray(out)
    for target in range(answer.shape[1]):
        apart = places - places[:, first + target, None]
        r2 = np.einsum("ij,ij->j", apart, apart) + softening * softening
        answer[:, target] = apart @ (weights / (r2 * np.sqrt(r2)))


def inputs(size: int, seed: int) -> Arguments:
    """A Gaussian cloud of particles with a total mass of about 1; the masses differ by up to a factor of 3."""
    draw = np.random.default_rng(seed)
    positions = np.ascontiguousarray(draw.standard_normal((3, size)))
    masses = draw.uniform(0.5, 1.5, size) / max(size, 1)
    return positions, masses, 0.05, np.zeros((3, size)), 0


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    """Runs of targets; every part reads all particles."""
    positions, masses, softening, out, first = arguments
    return [(positions, masses, softening, out[:, a:b].copy(), first + a) for a, b in bands(out.shape[1], parts)]


def combine(outcomes: Sequence[Outcome]) -> Outcome:
    return np.concatenate(outcomes, axis=1)


def work(arguments: Arguments) -> int:
    positions, _masses, _softening, out, _first = arguments
    return int(positions.shape[1] * out.shape[1])


KERNEL = Kernel(
    name="nbody",
    summary="all-pairs softened accelerations, float64",
    lesson="Arithmetic-bound: everything fits in the cache, and the vector units decide.",
    arguments=(
        Array("positions", "float64", 2),
        Array("masses", "float64", 1),
        Real("softening", positive=True),
        Array("out", "float64", 2, writable=True),
        Count("first", 0, 2**63 - 1),
    ),
    sizes={"tiny": 200, "small": 800, "medium": 3000, "large": 10000},
    size_unit="particles",
    inputs=inputs,
    split=split,
    combine=combine,
    work=work,
    python=python,
    numpy=numpy,
    out="out",
    tolerance=1e-11,  # sums of some thousand terms in another order, each term good to about 3e-15
    openmp=True,
    source="Plummer softening; Aarseth, Gravitational N-Body Simulations (2003), 2.2",
)
