"""handoff-storm: what loops that take the GIL on every round gain on two threads."""

from data import RECORDED, UNCLEAR, timing
from gilscope.experiments import Timing
from gilscope.experiments.handoff_storm import STORMS, Data, Loop


def storms(gain: Timing) -> Data:
    return Data(cells={Loop.NEVER: timing(1.98)} | dict.fromkeys(STORMS, gain), takes=1000, timeline=RECORDED)


YES = storms(timing(0.8))
NO = storms(timing(1.95))
NOISE = storms(UNCLEAR)
