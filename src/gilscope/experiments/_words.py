"""Judgements and sentences that several experiments need."""

from collections.abc import Mapping
from typing import Any

from gilscope.experiments._spec import Data, Limit, Place
from gilscope.measure.stats import (
    SCALES_FROM,
    STANDS_BELOW,
    Interval,
    Scaling,
    Truth,
    at_least,
    at_most,
    busy,
    fastest_interval,
    judge,
)

BEFORE_3_12 = {"3.11": "Python/ceval_gil.h", "3.12 to 3.15": "Python/ceval_gil.c"}
TAKE = Place("take_gil", "waits for the GIL, and asks the holder to let go after each switch interval", BEFORE_3_12)
DROP = Place("drop_gil", "lets go, and after a request waits until another thread has taken it", BEFORE_3_12)
SAVE = Place(
    "PyEval_SaveThread",
    "what Py_BEGIN_ALLOW_THREADS and Cython's `with nogil` call",
    {"3.11": "Python/ceval.c", "3.12 to 3.15": "Python/ceval_gil.c"},
)
HANDLE = {
    "3.11": "eval_frame_handle_pending, Python/ceval.c",
    "3.12 to 3.15": "_Py_HandlePending, Python/ceval_gil.c",
}
BREAKER = Place("the evaluation loop's breaker", "where a request to let go is seen: between two bytecodes", HANDLE)


def figure(value: Interval, unit: str = "x", places: int = 2) -> str:
    """1.97x [1.95, 1.99]"""
    return f"{value.median:.{places}f}{unit} [{value.low:.{places}f}, {value.high:.{places}f}]"


def scaled(cell: Mapping[str, Any]) -> Scaling:
    """A cell of Lab.scaling."""
    return Scaling(cell["one"], cell["many"], cell["factor"])


def ceiling(data: Data) -> Scaling:
    """Plain C threads that only compute, in the same rounds."""
    machine = data["machine"]
    return Scaling(machine["one"], machine["many"], machine["workers"])


def thresholds(data: Data) -> tuple[Limit, ...]:
    """Of a speed-up: up to where a cell stands still, from where on it scales, and what plain C threads gain."""
    most = ceiling(data).speedup().median
    return (
        Limit(1 + STANDS_BELOW * (most - 1), "← stands still"),
        Limit(1 + SCALES_FROM * (most - 1), "scales →"),
        Limit(most, "ceiling"),
    )


ONE_MOST, TWO_LEAST = 1.25, 1.75
"""CPUs that two threads keep busy between them if only one at a time can run; and if both can. Unlike a speed-up this
does not change with the speed of the cores, which on a shared machine may be another one from moment to moment."""
CPUS = (Limit(ONE_MOST, "← one at a time"), Limit(TWO_LEAST, "side by side →"))


def used(cell: Mapping[str, Any]) -> Interval:
    """CPUs that a cell of Lab.scaling kept busy on two threads, in its busiest rounds: what disturbs makes it less."""
    least = fastest_interval([-cpus for cpus in cell["busy"]])
    return Interval(-least.median, -least.high, -least.low)


def one_at_a_time(cell: Mapping[str, Any], data: Data) -> Truth:
    return at_most(used(cell), ONE_MOST) if _free(data) else None


def side_by_side(cell: Mapping[str, Any], data: Data) -> Truth:
    """Noise takes CPU time away and adds none: the busiest rounds prove it, however few of them were quiet."""
    kept = used(cell)
    return (kept.median >= TWO_LEAST or at_least(kept, TWO_LEAST)) if _free(data) else None


def _free(data: Data) -> bool:
    machine = data["machine"]
    return not busy(ceiling(data).speedup(), machine["workers"], machine["cpus"])


def scales(cell: Mapping[str, Any], data: Data, limit: Scaling | None = None) -> Truth:
    """Whether the cell gains what the ceiling gains (or another limit, plain C threads that do the cell's work)."""
    machine = data["machine"]
    verdict, _ = judge(scaled(cell), limit or ceiling(data), ceiling(data), machine["workers"], machine["cpus"])
    return {"scales": True, "does not scale": False, "partly": False}.get(verdict)


def stands(cell: Mapping[str, Any], data: Data) -> Truth:
    """Whether the cell gains nothing."""
    machine = data["machine"]
    verdict, _ = judge(scaled(cell), ceiling(data), ceiling(data), machine["workers"], machine["cpus"])
    return {"does not scale": True, "scales": False, "partly": False}.get(verdict)
