"""A kernel without its compiled code: inputs, references, sizes, checks."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from gilscope.sources import module_names

Arguments = tuple[Any, ...]
Outcome = Any  # the result of a call: the array that it wrote, or the value that it returned

SIZES = ("tiny", "small", "medium", "large")


@dataclass(frozen=True, slots=True)
class Array:
    """A buffer argument. The kernel itself checks the lengths."""

    name: str
    dtype: str
    """As NumPy spells it, such as "float64"."""
    dimensions: int
    """The number of dimensions."""
    writable: bool = False
    contiguous: bool = True
    """Whether it must be C-contiguous; otherwise any strides are accepted."""


@dataclass(frozen=True, slots=True)
class Count:
    """An int argument from low to high, both included."""

    name: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Real:
    """A finite float argument."""

    name: str
    positive: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A str argument."""

    name: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list argument whose items are all str, or all numbers."""

    name: str
    of: Literal["str", "number"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A str argument that must be one of `options`."""

    name: str
    options: tuple[str, ...]


Argument = Array | Count | Real | Text | Items | Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One kernel: what it computes, its inputs, and how to check the answer.

    Every implementation takes the same positional arguments as `python`, in the order of `arguments`. If `out` names
    one of them, the kernel writes its answer there and returns None.

    Raises
    ------
    ValueError
        A kernel that releases has no `work`, or one that does not release has.
    """

    name: str
    summary: str
    """The work, in one line."""
    lesson: str
    """The lesson about the GIL or about parallel code, in a sentence or two."""
    arguments: tuple[Argument, ...]
    sizes: Mapping[str, int]
    """Named sizes, about 10 ms per call each: `tiny` for the Python reference, `small` for NumPy, `medium` for the C
    core. `large` takes the C core about 100 ms."""
    size_unit: str
    """The unit of a size, such as "pixels a side"."""
    inputs: Callable[[int, int], Arguments]
    """(size, seed) -> the arguments of one call. Another seed gives other data of the same cost."""
    split: Callable[[Arguments, int], list[Arguments]]
    """(arguments, n) -> the arguments of n calls that share the work, for strong scaling."""
    combine: Callable[[Sequence[Outcome]], Outcome] | None
    """The outcomes of the split calls -> the outcome of the whole call. None if they cannot be combined."""
    python: Callable[..., Any]
    """The slow, obvious reference."""
    numpy: Callable[..., Any] | None = None
    """The same with NumPy, if it can do it."""
    work: Callable[[Arguments], int] | None = None
    """The work of a call, which `auto` compares with the module's THRESHOLD. None for a kernel that cannot release."""
    out: str | None = None
    """The name of the argument that takes the answer."""
    tolerance: float = 0.0
    """Relative to the largest magnitude in the reference's answer; 0 means equal bit for bit."""
    releases: bool = True
    """False for a kernel that uses Python objects throughout and cannot release the GIL."""
    openmp: bool = False
    """Whether the Cython module has a version for OpenMP, NAME_openmp(). setup.py reads this: write it as a literal."""
    source: str = field(default="")
    """The source of the method."""

    def __post_init__(self) -> None:
        if (self.work is None) == self.releases:
            raise ValueError(f"kernel {self.name}: a kernel needs a `work` if it releases the GIL, and only then")

    def fresh(self, arguments: Arguments) -> Arguments:
        """The arguments with a zeroed copy of the output, so that calls do not share one."""
        if self.out is None:
            return arguments
        place = self._place(self.out)
        return (*arguments[:place], np.zeros_like(arguments[place]), *arguments[place + 1 :])

    def outcome(self, function: Callable[..., Any], arguments: Arguments) -> Outcome:
        """Call the function on a fresh output; return the array that it wrote or the value that it returned."""
        arguments = self.fresh(arguments)
        returned = function(*arguments)
        return returned if self.out is None else arguments[self._place(self.out)]

    def agree(self, actual: Outcome, expected: Outcome) -> bool:
        """Whether two outcomes are equal within the tolerance."""
        left, right = np.asarray(actual), np.asarray(expected)
        if left.shape != right.shape:
            return False
        if self.tolerance == 0:
            return bool(np.array_equal(left, right))
        scale = float(np.max(np.abs(right), initial=0.0))
        return bool(np.allclose(left, right, rtol=0, atol=self.tolerance * scale, equal_nan=True))

    def _place(self, name: str) -> int:
        return [argument.name for argument in self.arguments].index(name)


def bands(total: int, parts: int) -> list[tuple[int, int]]:
    """Cut range(total) into runs whose lengths differ by at most one.

    Parameters
    ----------
    total
        The length of the range.
    parts
        The number of runs.

    Returns
    -------
    list of (begin, end)
        In ascending order.
    """
    edges = [total * part // parts for part in range(parts + 1)]
    return list(pairwise(edges))


@cache
def load() -> dict[str, Kernel]:
    """Load every kernel.

    Returns
    -------
    dict of str to Kernel
        By name, sorted.
    """
    return {name: importlib.import_module(f"gilscope.kernels.{name}").KERNEL for name in module_names("kernels")}
