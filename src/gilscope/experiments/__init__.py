"""The experiments: what people say about the GIL, put to the test. One module each, found by scanning this folder.

>>> from gilscope.experiments import load, run
>>> run(load()["gil-release"]).ruling.verdict
'confirmed'
"""

from gilscope.experiments._lab import WORKERS, Lab, Timing, Timings
from gilscope.experiments._process import rule, rule_on, run
from gilscope.experiments._spec import Experiment, Judgement, NotHere, Place, load
from gilscope.results.charts import Axis, Bar, Chart, Limit, Point, Series

__all__ = [
    "WORKERS",
    "Axis",
    "Bar",
    "Chart",
    "Experiment",
    "Judgement",
    "Lab",
    "Limit",
    "NotHere",
    "Place",
    "Point",
    "Series",
    "Timing",
    "Timings",
    "load",
    "rule",
    "rule_on",
    "run",
]
