"""interpreter-cost: seconds per step in Python, beside 1 ns in C."""

from collections.abc import Sequence

from data import lucky, steady
from gilscope.experiments.interpreter_cost import Data, Loop


def steps(python: Sequence[float]) -> Data:
    return Data(seconds={Loop.PYTHON: tuple(python), Loop.C: steady(1e-9)})


YES = steps(steady(80e-9))
NO = steps(steady(3e-9))
NOISE = steps(lucky(40e-9, 90e-9))
