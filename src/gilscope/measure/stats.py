"""Statistics as pure functions: medians with bootstrap intervals, paired ratios, and the verdict on scaling."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95

Verdict = Literal["scales", "does not scale", "partly", "inconclusive", "baseline"]

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
    """A median and its 95 % bootstrap interval."""

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
    picks = np.random.default_rng(0).integers(0, data.size, (RESAMPLES, data.size))
    medians = np.median(data[picks], axis=1)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(medians, [tail, 100 - tail])
    return Interval(middle, float(low), float(high))


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """The median ratio of values measured in pairs, one pair a round, so that what slows a whole round cancels."""
    return median_interval([a / b for a, b in zip(numerators, denominators, strict=True)])


def judge(
    speedups: Sequence[float], ceilings: Sequence[float], machine: Sequence[float], workers: int, cpus: float
) -> tuple[Verdict, str]:
    """Whether a cell scales, and the reason in a few words.

    speedups, ceilings, machine: of each round, those of the cell, of plain C threads that do the same work, and
    of plain C threads that only compute. workers: how many threads. cpus: how many of them can run at once.
    """
    if workers == 1:
        return "baseline", "one worker"
    possible = min(workers, cpus) - 1
    if possible <= 0:
        return "inconclusive", "one usable CPU: nothing can run side by side"
    if len(speedups) < ROUNDS_LEAST:
        return "inconclusive", f"only {len(speedups)} of at least {ROUNDS_LEAST} rounds"
    free = median_interval(machine)
    if free.median - 1 < MACHINE_GAIN_LEAST * possible:
        return "inconclusive", f"the machine is busy: {workers} plain C threads gained only {free.median:.2f}x"
    ceiling = median_interval(ceilings)
    if ceiling.median - 1 < CEILING_GAIN_LEAST * possible:
        return "inconclusive", f"nothing to gain: {workers} plain C threads gained {ceiling.median:.2f}x on this work"
    if ceiling.high - ceiling.low > CEILING_SPREAD_MOST * ceiling.median:
        return "inconclusive", f"the ceiling moved between {ceiling.low:.2f}x and {ceiling.high:.2f}x"
    # The ceiling's median, not each round's: a round whose ceiling fell to 1 would make its gain infinite.
    gain = median_interval([(speedup - 1) / (ceiling.median - 1) for speedup in speedups])
    share = f"{round(100 * gain.median)}% of the possible gain"
    if gain.low >= SCALES_FROM:
        return "scales", share
    if gain.high <= STANDS_BELOW:
        return "does not scale", share
    if gain.low > STANDS_BELOW and gain.high < SCALES_FROM:
        return "partly", share
    return "inconclusive", f"between {gain.low:.0%} and {gain.high:.0%} of the possible gain"
