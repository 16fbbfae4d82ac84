"""Charts as plain data: what a finding shows, whatever draws it."""

from dataclasses import dataclass
from typing import Literal

from gilscope.stats import Interval


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis counts, with its unit: Axis("time per call", "ms")."""

    title: str
    unit: str = ""
    log: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A value with its interval, at a place of the other axis: a number, or a word in a chart of rows."""

    at: float | str
    value: Interval


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together. `color` is one of the theme's: held, released, auto, own or ceiling."""

    name: str
    color: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A line across the chart at a value: a threshold of the verdict, or something to compare with."""

    value: float
    label: str
    over: bool = False
    """Whether the line stands at a place of the other axis, in a chart of lines."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time in one lane of a timeline, in the unit of the chart's axis."""

    lane: str
    start: float
    end: float
    state: str
    color: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: `rows` has one row per point, `lines` values over numbers, `timeline` bars in lanes."""

    kind: Literal["rows", "lines", "timeline"]
    values: Axis
    """The axis of the values; the time in a timeline."""
    over: Axis = Axis("")
    """The axis of the places, in a chart of lines."""
    series: tuple[Series, ...] = ()
    limits: tuple[Limit, ...] = ()
    spans: tuple[Bar, ...] = ()
