"""python-threads: two threads in a Python loop, by the CPUs that they keep busy."""

from collections.abc import Sequence

from data import lucky, ruling, steady, timing
from gilscope.experiments.python_threads import EXPERIMENT, Data


def threads(busy: Sequence[float]) -> Data:
    return Data(cells={"spin": timing(0.9, busy=busy)})


YES = threads(steady(1.01))
NO = threads(steady(1.98))
NOISE = threads(lucky(2.0, 1.0))


def test_a_loss_is_reported() -> None:
    assert "Slower than one thread: spin" in ruling(EXPERIMENT, threads(steady(1.0))).evidence
