"""Cython's annotated pages, and what each function of a .pyx does with the GIL."""

from gilscope.annotate.analyse import Function, Line, analyse
from gilscope.annotate.build import AnnotateError, Options, Page, annotate, annotate_each

__all__ = ["AnnotateError", "Function", "Line", "Options", "Page", "analyse", "annotate", "annotate_each"]
