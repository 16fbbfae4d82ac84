"""Judgements and sentences that several experiments need."""

from gilscope.experiments._lab import Timing
from gilscope.experiments._spec import Place
from gilscope.results import Bracket
from gilscope.results.charts import Limit
from gilscope.stats import SCALES_FROM, STANDS_BELOW, Interval, Scaling, Truth, at_least, at_most, busy, scaling_verdict

BEFORE_3_12 = {"3.11": "Python/ceval_gil.h", "3.12 to 3.15": "Python/ceval_gil.c"}
TAKE = Place("take_gil", "waits for the GIL, and asks the holder to drop it after each switch interval", BEFORE_3_12)
DROP = Place("drop_gil", "drops the GIL, and after a request waits until another thread has taken it", BEFORE_3_12)
SAVE = Place(
    "PyEval_SaveThread",
    "what Py_BEGIN_ALLOW_THREADS and Cython's `with nogil` call",
    {"3.11": "Python/ceval.c", "3.12 to 3.15": "Python/ceval_gil.c"},
)
HANDLE = {
    "3.11": "eval_frame_handle_pending, Python/ceval.c",
    "3.12 to 3.15": "_Py_HandlePending, Python/ceval_gil.c",
}
BREAKER = Place(
    "the evaluation loop's breaker", "where the loop looks at a request to drop the GIL: between two bytecodes", HANDLE
)


def figure(value: Interval, unit: str = "x", places: int = 2) -> str:
    """1.97x [1.95, 1.99]"""
    return f"{value.median:.{places}f}{unit} [{value.low:.{places}f}, {value.high:.{places}f}]"


def thresholds(bracket: Bracket) -> tuple[Limit, ...]:
    """For a speed-up: up to where a cell stands still, from where on it scales, and what plain C threads gain."""
    most = bracket.scaling().speedup().median
    return (
        Limit(1 + STANDS_BELOW * (most - 1), "← does not scale"),
        Limit(1 + SCALES_FROM * (most - 1), "scales →"),
        Limit(most, "ceiling"),
    )


ONE_MOST, TWO_LEAST = 1.25, 1.75
"""CPUs that two threads keep busy between them if only one at a time can run; and if both can. Unlike a speed-up this
does not change with the speed of the cores, which on a shared machine may change from moment to moment."""
CPUS = (Limit(ONE_MOST, "← one at a time"), Limit(TWO_LEAST, "side by side →"))


def one_at_a_time(cell: Timing, bracket: Bracket) -> Truth:
    """Whether two threads keep no more CPUs busy than one at a time could."""
    return at_most(cell.cpus_used(), ONE_MOST) if _free(bracket) else None


def side_by_side(cell: Timing, bracket: Bracket) -> Truth:
    """Whether both threads run. Noise takes CPU time away and adds none: the busiest rounds prove it, however few."""
    used = cell.cpus_used()
    return (used.median >= TWO_LEAST or at_least(used, TWO_LEAST)) if _free(bracket) else None


def _free(bracket: Bracket) -> bool:
    return not busy(bracket.scaling().speedup(), bracket.workers, bracket.cpus)


def scales(cell: Timing, bracket: Bracket, limit: Scaling | None = None) -> Truth:
    """Whether the cell gains what the ceiling gains (or another limit: plain C threads that do the cell's work)."""
    machine = bracket.scaling()
    verdict, _ = scaling_verdict(cell.scaling(), limit or machine, machine, bracket.workers, bracket.cpus)
    return {"scales": True, "does not scale": False, "partly": False}.get(verdict)


def stands(cell: Timing, bracket: Bracket) -> Truth:
    """Whether the cell gains nothing."""
    machine = bracket.scaling()
    verdict, _ = scaling_verdict(cell.scaling(), machine, machine, bracket.workers, bracket.cpus)
    return {"does not scale": True, "scales": False, "partly": False}.get(verdict)
