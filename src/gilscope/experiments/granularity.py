"""granularity: from which work on releasing pays."""

from collections.abc import Mapping, Sequence

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Point, Series
from gilscope.experiments._lab import WORKERS
from gilscope.experiments._words import SAVE, TAKE
from gilscope.kernels import load
from gilscope.measure.calibrate import calls_for, seconds_of
from gilscope.measure.stats import Interval, at_least, at_most, fastest_difference, paired_ratio
from gilscope.pools import Serial, Threads
from gilscope.scope import gil_enabled
from gilscope.variants import native

POLICIES = ("held", "released", "auto")
COST_MOST = 200e-9
"""A release and re-acquire of a thread that is alone costs less than this: tens of nanoseconds, not microseconds."""
COST_LEAST = 5e-9
"""... and more than nothing: what it costs can be told from the noise."""


def measure(lab: Lab, work: list[float], released: str) -> Data:
    """Calls of a kernel, held, released and auto, by the work in them, by one thread and by two at once."""
    if not gil_enabled():
        raise NotHere("there is no GIL to release")
    module = native(load()["spin"], "capi")
    rate = seconds_of(lambda: module.spin(1_000_000, policy="held"), ()) / 1_000_000
    policies = {policy: released if policy == "released" else policy for policy in POLICIES}
    calls: dict[str, int] = {}
    seconds: dict[str, dict[str, dict[str, list[float]]]] = {}
    for each in work:
        rounds = max(1, round(each / rate))
        calls[str(each)] = calls_for(seconds_of(lambda rounds=rounds: module.spin(rounds, policy="held"), ()), 0.003)
        seconds[str(each)] = {policy: {"one": [], "many": []} for policy in POLICIES}
    with Threads(WORKERS) as pool:
        for _ in lab.rounds():
            for each in work:
                rounds = max(1, round(each / rate))
                for policy, wanted in policies.items():

                    def call(rounds: int = rounds, policy: str = wanted) -> None:
                        module.spin(rounds, policy=policy)

                    jobs = [()] * WORKERS
                    cell = seconds[str(each)][policy]
                    cell["one"].append(Serial().round(call, jobs[:1], calls[str(each)]))
                    cell["many"].append(pool.round(call, jobs, calls[str(each)]))
    return {"work": work, "calls": calls, "seconds": seconds, "threshold": module.THRESHOLD * rate}


def judge(data: Data) -> Judgement:
    work = data["work"]
    shortest = str(work[0])
    cells = data["seconds"][shortest]
    # In the fastest rounds: what disturbs a call costs it more than a release does.
    calls = data["calls"][shortest]
    cost = fastest_difference(
        *([seconds / calls for seconds in cells[policy]["one"]] for policy in ("released", "held"))
    )
    gains = {
        each: paired_ratio(*(data["seconds"][str(each)][p]["many"] for p in ("held", "released"))) for each in work
    }
    even = _break_even(work, [gains[each] for each in work])
    conditions = {
        f"releasing costs {COST_LEAST * 1e9:g} ns or more": at_least(cost, COST_LEAST),
        f"and {COST_MOST * 1e9:g} ns or less": at_most(cost, COST_MOST),
        "the shortest work is no faster released, by two threads": at_most(gains[work[0]], 1.0),
        "the longest is": at_least(gains[work[-1]], 1.0),
    }
    nanoseconds = Interval(cost.median * 1e9, cost.low * 1e9, cost.high * 1e9)
    place = f"between {even[0] * 1e6:,g} and {even[1] * 1e6:,g} us of work" if even else "nowhere in this range"
    evidence = (
        f"Alone, a release and re-acquire costs {nanoseconds.median:.0f} ns [{nanoseconds.low:.0f}, "
        f"{nanoseconds.high:.0f}]; on two threads it breaks even {place}; the kernel's auto releases from "
        f"{data['threshold'] * 1e6:.2g} us on."
    )
    charts = tuple(
        Chart(
            "lines",
            Axis(f"time of a call over that of a held one, {who}", "x", log=True),
            Axis("work in a call", "us", log=True),
            series=tuple(
                Series(
                    policy,
                    policy,
                    tuple(Point(w * 1e6, _over_held(data["seconds"][str(w)], policy, key)) for w in work),
                )
                for policy in ("released", "auto")
            ),
            limits=(Limit(1.0, "held"), Limit(data["threshold"] * 1e6, "auto releases from here", over=True)),
        )
        for who, key in (("alone", "one"), ("by two threads at once", "many"))
    )
    return Judgement(conditions, evidence, charts)


def _over_held(cell: Mapping[str, Mapping[str, Sequence[float]]], policy: str, key: str) -> Interval:
    return paired_ratio(cell[policy][key], cell["held"][key])


def _break_even(work: Sequence[float], gains: Sequence[Interval]) -> tuple[float, float] | None:
    """The work below which no interval says that releasing is faster, and that from which all of them say so."""
    clear = [gain.low > 1 for gain in gains]
    first = next((n for n in range(len(work)) if all(clear[n:])), None)
    if not first:
        return None
    slower = [n for n in range(first) if gains[n].high < 1]
    return (work[slower[-1]] if slower else work[0]), work[first]


EXPERIMENT = Experiment(
    name="granularity",
    claim="Releasing costs tens of nanoseconds, so below a break-even size it only costs.",
    why="A release and a re-acquire are two trips through a mutex and a condition variable, cheap while nobody waits. "
    "With another thread waiting each trip may be a hand-off, thousands of nanoseconds.",
    refuted_by="A released call that costs no more than a held one however short it is, or one that costs "
    "microseconds alone.",
    reading="What a call takes against one that holds the GIL, over the work in it, both logarithmic, alone and by two "
    "threads at once. Above the line releasing only costs, below it pays; auto should follow the better of the two.",
    places=(SAVE, TAKE),
    measure=measure,
    judge=judge,
    parameters={"work": [1e-7, 1e-6, 1e-5, 1e-4, 1e-3], "released": "released"},
    control={"released": "held"},
    seconds=3.0,
)
