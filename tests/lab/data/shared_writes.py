"""shared-writes: two threads that count, by what they gain."""

from data import UNCLEAR, timing, verdict
from gilscope.experiments import Timing
from gilscope.experiments.shared_writes import APART, EXPERIMENT, SHARED, Data

PLAIN = timing(1.98)


def writes(shared: Timing, private: Timing = PLAIN, plain: Timing = PLAIN) -> Data:
    """Ways that share something, ways that share nothing, and those on plain C threads."""
    cells = dict.fromkeys(APART, private) | dict.fromkeys(SHARED, shared)
    return Data(cells=cells, plain=dict.fromkeys(APART, plain), keys=1000)


YES = writes(timing(0.5))
NO = writes(timing(1.96))
NOISE = writes(UNCLEAR)


def test_private_copies_are_asked_for_what_their_work_gains_on_plain_c_threads() -> None:
    assert verdict(EXPERIMENT, writes(timing(0.5), private=timing(1.55))) == "refuted"
    assert verdict(EXPERIMENT, writes(timing(0.5), private=timing(1.55), plain=timing(1.6))) == "confirmed"
