"""free-threading: a loop in Python on two threads, without the GIL and with it."""

from data import UNCLEAR, timing, verdict
from gilscope.experiments import Timing
from gilscope.experiments.free_threading import EXPERIMENT, Data, Gil


def loops(without: Timing, with_gil: float = 1.0) -> Data:
    return Data(cells={Gil.OFF: without, Gil.ON: timing(with_gil)})


YES = loops(timing(1.96))
NO = loops(timing(1.0))
NOISE = loops(UNCLEAR)


def test_a_loop_that_scales_with_the_gil_too_refutes() -> None:
    assert verdict(EXPERIMENT, loops(timing(1.96), with_gil=1.96)) == "refuted"
