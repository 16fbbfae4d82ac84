"""What a kernel is, apart from its compiled code: the inputs, the references, the sizes, the checks."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np

Arguments = tuple[Any, ...]
Outcome = Any  # what a call produced: the array it wrote, or the value it returned

SIZES = ("tiny", "small", "medium", "large")


@dataclass(frozen=True, slots=True)
class Array:
    """A buffer argument. `shape` is only its number of dimensions; lengths are the kernel's own business."""

    name: str
    dtype: str
    dimensions: int
    writable: bool = False
    contiguous: bool = True


@dataclass(frozen=True, slots=True)
class Count:
    """An int argument from low to high."""

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
    """One kernel: what it computes, on what, and how to know that the answer is right.

    Every implementation of it takes the same positional arguments as `python`, in the order of
    `arguments`. Where one of them is named by `out`, the kernel writes its answer there and returns None.
    """

    name: str
    summary: str
    """The work, in one line."""
    lesson: str
    """What it teaches about the GIL or about parallel code, in a sentence or two."""
    arguments: tuple[Argument, ...]
    sizes: Mapping[str, int]
    """Named sizes: `tiny` takes the Python reference some 10 ms, `medium` takes the C core some 10 ms,
    `large` some 100 ms; `small`, between tiny and medium, takes NumPy some 10 ms."""
    size_unit: str
    """What a size counts: "pixels a side"."""
    inputs: Callable[[int, int], Arguments]
    """(size, seed) -> the arguments of one call; another seed gives other data of the same cost."""
    split: Callable[[Arguments, int], list[Arguments]]
    """(arguments, n) -> the arguments of n calls that share the work, for strong scaling."""
    combine: Callable[[Sequence[Outcome]], Outcome] | None
    """The outcomes of the split calls -> the outcome of the whole call. None: the parts are a work of their own."""
    python: Callable[..., Any]
    """The slow, obvious reference."""
    numpy: Callable[..., Any] | None = None
    work: Callable[[Arguments], int] | None = None
    """The work of a call in the unit of THRESHOLD, which `auto` compares with it. None: it can not release."""
    out: str | None = None
    tolerance: float = 0.0
    """Relative to the largest magnitude in the reference's answer; 0 means equal bit for bit."""
    releases: bool = True
    """False: the kernel touches Python objects throughout and can not release the GIL."""
    source: str = field(default="")
    """Where the method comes from."""

    def __post_init__(self) -> None:
        if (self.work is None) == self.releases:
            raise ValueError(f"kernel {self.name}: what releases has a `work`, and nothing else has")

    def fresh(self, arguments: Arguments) -> Arguments:
        """The same arguments with a zeroed copy of the output, so that calls do not see each other's."""
        if self.out is None:
            return arguments
        place = self._place(self.out)
        return (*arguments[:place], np.zeros_like(arguments[place]), *arguments[place + 1 :])

    def outcome(self, function: Callable[..., Any], arguments: Arguments) -> Outcome:
        """Calls the function on a fresh output and returns what it produced."""
        arguments = self.fresh(arguments)
        returned = function(*arguments)
        return returned if self.out is None else arguments[self._place(self.out)]

    def agree(self, actual: Outcome, expected: Outcome) -> bool:
        """Whether two outcomes are the same, within the tolerance."""
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
    """Cuts range(total) into `parts` runs (begin, end) whose lengths differ by at most one."""
    edges = [total * part // parts for part in range(parts + 1)]
    return list(pairwise(edges))


@cache
def load() -> dict[str, Kernel]:
    """Every kernel, by name, in the order of the names: one module of this package each."""
    package = importlib.import_module("gilscope.kernels")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))
    return {name: importlib.import_module(f"gilscope.kernels.{name}").KERNEL for name in names}
