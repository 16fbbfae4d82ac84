"""traceback: the exception that a released kernel raises, in C and in Cython."""

from data import ruling
from gilscope.experiments.traceback_ import EXPERIMENT, Cell, Data, Line, Raised

IN_THE_PYX = Line(file="histogram.pyx", number=1, text="while gs_pending(&run):")


def raised(kind: str, *, caller: bool = True, inner: tuple[Line, ...] = (IN_THE_PYX,)) -> Data:
    message = "histogram: the value at index 1234 is out of range"
    in_c = Raised(type=kind, message=message, caller=caller, inner=())
    in_cython = Raised(type=kind, message=message, caller=caller, inner=inner)
    return Data(
        cells=(
            Cell(binding="C", policy="released", raised=in_c),
            Cell(binding="Cython", policy="released", raised=in_cython),
        )
    )


YES = raised("ValueError")
NO = raised("RuntimeError")
NOISE = None  # nothing is timed


def test_each_part_of_an_exception_is_asked_for() -> None:
    assert ruling(EXPERIMENT, raised("ValueError", caller=False)).reason.count("from the caller's line") == 2
    assert ruling(EXPERIMENT, raised("ValueError", inner=())).reason == (
        "not met: Cython, released: with the line in the .pyx"
    )


def test_an_exception_that_does_not_arrive_refutes() -> None:
    lost = Data(cells=(Cell(binding="Cython", policy="held", raised=None),))
    ruled = ruling(EXPERIMENT, lost)
    assert ruled.verdict == "refuted"
    assert ruled.evidence.startswith("0 of 1 cells raised ValueError")
