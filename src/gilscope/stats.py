"""Statistics as pure functions: bootstrap intervals (Efron 1979), speed-ups, and the verdict on scaling.

Disturbances on a shared machine (other programs, another guest on the same core, a page fault) only ever make a timing
longer, in some rounds by a large factor. So the speed-up compares the fastest rounds, which were disturbed least (Chen
and Revels, Robust benchmarking in noisy environments, 2016). Its interval comes from resampling the rounds; it is wide
if few of them were quiet.
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
"""Whether a condition holds; None if the values cannot tell."""

# The gain is the cell's speed-up as a share of the ceiling's: (speedup - 1) / (ceiling - 1).
SCALES_FROM = 0.75
STANDS_BELOW = 0.25
# A verdict needs free cores: N plain C threads that only compute must gain this share of the cores beyond the first ...
MACHINE_GAIN_LEAST = 0.75
# ... a ceiling that leaves something to gain (that of memory-bound work may be lower than the number of cores) ...
CEILING_GAIN_LEAST = 0.1
# ... and one that is steady: its interval is at most this share of its median.
CEILING_SPREAD_MOST = 0.25
ROUNDS_LEAST = 3


@dataclass(frozen=True, slots=True)
class Interval:
    """The median of a bootstrap distribution, or of the values themselves, and its 95 % interval."""

    median: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        return {"median": self.median, "low": self.low, "high": self.high}


def median_interval(values: Sequence[float]) -> Interval:
    """The median of the values with its percentile-bootstrap interval (Efron 1979).

    With fewer than four values the interval is their range. The resampling is seeded, so the same values always give
    the same interval. ValueError if there are no values.
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
    """The fastest of the values, resampled: the smaller the spread at the fast end, the narrower the interval.

    Few values and no values are treated as in median_interval.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size < 4:
        few = median_interval(values)
        return Interval(few.low, few.low, few.high)
    return _interval(data[_picks(data.size)].min(axis=1))


def fastest_difference(values: Sequence[float], others: Sequence[float]) -> Interval:
    """How much longer the values take than the others, in the fastest rounds of each, resampled.

    With fewer than four rounds the interval is the range of the rounds' own differences. ValueError if there are none.
    """
    left, right = (np.asarray(side, dtype=np.float64) for side in (values, others))
    if left.size < 4:
        rounds = median_interval(list(left - right))
        return Interval(float(left.min() - right.min()), rounds.low, rounds.high)
    picks = _picks(left.size)
    return _interval(left[picks].min(axis=1) - right[picks].min(axis=1))


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """The median ratio of values measured in pairs, one pair per round, so that what slows a whole round cancels."""
    return median_interval([a / b for a, b in zip(numerators, denominators, strict=True)])


@dataclass(frozen=True, slots=True)
class Scaling:
    """The seconds of each round on one worker and on many."""

    one: Sequence[float]
    many: Sequence[float]
    factor: float
    """The work of the many over that of the one."""

    def speedup(self) -> Interval:
        """Work per second on many workers over that on one, both in their fastest rounds.

        Rounds are resampled whole, so what slowed both down at once stays together. With fewer than four rounds the
        interval is the range of the rounds' own speed-ups. ValueError if there are none.
        """
        one, many = (np.asarray(values, dtype=np.float64) for values in (self.one, self.many))
        if one.size < 4:
            rounds = median_interval(list(self.factor * one / many))
            return Interval(float(self.factor * one.min() / many.min()), rounds.low, rounds.high)
        picks = _picks(one.size)
        return _interval(self.factor * one[picks].min(axis=1) / many[picks].min(axis=1))


def scaling_verdict(cell: Scaling, work: Scaling, machine: Scaling, workers: int, cpus: float) -> tuple[Verdict, str]:
    """Whether a cell scales, and the reason in a few words.

    Parameters
    ----------
    cell
        The rounds of the cell.
    work
        The ceiling: plain C threads that do the cell's own work.
    machine
        Plain C threads that only compute.
    workers
        The number of threads.
    cpus
        How many of them can run at once.
    """
    if len(cell.many) < ROUNDS_LEAST and min(workers, cpus) > 1:
        return "inconclusive", f"too few rounds: {len(cell.many)}, needs {ROUNDS_LEAST}"
    return verdict_of_speedups(cell.speedup(), work.speedup(), machine.speedup(), workers, cpus)


def verdict_of_speedups(
    speedup: Interval, ceiling: Interval, machine: Interval, workers: int, cpus: float
) -> tuple[Verdict, str]:
    """The same verdict from the three speed-ups; see scaling_verdict."""
    if workers == 1:
        return "baseline", "one worker"
    possible = min(workers, cpus) - 1
    if possible <= 0:
        return "inconclusive", "one usable CPU: threads cannot run side by side"
    if disturbed := busy(machine, workers, cpus):
        return "inconclusive", disturbed
    if ceiling.median - 1 < CEILING_GAIN_LEAST * possible:
        return (
            "inconclusive",
            f"nothing to gain: {workers} plain C threads reached only {ceiling.median:.2f}x on this work",
        )
    moved = ceiling.high - ceiling.low > CEILING_SPREAD_MOST * ceiling.median
    # A cell that gains nothing by the lowest ceiling gains nothing by any.
    if moved and not speedup.high - 1 <= STANDS_BELOW * (ceiling.low - 1):
        return "inconclusive", f"the ceiling varied between {ceiling.low:.2f}x and {ceiling.high:.2f}x"
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
    """Why timings on this many threads cannot be trusted now; empty if they can. machine: see scaling_verdict."""
    if machine.median - 1 < MACHINE_GAIN_LEAST * (min(workers, cpus) - 1):
        return f"the machine is busy: {workers} plain C threads reached only {machine.median:.2f}x"
    return ""


def at_least(value: Interval, limit: float) -> Truth:
    """True if the whole interval is at or above the limit, False if it is below, None if it crosses the limit."""
    return True if value.low >= limit else False if value.high < limit else None


def at_most(value: Interval, limit: float) -> Truth:
    """True if the whole interval is at or below the limit, False if it is above, None if it crosses the limit."""
    return True if value.high <= limit else False if value.low > limit else None


def verdict_on(conditions: Mapping[str, Truth]) -> tuple[Literal["confirmed", "refuted", "inconclusive"], str]:
    """The verdict on a claim that is true if all conditions hold, and the conditions that decided it.

    One condition that does not hold refutes the claim, whatever the others say. ValueError if there are none.
    """
    if not conditions:
        raise ValueError("a verdict needs at least one condition")
    if failing := [name for name, holds in conditions.items() if holds is False]:
        return "refuted", f"not met: {'; '.join(failing)}"
    if unclear := [name for name, holds in conditions.items() if holds is None]:
        return "inconclusive", f"unclear: {'; '.join(unclear)}"
    return "confirmed", f"{len(conditions)} of {len(conditions)} conditions are met"


def _picks(size: int) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """The rounds of each resample; the same for the same number of rounds, so that columns stay paired."""
    return np.random.default_rng(0).integers(0, size, (RESAMPLES, size))


def _interval(resampled: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Interval:
    low, middle, high = np.percentile(resampled, [_TAILS[0], 50, _TAILS[1]])
    return Interval(float(middle), float(low), float(high))
