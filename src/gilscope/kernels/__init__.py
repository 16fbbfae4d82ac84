"""The kernels: one module each, found by scanning this folder.

>>> from gilscope.kernels import load
>>> load()["mandelbrot"].lesson
"""

from gilscope.kernels._spec import (
    SIZES,
    Argument,
    Arguments,
    Array,
    Choice,
    Count,
    Items,
    Kernel,
    Outcome,
    Real,
    Text,
    bands,
    load,
)

__all__ = [
    "SIZES",
    "Argument",
    "Arguments",
    "Array",
    "Choice",
    "Count",
    "Items",
    "Kernel",
    "Outcome",
    "Real",
    "Text",
    "bands",
    "load",
]
