"""lost-updates: what becomes of a counter that two threads add to at once."""

import numpy as np
from numpy.typing import NDArray

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.experiments._lab import WORKERS
from gilscope.kernels import load
from gilscope.measure.stats import Interval, Truth, median_interval
from gilscope.pools import Threads
from gilscope.scope import gil_enabled
from gilscope.variants import native

WAYS = {"plain with the GIL": ("shared-line", "held"), "plain": ("shared-line", "released")}
CURES = {"atomic": ("atomic", "released"), "locked": ("locked", "released")}


def measure(lab: Lab, keys: int, plain: str) -> Data:
    """Two threads add to one counter in C: plainly with the GIL and without it, atomically, and under a lock.

    plain: how the plain additions without the GIL are made; "atomic" is the negative control.
    """
    histogram = native(load()["histogram"], "capi").histogram
    zeros = np.zeros(keys, np.uint8)
    ways = WAYS | {"plain": (plain, "released")} | CURES
    if not gil_enabled():
        del ways["plain with the GIL"]  # holding it keeps nobody out
    found: dict[str, list[float]] = {name: [] for name in ways}
    with Threads(WORKERS) as pool:
        for _ in lab.rounds():
            for name, (sharing, policy) in ways.items():
                counts = np.zeros(1, np.int64)

                def add(sharing: str = sharing, policy: str = policy, counts: NDArray[np.int64] = counts) -> None:
                    histogram(zeros, counts, sharing, policy=policy)

                pool.round(add, [()] * WORKERS, 1)
                found[name].append(1 - int(counts[0]) / (WORKERS * keys))
    return {"lost": found, "updates": WORKERS * keys}


def judge(data: Data) -> Judgement:
    lost = data["lost"]
    # That an update is lost is a fact and no timing: it needs two threads side by side once, and no quiet machine.
    conditions: dict[str, Truth] = {
        "plain additions without the GIL lose updates": any(part > 0 for part in lost["plain"])
    }
    conditions |= {f"{name}: none is lost": not any(lost[name]) for name in lost if name != "plain"}
    spans = {name: _percent(median_interval(parts)) for name, parts in lost.items()}
    plain = spans["plain"]
    others = ", ".join(name for name in lost if name != "plain" and not any(lost[name]))
    evidence = (
        f"Of {data['updates']:,} additions of two threads without the GIL {plain.median:.1f} % "
        f"[{plain.low:.1f}, {plain.high:.1f}] were lost; none in these ways: {others or 'there is no such way'}."
    )
    chart = Chart(
        "rows",
        Axis("updates lost", "%"),
        series=(
            Series("plain", "held", (Point("plain, without the GIL", plain),)),
            Series("kept apart", "released", tuple(Point(name, spans[name]) for name in lost if name != "plain")),
        ),
        limits=(Limit(0, "none"),),
    )
    return Judgement(conditions, evidence, (chart,))


def _percent(part: Interval) -> Interval:
    return Interval(100 * part.median, 100 * part.low, 100 * part.high)


EXPERIMENT = Experiment(
    name="lost-updates",
    claim="Without the GIL or another lock, `count += 1` loses updates: that is why the GIL exists.",
    why="An addition is a load, an add and a store. Two cores that do it at once load the same value, and one store "
    "covers the other. Reference counts are such counters; one lock around everything was the simplest cure.",
    refuted_by="A plain counter that two threads without the GIL leave with every update in it.",
    reading="The part of the additions that was lost, by how they were made. Anything above 0 is wrong.",
    places=(
        Place(
            "Py_INCREF",
            "`count += 1` on every object, safe under the GIL only; free-threaded builds count in two parts",
            {"3.11 to 3.13": "Include/object.h", "3.14 to 3.15": "Include/refcount.h"},
        ),
    ),
    measure=measure,
    judge=judge,
    parameters={"keys": 1_000_000, "plain": "shared-line"},
    control={"plain": "atomic"},
    seconds=1.5,
)
