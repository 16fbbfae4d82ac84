"""From a chart as plain data (gilscope.results.charts) to Plotly's figure, in one style."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, inf, log10

from gilscope.html import figure as fig
from gilscope.html.figure import Figure, Picture
from gilscope.html.text import TIMES
from gilscope.html.theme import SANS
from gilscope.html.timeline import bars_figure
from gilscope.results.charts import Axis, Bar, Chart, Limit, Series
from gilscope.stats import Interval

UNITS = {"x": TIMES}
"""Units that follow a number without a space."""
_SHOWN = {"us": "µs"}
ROW = 28
SYMBOLS = {"held": "diamond", "released": "circle", "auto": "square", "own": "x", "ceiling": "line-ns"}
"""One shape per colour, so that either tells the series apart."""

STEPS = {
    0.5: (1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    2.5: (1, 2, 5),
    inf: (1,),
}
"""The ticks of a decade, by the number of decades on the axis: enough to read a value."""
LEGEND = {"legend": {"orientation": "h", "y": 1.08, "yanchor": "bottom", "x": 0}}


def figures(name: str, charts: Sequence[Chart]) -> list[Picture]:
    """The charts as figures with ids that begin with this name."""
    kinds = {"rows": _rows, "lines": _lines, "timeline": _timeline}
    return [kinds[chart.kind](f"{name}-{number}", chart) for number, chart in enumerate(charts)]


def _rows(id: str, chart: Chart) -> Picture:
    """One row per point, in the order of the series; values to the right."""
    points = [(series, point) for series in chart.series for point in series.points]
    labels = [str(point.at) for _, point in points]
    spans = [point.value for _, point in points]
    limits = [limit.value for limit in chart.limits]
    traces = []
    for row, (series, point) in enumerate(points):
        span = point.value
        traces.append(_marks(series) | {"x": [span.median], "y": [row], "error_x": _errors(series, [span])})
        traces[-1]["customdata"] = [f"{point.at}: {_range(span, chart.values)}"]
        traces[-1]["hovertemplate"] = "%{customdata}<extra></extra>"
    layout = fig.layout(len(points) * ROW + 100, top=36, right=96)
    layout["xaxis"] |= _axis(chart.values, [*(v for s in spans for v in (s.low, s.high)), *limits])
    layout["yaxis"] |= fig.rows(labels, SANS) | {"gridcolor": "var(--grid)", "showgrid": True}
    log = chart.values.log
    layout["shapes"] = [fig.line(v, v, -0.5, len(points) - 0.5, "var(--ceiling)", dash="dot") for v in limits]
    layout["annotations"] = [
        *_tops(chart.limits, log),
        *fig.margin_notes([_number(span.median, chart.values) for span in spans]),
    ]
    words = "; ".join(f"{label} {_range(s, chart.values)}" for label, s in zip(labels, spans, strict=True))
    return Picture(id, _words(chart.values), words, fig.whole(traces, layout))


def _lines(id: str, chart: Chart) -> Picture:
    """Values over numbers: one line per series, with intervals."""
    across = [limit for limit in chart.limits if not limit.over]
    upright = [limit for limit in chart.limits if limit.over]
    values = [v for series in chart.series for p in series.points for v in (p.value.low, p.value.high)]
    places = [*(float(p.at) for series in chart.series for p in series.points), *(limit.value for limit in upright)]
    traces = [_line(series, chart) for series in chart.series]
    layout = fig.layout(400, top=56, left=56, right=110) | LEGEND | {"showlegend": len(traces) > 1}
    layout["xaxis"] |= _axis(chart.over, places)
    layout["yaxis"] |= _axis(chart.values, [*values, *(limit.value for limit in across)])
    layout["yaxis"] |= {"showgrid": True, "gridcolor": "var(--grid)"}
    left, right = layout["xaxis"]["range"]
    ends = (10**left, 10**right) if chart.over.log else (left, right)
    layout["shapes"] = [
        *(fig.line(*ends, limit.value, limit.value, "var(--ceiling)", dash="dot") for limit in across),
        *(
            fig.line(limit.value, limit.value, 0, 1, "var(--ceiling)", dash="dot") | {"yref": "paper"}
            for limit in upright
        ),
    ]
    layout["annotations"] = _sides(across, chart.values.log) + _tops(upright, chart.over.log)
    title = f"{_words(chart.values)}, by {_words(chart.over)}"
    words = "; ".join(f"{series.name} {_points(series, chart)}" for series in chart.series)
    return Picture(id, title, words, fig.whole(traces, layout))


def _line(series: Series, chart: Chart) -> Figure:
    spans = [point.value for point in series.points]
    return _marks(series) | {
        "x": [float(point.at) for point in series.points],
        "y": [span.median for span in spans],
        "error_y": _errors(series, spans),
        "name": series.name,
        "showlegend": True,
        "mode": "lines+markers",
        "line": {"color": f"var(--{series.color})", "width": 1.5},
        "customdata": [f"{series.name}: {_range(span, chart.values)}" for span in spans],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _points(series: Series, chart: Chart) -> str:
    """The medians in words."""
    return ", ".join(
        f"{_number(float(point.at), chart.over)}: {_number(point.value.median, chart.values)}"
        for point in series.points
    )


def _timeline(id: str, chart: Chart) -> Picture:
    """One lane per thread or task, one bar per span, from left to right in time."""
    lanes = list(dict.fromkeys(span.lane for span in chart.spans))

    def hover(bar: Bar) -> str:
        return f"{bar.lane}: {bar.state}, {_number(bar.end - bar.start, chart.values)}"

    figure = bars_figure(chart.spans, hover=hover, lanes=lanes)
    limits = [limit.value for limit in chart.limits]
    ends = [time for span in chart.spans for time in (span.start, span.end)]
    around = figure["layout"]
    around["xaxis"] |= _axis(chart.values, [*ends, *limits])
    around["shapes"] = [fig.line(v, v, -0.5, len(lanes) - 0.5, "var(--ceiling)", dash="dot") for v in limits]
    around["annotations"] = _tops(chart.limits, log=False)
    words = "; ".join(
        f"{lane}: " + ", ".join(dict.fromkeys(span.state for span in chart.spans if span.lane == lane))
        for lane in lanes
    )
    return Picture(id, f"what each thread does over {_words(chart.values)}", words, figure)


def _marks(series: Series) -> Figure:
    color, symbol = f"var(--{series.color})", SYMBOLS[series.color]
    line = {"width": 2 if symbol == "line-ns" else 1.5, "color": color if symbol == "line-ns" else "var(--paper)"}
    marker = {"symbol": symbol, "size": 10, "color": color, "line": line}
    return {"mode": "markers", "cliponaxis": False, "marker": marker}


def _errors(series: Series, spans: Sequence[Interval]) -> Figure:
    return fig.errors(spans) | {"color": f"var(--{series.color})"}


def _axis(axis: Axis, values: Sequence[float]) -> Figure:
    """A range and ticks that include all values."""
    scale: Figure = {"title": fig.title(_words(axis)), "ticksuffix": UNITS.get(axis.unit, ""), "tickangle": 0}
    if axis.log:
        positive = [value for value in values if value > 0]
        low, high = log10(min(positive)), log10(max(positive))
        steps = next(steps for decades, steps in STEPS.items() if high - low < decades)
        ticks = [step * 10.0**power for power in range(floor(low), ceil(high) + 1) for step in steps]
        margin = min(0.1, 0.01 + 0.15 * (high - low))
        scale |= {"type": "log", "range": [low - margin, high + margin], "tickvals": ticks}
        return scale | {"ticktext": [f"{tick:,g}{UNITS.get(axis.unit, '')}" for tick in ticks]}
    low, high = min([0.0, *values]), max(values)
    return scale | {"range": [low, high + 0.05 * (high - low)], "nticks": 8}


def _sides(limits: Sequence[Limit], log: bool) -> list[Figure]:
    """The labels of horizontal limits, to the right of the chart."""
    shared = {"x": 1, "xref": "paper", "xshift": 8, "xanchor": "left", "showarrow": False}
    font = {"size": 12, "color": "var(--muted)"}
    return [
        shared | {"y": log10(limit.value) if log else limit.value, "text": limit.label, "font": font}
        for limit in limits
    ]


def _tops(limits: Sequence[Limit], log: bool) -> list[Figure]:
    """The labels of vertical limits, above them; every second one is higher, so that neighbours do not overlap."""
    shared = {"y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False}
    font = {"size": 12, "color": "var(--muted)"}
    return [
        shared
        | {
            "x": log10(limit.value) if log else limit.value,
            "yshift": 12 * (number % 2),
            "text": limit.label,
            "font": font,
        }
        for number, limit in enumerate(sorted(limits, key=lambda limit: limit.value))
    ]


def _unit(axis: Axis) -> str:
    return _SHOWN.get(str(axis.unit), str(axis.unit))


def _words(axis: Axis) -> str:
    unit = _unit(axis)
    return f"{axis.title}, {unit}" if unit and unit not in UNITS else str(axis.title)


def _number(value: float, axis: Axis) -> str:
    figures = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    unit = _unit(axis)
    return figures + UNITS.get(unit, f" {unit}".rstrip())


def _range(span: Interval, axis: Axis) -> str:
    return f"{_number(span.median, axis)} ({span.low:.3g} to {span.high:.3g})"
