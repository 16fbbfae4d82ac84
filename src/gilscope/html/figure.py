"""The parts of every chart: plain dictionaries of Plotly's JSON, in one style, with colours named by `theme`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gilscope.html.theme import SANS
from gilscope.stats import Interval

Figure = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, its title, and a text for those who cannot see it."""

    id: str
    title: str
    words: str
    figure: Figure

    @property
    def height(self) -> int:
        height: int = self.figure["layout"]["height"]
        return height


def whole(traces: list[Figure], layout: Figure) -> Figure:
    return {"data": [{"type": "scatter", "showlegend": False} | trace for trace in traces], "layout": layout}


def layout(height: int, *, top: int = 8, left: int = 4, right: int = 16) -> Figure:
    axis: Figure = {
        "fixedrange": True,
        "zeroline": False,
        "showgrid": False,
        "automargin": True,
        "ticks": "",
        "tickfont": {"size": 12, "color": "var(--muted)"},
    }
    return {
        "height": height,
        "margin": {"t": top, "r": right, "b": 48, "l": left},
        "font": {"family": SANS, "size": 13, "color": "var(--ink)"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": "var(--panel)",
            "bordercolor": "var(--rule)",
            "align": "left",
            "font": {"family": SANS, "size": 13, "color": "var(--ink)"},
        },
        "xaxis": axis | {"showgrid": True, "gridcolor": "var(--grid)"},
        "yaxis": dict(axis),
    }


def title(text: str) -> Figure:
    return {"text": text, "standoff": 10, "font": {"size": 12, "color": "var(--muted)"}}


def rows(labels: Sequence[str], family: str = SANS) -> Figure:
    return {
        "tickvals": list(range(len(labels))),
        "ticktext": [f"{label}  " for label in labels],
        "range": [len(labels) - 0.5, -0.5],
        "tickfont": {"family": family, "size": 13, "color": "var(--ink)"},
    }


def line(
    x0: float, x1: float, y0: float, y1: float, color: str, *, width: float = 1, dash: str = "solid", xref: str = "x"
) -> Figure:
    line = {"color": color, "width": width, "dash": dash}
    return {"type": "line", "layer": "below", "xref": xref, "x0": x0, "x1": x1, "y0": y0, "y1": y1, "line": line}


def errors(spans: Sequence[Interval]) -> Figure:
    return {
        "type": "data",
        "symmetric": False,
        "array": [span.high - span.median for span in spans],
        "arrayminus": [span.median - span.low for span in spans],
        "thickness": 2,
        "width": 0,
    }


def margin_notes(notes: Sequence[str], color: str = "var(--ink)") -> list[Figure]:
    """One text per row, to the right of the axes."""
    shared = {"x": 1, "xref": "paper", "xshift": 10, "xanchor": "left", "showarrow": False}
    font = {"size": 12, "color": color}
    return [shared | {"y": row, "text": note, "font": font} for row, note in enumerate(notes)]


def tick(power: int) -> str:
    """10 to this power, in seconds."""
    unit, least = next(((u, p) for u, p in (("s", 0), ("ms", -3), ("µs", -6), ("ns", -9)) if power >= p), ("ps", -12))
    return f"{10.0 ** (power - least):g} {unit}"
