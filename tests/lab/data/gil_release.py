"""gil-release: the kernel spin, released and held, by the CPUs that two threads keep busy."""

from collections.abc import Sequence

from data import lucky, steady, timing, verdict
from gilscope.experiments.gil_release import EXPERIMENT, Cell, Data


def spin(released: Sequence[float], held: Sequence[float], gain: float = 1.9) -> Data:
    """gain: what two released threads are worth."""
    return Data(
        cells=(
            Cell(kernel="spin", binding="capi", policy="released", timing=timing(gain, busy=released)),
            Cell(kernel="spin", binding="capi", policy="held", timing=timing(1, busy=held)),
        ),
        plain={"spin": timing(1.98)},
    )


YES = spin(steady(1.98), steady(1.0))
NO = spin(steady(1.98), steady(1.97))
NOISE = spin(steady(1.98), lucky(1.4, 1.0))


def test_one_quiet_round_proves_that_threads_ran_side_by_side() -> None:
    assert verdict(EXPERIMENT, spin(lucky(1.98, 1.1), steady(1.0))) == "confirmed"
    assert verdict(EXPERIMENT, spin(steady(1.5), steady(1.0))) == "refuted"


def test_a_released_kernel_must_gain_what_it_is_worth() -> None:
    assert verdict(EXPERIMENT, spin(steady(1.98), steady(1.0), gain=1.1)) == "refuted"
