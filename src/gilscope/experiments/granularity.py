"""granularity: from how much work on releasing pays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from gilscope.experiments import WORKERS, Axis, Chart, Experiment, Judgement, Lab, Limit, NotHere, Point, Series
from gilscope.experiments._intervals import times
from gilscope.experiments._spin import rounds_for, seconds_per_round
from gilscope.experiments._words import SAVE, TAKE
from gilscope.host import gil_enabled
from gilscope.kernels import load
from gilscope.measure.calibrate import calls_for, seconds_of
from gilscope.pools import Serial, Threads
from gilscope.results import Bracket
from gilscope.stats import Interval, at_least, at_most, fastest_difference, paired_ratio
from gilscope.variants import native

Policy = Literal["held", "released", "auto"]
POLICIES: tuple[Policy, ...] = ("held", "released", "auto")
SAMPLE = 0.003
"""Seconds of a sample."""
COST_MOST = 200e-9
"""A release and re-take by a thread that is alone costs less than this: tens of nanoseconds, not microseconds."""
COST_LEAST = 5e-9
"""... and more than nothing: its cost can be told from the noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Seconds of a sample, one value per round."""

    one: tuple[float, ...]
    """On one thread."""
    many: tuple[float, ...]
    """On two threads that do as much each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Calls with as much work, under each policy."""

    held: Samples
    released: Samples
    auto: Samples

    def gain(self) -> Interval:
        """How many times as long two threads take held as released."""
        return paired_ratio(self.held.many, self.released.many)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Calls of a kernel by the work in them."""

    work: tuple[float, ...]
    """Seconds of work per call, ascending."""
    calls: Mapping[float, int]
    """By work, the calls in one sample."""
    seconds: Mapping[float, Policies]
    """By work."""
    threshold: float
    """Seconds of work from which on the kernel's policy `auto` releases."""

    def cost(self) -> Interval:
        """Seconds that a release costs a call that is alone."""
        shortest = self.work[0]
        released, held = (
            [second / self.calls[shortest] for second in samples.one]
            for samples in (self.seconds[shortest].released, self.seconds[shortest].held)
        )
        # In the fastest rounds: what disturbs a call costs it more than a release does.
        return fastest_difference(released, held)


def measure(lab: Lab, *, work: Sequence[float], released: str) -> Data:
    """Calls of a kernel, held, released and auto, by the work in them, on one thread and on two at once."""
    if not gil_enabled():
        raise NotHere("there is no GIL to release")
    module = native(load()["spin"], "capi")
    per_round = seconds_per_round()
    cells = {
        (each, policy): partial(
            module.spin, rounds_for(each, per_round), policy=released if policy == "released" else policy
        )
        for each in work
        for policy in POLICIES
    }
    calls = {each: calls_for(seconds_of(cells[each, "held"], ()), SAMPLE) for each in work}
    one: dict[tuple[float, Policy], list[float]] = {key: [] for key in cells}
    many: dict[tuple[float, Policy], list[float]] = {key: [] for key in cells}
    jobs: list[tuple[()]] = [()] * WORKERS
    with Threads(WORKERS) as pool:
        for _ in lab.rounds():
            for (each, policy), call in cells.items():
                one[each, policy].append(Serial().round(call, jobs[:1], calls[each]))
                many[each, policy].append(pool.round(call, jobs, calls[each]))

    def samples(each: float, policy: Policy) -> Samples:
        return Samples(one=tuple(one[each, policy]), many=tuple(many[each, policy]))

    seconds = {
        each: Policies(held=samples(each, "held"), released=samples(each, "released"), auto=samples(each, "auto"))
        for each in work
    }
    return Data(work=tuple(work), calls=calls, seconds=seconds, threshold=module.THRESHOLD * per_round)


def judge(data: Data, bracket: Bracket) -> Judgement:
    cost = data.cost()
    shortest, longest = (data.seconds[data.work[place]].gain() for place in (0, -1))
    conditions = {
        f"releasing costs {COST_LEAST * 1e9:g} ns or more": at_least(cost, COST_LEAST),
        f"and {COST_MOST * 1e9:g} ns or less": at_most(cost, COST_MOST),
        "on two threads, the shortest work is no faster released": at_most(shortest, 1.0),
        "the longest is": at_least(longest, 1.0),
    }
    return Judgement(conditions, _evidence(data), _charts(data))


def _evidence(data: Data) -> str:
    cost = times(data.cost(), 1e9)
    even = _break_even(data.work, [data.seconds[each].gain() for each in data.work])
    place = f"between {even[0] * 1e6:,g} and {even[1] * 1e6:,g} us of work" if even else "nowhere in this range"
    return (
        f"Alone, a release and re-take costs {cost.median:.0f} ns [{cost.low:.0f}, {cost.high:.0f}]; on two threads it "
        f"breaks even {place}; the policy auto releases from {data.threshold * 1e6:.2g} us."
    )


def _break_even(work: Sequence[float], gains: Sequence[Interval]) -> tuple[float, float] | None:
    """The work below which no interval says that releasing is faster, and that from which all of them say so."""
    clear = [gain.low > 1 for gain in gains]
    first = next((n for n in range(len(work)) if all(clear[n:])), None)
    if not first:
        return None
    slower = [n for n in range(first) if gains[n].high < 1]
    return (work[slower[-1]] if slower else work[0]), work[first]


def _charts(data: Data) -> tuple[Chart, ...]:
    limits = (Limit(1.0, "held"), Limit(data.threshold * 1e6, "auto releases from here", over=True))
    cells = [(each * 1e6, data.seconds[each]) for each in data.work]
    alone = (
        Series("released", "released", tuple(Point(us, paired_ratio(p.released.one, p.held.one)) for us, p in cells)),
        Series("auto", "auto", tuple(Point(us, paired_ratio(p.auto.one, p.held.one)) for us, p in cells)),
    )
    together = (
        Series("released", "released", tuple(Point(us, paired_ratio(p.released.many, p.held.many)) for us, p in cells)),
        Series("auto", "auto", tuple(Point(us, paired_ratio(p.auto.many, p.held.many)) for us, p in cells)),
    )
    return tuple(
        Chart(
            "lines",
            Axis(f"time per call relative to a held call, {who}", "x", log=True),
            Axis("work per call", "us", log=True),
            series=series,
            limits=limits,
        )
        for who, series in (("alone", alone), ("on two threads at once", together))
    )


EXPERIMENT = Experiment(
    name="granularity",
    order=60,
    claim="Releasing costs tens of nanoseconds, so below a break-even size it only costs.",
    why="A release and a re-take are two trips through a mutex and a condition variable, cheap while nobody waits. "
    "While another thread waits, each trip may be a hand-off: thousands of nanoseconds.",
    refuted_by="A released call that costs no more than a held one however short it is, or one that costs "
    "microseconds alone.",
    reading="The time per call relative to a call that holds the GIL, by the work in it, both logarithmic: alone, and "
    "on two threads at once. Above the line releasing only costs, below it pays; auto should follow the better of the "
    "two.",
    places=(SAVE, TAKE),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"work": [1e-7, 1e-6, 1e-5, 1e-4, 1e-3], "released": "released"},
    control={"released": "held"},
    seconds=3.0,
)
