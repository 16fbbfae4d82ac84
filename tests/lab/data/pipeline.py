"""pipeline: three pairs of stages, by what they take with a thread each, where one after the other takes 1 s."""

from data import lucky, steady, track, verdict
from gilscope.experiments.pipeline import EXPERIMENT, Data, Pair, Seconds
from gilscope.results.states import State
from gilscope.results.timelines import Tracks


def stages(released: tuple[float, ...], held: tuple[float, ...]) -> Data:
    many = {Pair.RELEASED: released, Pair.MIXED: steady(0.9), Pair.HELD: held}
    overlap = Tracks((track("producer", State.RELEASED), track("consumer", State.RELEASED)))
    turns = Tracks((track("producer", State.HOLDS, State.WAITS_GIL), track("consumer", State.WAITS_GIL, State.HOLDS)))
    return Data(
        cells={pair: Seconds(one=steady(1.0), many=seconds) for pair, seconds in many.items()},
        timeline={Pair.RELEASED: overlap, Pair.HELD: turns},
    )


YES = stages(steady(0.55), steady(1.0))
NO = stages(steady(1.0), steady(1.0))
NOISE = stages(lucky(0.55, 1.0), steady(1.0))


def test_held_stages_that_overlap_refute() -> None:
    assert verdict(EXPERIMENT, stages(steady(0.55), steady(0.8))) == "refuted"
