"""The experiments: what people say about the GIL, put to the test. One module each, found by scanning this folder.

>>> from gilscope.experiments import find, load
>>> find(load()["gil-release"]).verdict
'confirmed'
"""

from gilscope.experiments._lab import Lab, NotHere
from gilscope.experiments._process import find, judged
from gilscope.experiments._spec import (
    CLAIMS,
    Axis,
    Chart,
    Data,
    Experiment,
    Finding,
    Judgement,
    Limit,
    Place,
    Point,
    Series,
    Span,
    absent,
    load,
)

__all__ = [
    "CLAIMS",
    "Axis",
    "Chart",
    "Data",
    "Experiment",
    "Finding",
    "Judgement",
    "Lab",
    "Limit",
    "NotHere",
    "Place",
    "Point",
    "Series",
    "Span",
    "absent",
    "find",
    "judged",
    "load",
]
