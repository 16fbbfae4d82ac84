"""Cython's own annotated pages, built apart from any build of the extensions."""

from gilscope.annotate.build import AnnotateError, Page, annotate

__all__ = ["AnnotateError", "Page", "annotate"]
