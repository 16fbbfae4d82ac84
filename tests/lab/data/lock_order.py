"""lock-order: attempts with the lock first, and one with a cure."""

from collections.abc import Sequence

from data import untimed, verdict
from gilscope.experiments.lock_order import EXPERIMENT, WRONG, Attempt, Data

STACKS = "Thread 0x1\nThread 0x2\n"


def attempt(seconds: float | None) -> Attempt:
    return Attempt(seconds=seconds, stacks="" if seconds else STACKS)


def orders(wrong: Sequence[float | None], cure: float | None) -> Data:
    """Seconds of each attempt; None where it got stuck."""
    return Data(orders={WRONG: tuple(map(attempt, wrong)), "release first": (attempt(cure),)}, limit=1.0)


YES = orders([None, None], 0.01)
NO = orders([None, 0.01], 0.01)
NOISE = orders([None, None], None)


def test_what_was_not_timed_needs_no_quiet_machine() -> None:
    assert verdict(EXPERIMENT, YES, untimed(others=0.9)) == "confirmed"
