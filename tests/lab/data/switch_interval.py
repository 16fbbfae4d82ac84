"""switch-interval: waits behind Python code at 5 ms, and behind C calls of 30 ms."""

from collections.abc import Sequence

from data import steady, torn
from gilscope.experiments.switch_interval import Data


def waits(python: Sequence[float], native: Sequence[float]) -> Data:
    return Data(python={0.005: tuple(python)}, native=tuple(native), calls=steady(0.03))


YES = waits(steady(0.0052), steady(0.03))
NO = waits(steady(0.0052), steady(0.0002))
NOISE = waits(torn(0.001, 0.03), steady(0.03))
