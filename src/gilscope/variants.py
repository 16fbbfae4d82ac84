"""The cells: each kernel in each implementation under each policy, as a callable.

>>> for variant in variants(load()["spin"]):
...     print(variant, variant(1000, 7))
"""

import importlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from types import ModuleType
from typing import Any

from gilscope.kernels import Kernel, load

IMPLEMENTATIONS = ("python", "numpy", "cython", "capi", "openmp")
POLICIES = ("held", "released", "auto", "own")
"""`own`: the implementation decides for itself and takes no policy (the references: Python's loop never
releases inside a bytecode, NumPy releases in most of its loops)."""

# OpenMP threads that spin at their barriers take CPUs from what is measured beside them. OpenMP reads this once, when
# the first module that uses it is loaded. A value that the user has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_PACKAGES = {"cython": "gilscope.cy", "capi": "gilscope.capi", "openmp": "gilscope.cy"}


@dataclass(frozen=True, slots=True)
class Variant:
    """One cell: a kernel in one implementation under one policy.

    Call it with the kernel's arguments; `str(variant)` is "kernel/implementation/policy".

    Attributes
    ----------
    kernel
        The kernel's spec.
    implementation
        One of IMPLEMENTATIONS.
    policy
        One of POLICIES.
    function
        The callable, with the policy bound.
    """

    kernel: Kernel
    implementation: str
    policy: str
    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.function(*arguments, **keywords)

    def __str__(self) -> str:
        return f"{self.kernel.name}/{self.implementation}/{self.policy}"


def native(kernel: Kernel, implementation: str) -> ModuleType:
    """The compiled module of a kernel; `openmp` is in the Cython module."""
    return importlib.import_module(f"{_PACKAGES[implementation]}.{kernel.name}")


@cache
def variants_of(name: str) -> tuple[Variant, ...]:
    """All cells of a kernel, references first."""
    kernel = load()[name]
    cells = [Variant(kernel, "python", "own", kernel.python)]
    if kernel.numpy is not None:
        cells.append(Variant(kernel, "numpy", "own", kernel.numpy))
    policies = ("held", "released", "auto") if kernel.releases else ("held", "auto")
    for implementation in ("cython", "capi"):
        function = getattr(native(kernel, implementation), name)
        cells += [Variant(kernel, implementation, policy, partial(function, policy=policy)) for policy in policies]
    module = native(kernel, "openmp")
    if getattr(module, "OPENMP", False):
        cells.append(Variant(kernel, "openmp", "released", getattr(module, f"{name}_openmp")))
    return tuple(cells)


def select(
    kernels: Iterable[str] = (), implementations: Iterable[str] = (), policies: Iterable[str] = ()
) -> list[Variant]:
    """The cells of these kernels, implementations and policies. An empty choice means all.

    Parameters
    ----------
    kernels
        Names of kernels; see gilscope.load.
    implementations
        Some of "python", "numpy", "cython", "capi" and "openmp".
    policies
        Some of "held", "released", "auto" and "own". The references take no policy (theirs is "own"), so a choice of
        policies leaves them in.

    Returns
    -------
    list of Variant
        The cells that exist, in the order of `kernels`, references first; empty if none matches.

    Raises
    ------
    KeyError
        There is no kernel of this name.
    """
    implementations, policies = set(implementations), set(policies)
    return [
        variant
        for name in (kernels or load())
        for variant in variants_of(name)
        if (not implementations or variant.implementation in implementations)
        and (not policies or variant.policy in policies or variant.policy == "own")
    ]
