"""bandwidth: a kernel that streams memory, by what two threads gain on it."""

import pytest

from data import timing, verdict
from gilscope.experiments import Timing
from gilscope.experiments.bandwidth import EXPERIMENT, Data, Way


def streams(plain: Timing, released: Timing) -> Data:
    return Data(cells={Way.PLAIN: plain, Way.RELEASED: released, Way.HELD: timing(1.0)}, kernel="triad", bytes=1000)


YES = streams(timing(1.3), timing(1.28))
NO = streams(timing(1.98), timing(1.98))
NOISE = streams(timing(1.3), timing(1.3, 1.0))


@pytest.mark.parametrize("gain", [1.05, 1.6])
def test_released_threads_gain_what_plain_c_threads_gain_neither_less_nor_more(gain: float) -> None:
    assert verdict(EXPERIMENT, streams(timing(1.3), timing(gain))) == "refuted"
