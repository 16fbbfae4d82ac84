"""The kernel spin as a unit of CPU time."""

from gilscope.kernels import load
from gilscope.measure.calibrate import seconds_of
from gilscope.variants import native

ROUNDS = 1_000_000


def seconds_per_round() -> float:
    """Seconds of one round of spin in C, from the faster of two long calls."""
    spin = native(load()["spin"], "capi").spin
    return seconds_of(lambda: spin(ROUNDS, policy="held"), ()) / ROUNDS


def rounds_for(seconds: float, per_round: float) -> int:
    """How many rounds take so many seconds; at least one."""
    return max(1, round(seconds / per_round))
