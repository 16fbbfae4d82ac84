"""convoy: calls of 50 us at a switch interval of 5 ms, held and released."""

from collections.abc import Sequence

from data import RECORDED, steady, torn
from gilscope.experiments.convoy import SHORT, Cell, Data


def calls(released: Sequence[float]) -> Data:
    return Data(
        cells=(
            Cell(work=SHORT, interval=0.005, policy="released", seconds=tuple(released)),
            Cell(work=SHORT, interval=0.005, policy="held", seconds=steady(1e-4)),
        ),
        timeline=RECORDED,
    )


YES = calls(steady(0.0052))
NO = calls(steady(6e-5))
NOISE = calls(torn(1e-4, 0.01))
