"""Intervals in another unit, and values that are exact."""

from gilscope.stats import Interval


def times(value: Interval, factor: float) -> Interval:
    """The interval in another unit: times(seconds, 1e3) is in ms."""
    return Interval(factor * value.median, factor * value.low, factor * value.high)


def exactly(value: float) -> Interval:
    """A value that was counted, or that has no interval for another reason."""
    return Interval(float(value), float(value), float(value))
