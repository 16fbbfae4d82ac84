"""Cython's annotated pages, and what each function of a source does with the GIL."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gilscope.annotate.build import Page, annotate, annotate_each
    from gilscope.annotate.compile import AnnotateError, Options
    from gilscope.annotate.model import Function, Line

__all__ = ["AnnotateError", "Function", "Line", "Options", "Page", "annotate", "annotate_each"]


def __getattr__(name: str) -> Any:
    """Loaded when first asked for: the child beside Cython imports this package, and needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module 'gilscope.annotate' has no attribute '{name}'")
    home = "model" if name in ("Function", "Line") else "build"
    return getattr(importlib.import_module(f"gilscope.annotate.{home}"), name)
