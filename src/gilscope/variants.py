"""Implementation x policy -> callable. The only place that names the cells.

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
lets go inside a bytecode, NumPy releases in most of its loops)."""

# A team of OpenMP threads that spins at its barriers takes the CPUs from what is measured beside it. Read once, when
# the first module with OpenMP is loaded; what the user has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_PACKAGES = {"cython": "gilscope.cy", "capi": "gilscope.capi", "openmp": "gilscope.cy"}


@dataclass(frozen=True, slots=True)
class Variant:
    """One cell: a kernel in one implementation under one policy. Call it with the kernel's arguments."""

    kernel: Kernel
    implementation: str
    policy: str
    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.function(*arguments, **keywords)

    def __str__(self) -> str:
        return f"{self.kernel.name}/{self.implementation}/{self.policy}"


def native(kernel: Kernel, implementation: str) -> ModuleType:
    """The compiled module of a kernel: `cython`, `capi`, or `openmp`, which lives in the Cython module."""
    return importlib.import_module(f"{_PACKAGES[implementation]}.{kernel.name}")


@cache
def variants_of(name: str) -> tuple[Variant, ...]:
    """Every cell of the kernel of this name, references first."""
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
    """The cells of these kernels, implementations and policies; an empty choice means all.

    The references take no policy, so a choice of policies leaves them in.
    """
    implementations, policies = set(implementations), set(policies)
    return [
        variant
        for name in (kernels or load())
        for variant in variants_of(name)
        if (not implementations or variant.implementation in implementations)
        and (not policies or variant.policy in policies or variant.policy == "own")
    ]
