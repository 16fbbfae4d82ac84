"""event-loop: the longest gap of each round beside a call of 0.1 s."""

from collections.abc import Sequence

from data import RECORDED, ROUNDS, lucky, ruling, steady
from gilscope.experiments.event_loop import EXPERIMENT, Beats, Call, Data, Recorded


def beats(longest: Sequence[float]) -> Beats:
    return Beats(gaps=tuple((0.001, gap) for gap in longest), call=steady(0.1))


def loop(released: Sequence[float]) -> Data:
    stopped = beats((0.1,) * ROUNDS)
    return Data(
        cells={Call.HELD: stopped, Call.NOGIL: stopped, Call.RELEASED: beats(released)},
        timeline={Call.HELD: Recorded(lanes=RECORDED["held"], beats=(-1.0, 0.5, 30.0))},
    )


YES = loop(steady(0.001))
NO = loop(steady(0.1))
NOISE = loop(lucky(0.001, 0.1))


def test_the_timeline_has_the_heartbeats_of_the_call() -> None:
    shown = ruling(EXPERIMENT, YES).charts[-1].spans
    assert [bar.start for bar in shown if bar.state == "heartbeat"] == [0.5, 30.0]
