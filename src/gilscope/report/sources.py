"""The sources that the report shows: those of each kernel, and those that all kernels share."""

from __future__ import annotations

from pathlib import Path

from gilscope import kernels
from gilscope.html.listing import Listing, listing
from gilscope.sources import ext_folder


def kernel_listings(kernel: str) -> list[Listing]:
    """The sources of a kernel that exist: C core and its parts, C binding, Cython, Python."""
    ext = ext_folder()
    files = (
        ("C core", ext / "core" / f"{kernel}.h"),
        *((f"core/{path.name}", path) for path in sorted(ext.glob(f"core/{kernel}_*.h"))),
        ("C binding", ext / "capi" / f"{kernel}.c"),
        ("Cython", ext / "cy" / f"{kernel}.pyx"),
        ("Python reference", Path(kernels.__path__[0], f"{kernel}.py")),
    )
    return [_source(what, path) for what, path in files if path.is_file()]


def support_listings() -> list[Listing]:
    """The sources that all kernels share: where the GIL is released, and what checks the arguments."""
    ext = ext_folder()
    files = (*sorted(ext.glob("support/*.h")), ext / "core" / "base.h", ext / "cy" / "support.pxd")
    return [_source(path.name, path) for path in files if path.is_file()]


def _source(what: str, path: Path) -> Listing:
    ext = ext_folder()
    name = f"ext/{path.relative_to(ext)}" if path.is_relative_to(ext) else f"kernels/{path.name}"
    return listing(name, what, path)
