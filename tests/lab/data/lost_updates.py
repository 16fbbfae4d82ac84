"""lost-updates: the part of the plain additions that is lost; no atomic one is."""

from collections.abc import Sequence

from data import ruling, steady, torn
from gilscope.experiments.lost_updates import EXPERIMENT, Data, Way


def plain(lost: Sequence[float]) -> Data:
    return Data(lost={Way.PLAIN: tuple(lost), Way.ATOMIC: steady(0.0)}, updates=1000)


YES = plain(torn(0.0, 0.4))
NO = plain(steady(0.0))
NOISE = None  # one lost update proves it; noise loses none


def test_a_cure_that_loses_updates_refutes_it() -> None:
    lost = Data(lost=YES.lost | {Way.ATOMIC: torn(0.0, 0.1)}, updates=1000)
    assert ruling(EXPERIMENT, lost).reason == "not met: atomic: none is lost"
