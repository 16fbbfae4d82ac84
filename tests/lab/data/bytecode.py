"""bytecode: counts, and whether another thread gets the GIL inside a C call."""

from data import ruling, verdict
from gilscope.experiments.bytecode import EXPERIMENT, Data, Loop


def loops(in_c: float, turns_in_c: tuple[int, ...] | None) -> Data:
    turns = None if turns_in_c is None else (0, 190, 210)  # once, a thread got no core
    return Data(python=Loop(bytecodes=21.0, turns=turns), c=Loop(bytecodes=in_c, turns=turns_in_c), code=("RESUME",))


YES = loops(0, (1, 0, 90))
NO = loops(21, (170, 200, 210))
NOISE = None  # bytecodes are counted, and of several calls one decides


def test_without_a_gil_only_the_counts_decide() -> None:
    assert verdict(EXPERIMENT, loops(0, None)) == "confirmed"
    assert "another thread" not in ruling(EXPERIMENT, loops(0, None)).evidence
