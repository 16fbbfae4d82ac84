"""Statistics as pure functions: intervals by bootstrap (Efron 1979), speed-ups, and the verdict on scaling.

What disturbs a timing on a shared machine (other programs, another guest on the same core, a page fault) only
ever makes it longer, and often in some rounds by a factor. So the speed-up is that of the fastest rounds, the
ones that were disturbed least (Chen and Revels, Robust benchmarking in noisy environments, 2016), and its
interval comes from resampling the rounds: where few of them were quiet, it is wide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95
_TAILS = (50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE))

Verdict = Literal["scales", "does not scale", "partly", "inconclusive", "baseline"]
Truth = bool | None
"""Whether something holds; None where the values do not tell."""

# The gain is the part of what the ceiling gained that the cell gained too: (speedup - 1) / (ceiling - 1).
SCALES_FROM = 0.75
STANDS_BELOW = 0.25
# A verdict needs a machine that has the cores free: N plain C threads that only compute must gain this part
# of the cores that they could have more than one ...
MACHINE_GAIN_LEAST = 0.75
# ... a ceiling that leaves something to gain (memory-bound work may have less than the machine has cores) ...
CEILING_GAIN_LEAST = 0.1
# ... and one that stood still: its interval is at most this part of its median.
CEILING_SPREAD_MOST = 0.25
ROUNDS_LEAST = 3


@dataclass(frozen=True, slots=True)
class Interval:
    """The median of a bootstrap distribution, or of the values themselves, and the interval of 95 %."""

    median: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        return {"median": self.median, "low": self.low, "high": self.high}


def median_interval(values: Sequence[float]) -> Interval:
    """The median of the values with its percentile-bootstrap interval (Efron 1979).

    Below four values a bootstrap says nothing; the interval is then their whole range. The resampling is
    seeded: the same values always give the same interval. ValueError if there are no values.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        raise ValueError("a median needs at least one value")
    middle = float(np.median(data))
    if data.size < 4:
        return Interval(middle, float(data.min()), float(data.max()))
    low, high = np.percentile(np.median(data[_picks(data.size)], axis=1), _TAILS)
    return Interval(middle, float(low), float(high))


def fastest_interval(values: Sequence[float]) -> Interval:
    """The fastest of the values, as resampled: the lower the spread at the fast end, the narrower the interval.

    The same rule for few values, and the same error, as in median_interval.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size < 4:
        few = median_interval(values)
        return Interval(few.low, few.low, few.high)
    return _interval(data[_picks(data.size)].min(axis=1))


def fastest_difference(values: Sequence[float], others: Sequence[float]) -> Interval:
    """How much longer the values take than the others, each in its fastest rounds, resampled as in fastest_interval.

    ValueError if there are no values. Below four rounds the interval is the range of the rounds' own differences.
    """
    left, right = (np.asarray(side, dtype=np.float64) for side in (values, others))
    if left.size < 4:
        rounds = median_interval(list(left - right))
        return Interval(float(left.min() - right.min()), rounds.low, rounds.high)
    picks = _picks(left.size)
    return _interval(left[picks].min(axis=1) - right[picks].min(axis=1))


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """The median ratio of values measured in pairs, one pair a round, so that what slows a whole round cancels."""
    return median_interval([a / b for a, b in zip(numerators, denominators, strict=True)])


@dataclass(frozen=True, slots=True)
class Scaling:
    """The seconds of each round on one worker and on many, and how much more work the many did."""

    one: Sequence[float]
    many: Sequence[float]
    factor: float

    def speedup(self) -> Interval:
        """Work in a unit of time on many workers over that on one, both in their fastest rounds.

        Rounds are resampled whole, so that what slowed both down at once stays together. Below four rounds the
        interval is the range of the rounds' own speed-ups. ValueError if there are no rounds.
        """
        one, many = (np.asarray(values, dtype=np.float64) for values in (self.one, self.many))
        if one.size < 4:
            rounds = median_interval(list(self.factor * one / many))
            return Interval(float(self.factor * one.min() / many.min()), rounds.low, rounds.high)
        picks = _picks(one.size)
        return _interval(self.factor * one[picks].min(axis=1) / many[picks].min(axis=1))


def judge(cell: Scaling, work: Scaling, machine: Scaling, workers: int, cpus: float) -> tuple[Verdict, str]:
    """Whether a cell scales, and the reason in a few words.

    work, machine: the ceilings, plain C threads that do the cell's own work and plain C threads that only
    compute. workers: how many threads. cpus: how many of them can run at once.
    """
    if len(cell.many) < ROUNDS_LEAST and min(workers, cpus) > 1:
        return "inconclusive", f"only {len(cell.many)} of at least {ROUNDS_LEAST} rounds"
    return judge_intervals(cell.speedup(), work.speedup(), machine.speedup(), workers, cpus)


def judge_intervals(
    speedup: Interval, ceiling: Interval, machine: Interval, workers: int, cpus: float
) -> tuple[Verdict, str]:
    """The same from the three speed-ups."""
    if workers == 1:
        return "baseline", "one worker"
    possible = min(workers, cpus) - 1
    if possible <= 0:
        return "inconclusive", "one usable CPU: nothing can run side by side"
    if disturbed := busy(machine, workers, cpus):
        return "inconclusive", disturbed
    if ceiling.median - 1 < CEILING_GAIN_LEAST * possible:
        return "inconclusive", f"nothing to gain: {workers} plain C threads gained {ceiling.median:.2f}x on this work"
    moved = ceiling.high - ceiling.low > CEILING_SPREAD_MOST * ceiling.median
    # What stands still by the lowest ceiling stands still by any.
    if moved and not speedup.high - 1 <= STANDS_BELOW * (ceiling.low - 1):
        return "inconclusive", f"the ceiling moved between {ceiling.low:.2f}x and {ceiling.high:.2f}x"
    low, middle, high = ((value - 1) / (ceiling.median - 1) for value in (speedup.low, speedup.median, speedup.high))
    share = f"{round(100 * middle)}% of the possible gain"
    if low >= SCALES_FROM:
        return "scales", share
    if high <= STANDS_BELOW:
        return "does not scale", share
    if low > STANDS_BELOW and high < SCALES_FROM:
        return "partly", share
    return "inconclusive", f"between {low:.0%} and {high:.0%} of the possible gain"


def busy(machine: Interval, workers: int, cpus: float) -> str:
    """Why a timing on this many threads is not to be believed, or nothing. machine: see judge."""
    if machine.median - 1 < MACHINE_GAIN_LEAST * (min(workers, cpus) - 1):
        return f"the machine is busy: {workers} plain C threads gained only {machine.median:.2f}x"
    return ""


def at_least(value: Interval, limit: float) -> Truth:
    """Whether the whole interval lies at the limit or above it: True; below it: False; across it: None."""
    return True if value.low >= limit else False if value.high < limit else None


def at_most(value: Interval, limit: float) -> Truth:
    """Whether the whole interval lies at the limit or below it: True; above it: False; across it: None."""
    return True if value.high <= limit else False if value.low > limit else None


def verdict_on(conditions: Mapping[str, Truth]) -> tuple[Literal["confirmed", "refuted", "inconclusive"], str]:
    """The verdict on a claim that is true if all of these hold, and which of them decided it.

    One that does not hold refutes the claim, whatever the others say. ValueError if there are none.
    """
    if not conditions:
        raise ValueError("a verdict needs at least one condition")
    if failing := [name for name, holds in conditions.items() if holds is False]:
        return "refuted", f"not so: {'; '.join(failing)}"
    if unclear := [name for name, holds in conditions.items() if holds is None]:
        return "inconclusive", f"not clear: {'; '.join(unclear)}"
    return "confirmed", f"{len(conditions)} of {len(conditions)} conditions hold"


def _picks(size: int) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """Which rounds each resample takes; the same for the same number of rounds, so that columns stay paired."""
    return np.random.default_rng(0).integers(0, size, (RESAMPLES, size))


def _interval(resampled: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Interval:
    low, middle, high = np.percentile(resampled, [_TAILS[0], 50, _TAILS[1]])
    return Interval(float(middle), float(low), float(high))
