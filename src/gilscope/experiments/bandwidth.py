"""bandwidth: what releasing brings a kernel that waits for memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from gilscope.experiments import WORKERS, Axis, Chart, Experiment, Judgement, Lab, Limit, Point, Series, Timing
from gilscope.experiments._intervals import times
from gilscope.experiments._words import SAVE, figure
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.stats import Interval, at_least, at_most
from gilscope.variants import native

NEAR = 0.15
"""Released threads gain what plain C threads gain on the same work, give or take this part."""
SHORT_LEAST = 0.1
"""Where memory is the limit, they gain at least this part less than what only computes."""


class Way(StrEnum):
    """How two threads do the work."""

    RELEASED = "released"
    HELD = "held"
    PLAIN = "plain C threads"


COLORS = {Way.RELEASED: "released", Way.HELD: "held", Way.PLAIN: "ceiling"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    cells: Mapping[Way, Timing]
    kernel: str
    bytes: int
    """The memory of one call's arguments."""


def measure(lab: Lab, *, kernel: str, size: int) -> Data:
    """A kernel that streams memory: released, held, and on plain C threads, with one thread and with two."""
    spec = load()[kernel]
    module = native(spec, "capi")
    call = getattr(module, kernel)
    jobs = [spec.inputs(size, seed) for seed in range(WORKERS)]
    cells = {way: (partial(call, policy=way.value), jobs) for way in (Way.RELEASED, Way.HELD)}
    timings = lab.scaling(cells, 0.03, plain={Way.PLAIN: (module.ceiling, jobs)})
    return Data(
        cells=timings.cells | timings.plain,
        kernel=kernel,
        bytes=sum(array.nbytes for array in jobs[0] if hasattr(array, "nbytes")),
    )


def judge(data: Data, bracket: Bracket) -> Judgement:
    speedups = {way: cell.speedup() for way, cell in data.cells.items()}
    compute, memory, released = bracket.scaling().speedup(), speedups[Way.PLAIN], speedups[Way.RELEASED]
    of_compute, of_memory = times(memory, 1 / compute.median), times(released, 1 / memory.median)
    conditions = {
        f"plain C threads gain at least {SHORT_LEAST:.0%} less here than where they only compute": at_most(
            of_compute, 1 - SHORT_LEAST
        ),
        f"released threads gain at least {1 - NEAR:.0%} of that": at_least(of_memory, 1 - NEAR),
        f"released threads gain at most {1 + NEAR:.0%} of that": at_most(of_memory, 1 + NEAR),
    }
    cell = data.cells[Way.RELEASED]
    one, many = (
        threads * cell.calls * data.bytes / min(seconds) / 1e9
        for threads, seconds in ((1, cell.one), (WORKERS, cell.many))
    )
    evidence = (
        f"On {data.kernel}, two released threads reach {figure(released)} (from {one:.1f} to {many:.1f} GB/s), "
        f"and plain C threads {figure(memory)}; on work without memory, plain C threads reach {figure(compute)}."
    )
    return Judgement(conditions, evidence, (_chart(speedups, compute),))


def _chart(speedups: Mapping[Way, Interval], compute: Interval) -> Chart:
    memory = speedups[Way.PLAIN].median
    return Chart(
        "rows",
        Axis("speed-up of 2 threads over one", "x"),
        series=(
            *(Series(way, COLORS[way], (Point(way, speedup),)) for way, speedup in speedups.items()),
            Series("compute", "ceiling", (Point("plain C threads that only compute", compute),)),
        ),
        limits=(
            Limit((1 - NEAR) * memory, "released: at least"),
            Limit((1 + NEAR) * memory, "at most"),
            Limit((1 - SHORT_LEAST) * compute.median, "← the memory's limit"),
        ),
    )


EXPERIMENT = Experiment(
    name="bandwidth",
    order=130,
    claim="A memory-bound kernel stops at the memory's bandwidth, GIL or no GIL.",
    why="The cores share the path to memory. Once one of them nearly fills it, a second one mostly waits. Python's "
    "locks do not change that.",
    refuted_by="A released kernel that gains more than plain C threads do, or memory that serves two cores twice as "
    "fast as one.",
    reading="The speed-up on two threads of a kernel that streams memory, beside plain C threads that do the same "
    "work and plain C threads that only compute.",
    places=(SAVE,),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"kernel": "triad", "size": 4_000_000},
    control={"kernel": "spin", "size": 5_000_000},
    seconds=2.0,
)
