"""Timelines as Plotly figures: one lane per thread, one bar per span. All timelines are drawn here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gilscope.html.figure import Figure, layout
from gilscope.html.theme import LIGHT, SANS
from gilscope.results.charts import Bar

BARS_MOST = 20_000
"""The shortest bars beyond this number are left out: nobody could see them."""
LEGEND: Figure = {"orientation": "h", "y": 1.08, "yanchor": "bottom", "x": 0}

Hover = Callable[[Bar], str]
"""The text to show while the pointer is on a bar."""


def bars_figure(
    bars: Sequence[Bar], *, hover: Hover, lanes: Sequence[str] | None = None, row: int = 40, legend: bool = True
) -> Figure:
    """The bars, lane below lane, in the theme's colours; the caller completes the axis of time.

    Parameters
    ----------
    bars
        They keep their order; the legend has one entry for each state.
    hover
        The text of a bar.
    lanes
        Their names from top to bottom, each once; by default in the order of the bars.
    row
        The height of a lane, in pixels.
    legend
        Whether there is a legend above where the bars have more than one state.
    """
    names = list(dict.fromkeys(bar.lane for bar in bars)) if lanes is None else list(lanes)
    kinds = list(dict.fromkeys((bar.state, bar.color) for bar in bars))
    listed = legend and len(kinds) > 1
    traces = [
        _trace(state, [bar for bar in bars if (bar.state, bar.color) == (state, color)], hover)
        | {"marker": {"color": f"var(--{color})", "line": {"width": 0}}, "showlegend": listed}
        for state, color in kinds
    ]
    around = layout(row * max(len(names), 1) + (92 if legend else 56), top=36 if legend else 8)
    around |= {"legend": LEGEND, "showlegend": listed, "barmode": "overlay"}
    around["yaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": names,
        "range": [len(names) - 0.5, -0.5],
        "ticksuffix": "  ",
        "tickfont": {"family": SANS, "size": 13, "color": "var(--ink)"},
    }
    return {"data": traces, "layout": around}


def standalone(bars: Sequence[Bar], lanes: Sequence[str], milliseconds: float, title: str | None) -> Figure:
    """A figure that needs no page around it, in the colours of the light theme."""
    figure = bars_figure(_longest(bars), hover=lambda bar: f"{bar.lane}<br>{bar.state}: {_length(bar)}", lanes=lanes)
    around = figure["layout"]
    around["xaxis"] |= {"title": {"text": "milliseconds"}, "range": [0, milliseconds], "fixedrange": False}
    around |= {"paper_bgcolor": LIGHT["paper"], "plot_bgcolor": LIGHT["paper"]}
    if title:
        around["title"] = {"text": title}
        around["margin"]["t"] = 84
        around["height"] += 48
    _hatch(figure["data"])
    coloured: Figure = _coloured(figure, {f"var(--{name})": color for name, color in LIGHT.items()})
    return coloured


def distinct(names: Sequence[str]) -> list[str]:
    """The names, numbered where several lanes share one."""
    counts: dict[str, int] = {}
    result = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        result.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return result


def _trace(state: str, bars: Sequence[Bar], hover: Hover) -> Figure:
    return {
        "type": "bar",
        "orientation": "h",
        "name": state,
        "base": [bar.start for bar in bars],
        "x": [bar.end - bar.start for bar in bars],
        "y": [bar.lane for bar in bars],
        "width": 0.62,
        "customdata": [hover(bar) for bar in bars],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _hatch(traces: Sequence[Figure]) -> None:
    """Tells states of one colour apart in the legend: all but the first are hatched."""
    colors: set[str] = set()
    for trace in traces:
        color = trace["marker"]["color"]
        if color in colors:
            trace["marker"]["pattern"] = {"shape": "/", "fgcolor": "var(--paper)", "size": 6, "solidity": 0.25}
        colors.add(color)


def _length(bar: Bar) -> str:
    return f"{bar.end - bar.start:.3f} ms"


def _longest(bars: Sequence[Bar]) -> list[Bar]:
    """At most BARS_MOST of them, in their order."""
    lengths = sorted((bar.end - bar.start for bar in bars), reverse=True)
    least = lengths[BARS_MOST] if len(lengths) > BARS_MOST else -1.0
    return [bar for bar in bars if bar.end - bar.start > least]


def _coloured(value: Any, colors: Mapping[str, str]) -> Any:
    """The same value with colours instead of their names."""
    match value:
        case str():
            return colors.get(value, value)
        case dict():
            return {key: _coloured(item, colors) for key, item in value.items()}
        case list():
            return [_coloured(item, colors) for item in value]
    return value
