"""From an experiment's chart, as its finding holds it, to Plotly's figure: one style for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, inf, log10
from typing import Any

from gilscope.measure.stats import Interval
from gilscope.report import figure as fig
from gilscope.report.figure import TIMES, Chart, Figure
from gilscope.report.theme import SANS

UNITS = {"x": TIMES}
"""What stands at a number without a space."""
NAMES = {"us": "µs"}
ROW = 28
SYMBOLS = {"held": "diamond", "released": "circle", "auto": "square", "own": "x", "ceiling": "line-ns"}
"""A shape for each colour, so that neither is needed to tell the series apart."""

STEPS = {
    0.5: (1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    2.5: (1, 2, 5),
    inf: (1,),
}
"""Ticks of a decade by how many of them an axis has to show: enough to read a value from."""
LEGEND = {"legend": {"orientation": "h", "y": 1.08, "yanchor": "bottom", "x": 0}}

Spec = Mapping[str, Any]


def charts(name: str, specs: Sequence[Spec]) -> list[Chart]:
    """The charts of a finding. KeyError or TypeError if one is not as gilscope.experiments.Chart says."""
    kinds = {"rows": _rows, "lines": _lines, "timeline": _timeline}
    return [kinds[spec["kind"]](f"finding-{name}-{number}", spec) for number, spec in enumerate(specs)]


def _rows(id: str, spec: Spec) -> Chart:
    """A row a point, in the order of the series; values to the right."""
    points = [(series, point) for series in spec["series"] for point in series["points"]]
    labels = [str(point["at"]) for _, point in points]
    spans = [_interval(point) for _, point in points]
    limits = [float(limit["value"]) for limit in spec["limits"]]
    traces = []
    for row, (series, point) in enumerate(points):
        span = _interval(point)
        traces.append(_marks(series, [span]) | {"x": [span.median], "y": [row], "error_x": _errors(series, [span])})
        traces[-1]["customdata"] = [f"{point['at']}: {_said(span, spec['values'])}"]
        traces[-1]["hovertemplate"] = "%{customdata}<extra></extra>"
    layout = fig.layout(len(points) * ROW + 100, top=36, right=96)
    layout["xaxis"] |= _axis(spec["values"], [*(v for s in spans for v in (s.low, s.high)), *limits])
    layout["yaxis"] |= fig.rows(labels, SANS) | {"gridcolor": "var(--grid)", "showgrid": True}
    log = spec["values"]["log"]
    layout["shapes"] = [fig.line(v, v, -0.5, len(points) - 0.5, "var(--ceiling)", dash="dot") for v in limits]
    layout["annotations"] = [
        *_tops(spec["limits"], log),
        *fig.margin_notes([_number(span.median, spec["values"]) for span in spans]),
    ]
    words = "; ".join(f"{label} {_said(s, spec['values'])}" for label, s in zip(labels, spans, strict=True))
    return Chart(id, _words(spec["values"]), words, fig.whole(traces, layout))


def _lines(id: str, spec: Spec) -> Chart:
    """Values over numbers, a line a series, with its intervals."""
    traces, words, values, places = [], [], [], []
    for series in spec["series"]:
        spans = [_interval(point) for point in series["points"]]
        at = [float(point["at"]) for point in series["points"]]
        values += [v for span in spans for v in (span.low, span.high)]
        places += at
        middles = [span.median for span in spans]
        trace = _marks(series, spans) | {"x": at, "y": middles, "error_y": _errors(series, spans)}
        trace |= {
            "name": series["name"],
            "showlegend": True,
            "mode": "lines+markers",
            "line": {"color": f"var(--{series['color']})", "width": 1.5},
        }
        trace["customdata"] = [f"{series['name']}: {_said(span, spec['values'])}" for span in spans]
        trace["hovertemplate"] = "%{customdata}<extra></extra>"
        traces.append(trace)
        said = ", ".join(
            f"{_number(a, spec['over'])}: {_number(span.median, spec['values'])}"
            for a, span in zip(at, spans, strict=True)
        )
        words.append(f"{series['name']} {said}")
    across = [limit for limit in spec["limits"] if not limit.get("over")]
    upright = [limit for limit in spec["limits"] if limit.get("over")]
    limits = [float(limit["value"]) for limit in across]
    layout = fig.layout(400, top=56, left=56, right=110)
    layout["xaxis"] |= _axis(spec["over"], [*places, *(float(limit["value"]) for limit in upright)])
    layout["yaxis"] |= _axis(spec["values"], [*values, *limits]) | {"showgrid": True, "gridcolor": "var(--grid)"}
    left, right = layout["xaxis"]["range"]
    ends = (10**left, 10**right) if spec["over"]["log"] else (left, right)
    layout["shapes"] = [fig.line(*ends, v, v, "var(--ceiling)", dash="dot") for v in limits]
    for limit in upright:
        line = fig.line(limit["value"], limit["value"], 0, 1, "var(--ceiling)", dash="dot")
        layout["shapes"].append(line | {"yref": "paper"})
    layout |= LEGEND | {"showlegend": len(traces) > 1}
    log = spec["values"]["log"]
    shared = {"x": 1, "xref": "paper", "xshift": 8, "xanchor": "left", "showarrow": False}
    font = {"size": 12, "color": "var(--muted)"}
    layout["annotations"] = [
        shared | {"y": log10(limit["value"]) if log else limit["value"], "text": limit["label"], "font": font}
        for limit in across
    ] + _tops(upright, spec["over"]["log"])
    title = f"{_words(spec['values'])}; by {_words(spec['over'])}"
    return Chart(id, title, "; ".join(words), fig.whole(traces, layout))


def _timeline(id: str, spec: Spec) -> Chart:
    """A lane a thread or task, a bar a span, from left to right in time."""
    lanes = list(dict.fromkeys(span["lane"] for span in spec["spans"]))
    traces: list[Figure] = []
    for state, color in dict.fromkeys((span["state"], span["color"]) for span in spec["spans"]):
        spans = [span for span in spec["spans"] if (span["state"], span["color"]) == (state, color)]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "base": [span["start"] for span in spans],
                "x": [span["end"] - span["start"] for span in spans],
                "y": [lanes.index(span["lane"]) for span in spans],
                "width": 0.6,
                "name": state,
                "showlegend": True,
                "marker": {"color": f"var(--{color})"},
                "customdata": [
                    f"{span['lane']}: {state}, {_number(span['end'] - span['start'], spec['values'])}" for span in spans
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )
    layout = fig.layout(len(lanes) * 40 + 92, top=36) | LEGEND | {"showlegend": len(traces) > 1, "barmode": "overlay"}
    limits = [float(limit["value"]) for limit in spec["limits"]]
    ends = [float(time) for span in spec["spans"] for time in (span["start"], span["end"])]
    layout["xaxis"] |= _axis(spec["values"], [*ends, *limits])
    layout["yaxis"] |= fig.rows(lanes, SANS)
    layout["shapes"] = [fig.line(v, v, -0.5, len(lanes) - 0.5, "var(--ceiling)", dash="dot") for v in limits]
    layout["annotations"] = _tops(spec["limits"], log=False)
    words = "; ".join(
        f"{lane}: " + ", ".join(dict.fromkeys(span["state"] for span in spec["spans"] if span["lane"] == lane))
        for lane in lanes
    )
    return Chart(id, f"each thread, by {_words(spec['values'])}", words, fig.whole(traces, layout))


def _interval(point: Spec) -> Interval:
    return Interval(**point["value"])


def _marks(series: Spec, spans: Sequence[Interval]) -> Figure:
    color, symbol = f"var(--{series['color']})", SYMBOLS[series["color"]]
    line = {"width": 2 if symbol == "line-ns" else 1.5, "color": color if symbol == "line-ns" else "var(--paper)"}
    marker = {"symbol": symbol, "size": 10, "color": color, "line": line}
    return {"mode": "markers", "cliponaxis": False, "marker": marker}


def _errors(series: Spec, spans: Sequence[Interval]) -> Figure:
    return fig.errors(spans) | {"color": f"var(--{series['color']})"}


def _axis(axis: Spec, values: Sequence[float]) -> Figure:
    """Range and ticks that take in all the values."""
    made: Figure = {"title": fig.title(_words(axis)), "ticksuffix": UNITS.get(axis["unit"], ""), "tickangle": 0}
    if axis["log"]:
        positive = [value for value in values if value > 0]
        low, high = log10(min(positive)), log10(max(positive))
        steps = next(steps for decades, steps in STEPS.items() if high - low < decades)
        ticks = [step * 10.0**power for power in range(floor(low), ceil(high) + 1) for step in steps]
        margin = min(0.1, 0.01 + 0.15 * (high - low))
        made |= {"type": "log", "range": [low - margin, high + margin], "tickvals": ticks}
        return made | {"ticktext": [f"{tick:,g}{UNITS.get(axis['unit'], '')}" for tick in ticks]}
    low, high = min([0.0, *values]), max(values)
    return made | {"range": [low, high + 0.05 * (high - low)], "nticks": 8}


def _tops(limits: Sequence[Spec], log: bool) -> list[Figure]:
    """The names of the lines across a chart of rows, above them; every second one higher, so that near ones part."""
    shared = {"y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False}
    font = {"size": 12, "color": "var(--muted)"}
    return [
        shared
        | {
            "x": log10(limit["value"]) if log else limit["value"],
            "yshift": 12 * (number % 2),
            "text": limit["label"],
            "font": font,
        }
        for number, limit in enumerate(sorted(limits, key=lambda limit: float(limit["value"])))
    ]


def _unit(axis: Spec) -> str:
    return NAMES.get(str(axis["unit"]), str(axis["unit"]))


def _words(axis: Spec) -> str:
    unit = _unit(axis)
    return f"{axis['title']}, {unit}" if unit and unit not in UNITS else str(axis["title"])


def _number(value: float, axis: Spec) -> str:
    figures = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    unit = _unit(axis)
    return figures + UNITS.get(unit, f" {unit}".rstrip())


def _said(span: Interval, axis: Spec) -> str:
    return f"{_number(span.median, axis)} ({span.low:.3g} to {span.high:.3g})"
