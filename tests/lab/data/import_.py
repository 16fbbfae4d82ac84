"""import: what becomes of a module that declares itself, and of one that does not."""

import pytest

from data import ruling, steady, verdict
from gilscope.experiments.import_ import EXPERIMENT, Answers, Data, Steps

REFUSED = "ImportError: module x does not support loading in subinterpreters"


def answers(undeclared: str, gil: str | None, declared: str = "") -> Data:
    """gil: what the undeclared module leaves; None on an interpreter that always has a GIL."""
    return Data(
        steps=Steps(find=steady(1e-5), load=steady(1e-5), initialise=steady(1e-5)),
        in_subinterpreter=Answers(declared=declared, undeclared=undeclared),
        gil=Answers(declared="GIL False", undeclared=gil) if gil else None,
        file="x.so",
    )


YES = answers(REFUSED, "GIL True")
NO = answers("", "GIL False")
NOISE = None  # nothing that decides is timed


@pytest.mark.parametrize(
    "data", [answers("", "GIL True"), answers(REFUSED, "GIL False"), answers(REFUSED, "GIL True", declared=REFUSED)]
)
def test_each_way_to_treat_the_two_alike_refutes(data: Data) -> None:
    assert verdict(EXPERIMENT, data) == "refuted"


def test_where_there_always_is_a_gil_the_other_half_decides() -> None:
    assert ruling(EXPERIMENT, answers(REFUSED, None)).reason == "2 of 2 conditions are met"
    assert verdict(EXPERIMENT, answers("", None)) == "refuted"
