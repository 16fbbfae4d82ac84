"""granularity: two sizes of work; in the short one a call takes 100 ns held and alone, in the long one 1 ms."""

from collections.abc import Sequence
from dataclasses import replace

from data import lucky, ruling, steady
from gilscope.experiments.granularity import EXPERIMENT, Data, Policies, Samples

SHORT, LONG = 1e-7, 1e-3


def samples(one: Sequence[float]) -> Samples:
    """Two threads take twice as long."""
    return Samples(one=tuple(one), many=tuple(2 * second for second in one))


def releasing(short: Sequence[float]) -> Data:
    """short: seconds of the short call, released and alone. In the long one, two threads gain when they release."""
    held, gain = samples(steady(2e-3)), samples(steady(1e-3))
    return Data(
        work=(SHORT, LONG),
        calls={SHORT: 1, LONG: 1},
        seconds={
            SHORT: Policies(held=samples(steady(1e-7)), released=samples(short), auto=samples(steady(1e-7))),
            LONG: Policies(held=held, released=gain, auto=gain),
        },
        threshold=7e-6,
    )


YES = releasing(steady(1.6e-7))
NO = releasing(steady(1e-7))
NOISE = releasing(lucky(1.02e-7, 9e-7))


def test_the_break_even_lies_between_what_loses_and_what_gains() -> None:
    assert "between 0.1 and 1,000 us of work" in ruling(EXPERIMENT, YES).evidence
    longer = 1e-5
    data = replace(
        YES,
        work=(SHORT, longer, LONG),
        calls=YES.calls | {longer: 1},
        seconds=YES.seconds | {longer: YES.seconds[SHORT]},
    )
    assert "between 10 and 1,000 us of work" in ruling(EXPERIMENT, data).evidence


def test_where_nothing_gains_there_is_no_break_even() -> None:
    data = replace(YES, seconds=YES.seconds | {LONG: YES.seconds[SHORT]})
    assert "breaks even nowhere in this range" in ruling(EXPERIMENT, data).evidence
