"""memory: what two bindings leave behind, and how often a bytearray refused to resize."""

import pytest

from data import ruling
from gilscope.experiments.memory import EXPERIMENT, Binding, Data


def bindings(references: int = 0, refused: int = 100, blocks: int = 0, cycle_freed: bool = True) -> Data:
    binding = Binding(references=(references, 0), blocks=blocks, cycle_freed=cycle_freed, refused=refused, resized=9)
    return Data(bindings={"C": binding, "Cython": binding}, calls=1000)


YES = bindings()
NO = bindings(references=1000)
NOISE = None  # everything is counted


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bindings(references=-1), "no reference is left"),
        (bindings(blocks=10), "memory grows by less than one block per hundred calls"),
        (bindings(cycle_freed=False), "cycles are freed"),
        (bindings(refused=2), "the buffer is pinned while it is read"),
    ],
)
def test_each_way_to_leave_something_behind_refutes(data: Data, reason: str) -> None:
    assert ruling(EXPERIMENT, data).reason == f"not met: C: {reason}; Cython: {reason}"
