"""The kernels: every public module of this folder is one.

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
