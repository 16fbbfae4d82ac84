"""The charts of speed-ups and times, as Plotly's JSON.

One encoding throughout: colour is the policy, shape the implementation, and an open shape is inconclusive.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

from gilscope.html import figure as fig
from gilscope.html.figure import Figure, Picture
from gilscope.html.text import TIMES, duration, factor, singular
from gilscope.html.theme import MONO
from gilscope.report.view import NATIVE, Cell, Section, View
from gilscope.stats import Interval

SYMBOLS = {"capi": "circle", "cython": "diamond", "openmp": "square", "numpy": "triangle-up", "python": "x"}
SIZE, SIZES = 10, {"triangle-up": 13}  # pixels; Plotly draws a triangle smaller than it says
ROW = 26
LEAST = 0.75  # a speed-up axis starts here, or lower where something became slower still


def overview(view: View) -> Picture | None:
    """Every kernel, held and released in both bindings, against its ceiling; None if nothing ran in parallel."""
    sections = view.ranked()
    if not sections:
        return None
    shapes: list[Figure] = []
    links: Figure = {"x": [], "y": [], "mode": "lines", "hoverinfo": "skip"}
    links["line"] = {"color": "var(--rule)", "width": 2}
    tops: list[float] = [view.workers]
    places: list[tuple[float, Cell]] = []
    middles = []
    for row, section in enumerate(sections):
        ceiling = section.ceiling(view.workers)
        assert ceiling is not None  # a ranked section has cells on this many workers
        shapes += _ceiling_shapes(ceiling, row - 0.36, row + 0.36)
        if row:
            shapes.append(fig.line(0, 1, row - 0.5, row - 0.5, "var(--grid)", xref="paper"))
        middles.append(ceiling.median)
        tops.append(ceiling.high)
        for binding, shift in zip(NATIVE, (-0.16, 0.16), strict=True):
            cells = {c.policy: c for c in section.on(view.workers) if c.implementation == binding}
            places += [(row + shift, cells[policy]) for policy in ("held", "released") if policy in cells]
            if "held" in cells and "released" in cells:
                links["x"] += [cells["held"].speedup.median, cells["released"].speedup.median, None]
                links["y"] += [row + shift, row + shift, None]
    traces = [_ceiling_trace(middles, range(len(sections))), *([links] if links["x"] else [])]
    for policy in ("held", "released"):
        for binding in NATIVE:
            chosen = [(y, c) for y, c in places if (c.policy, c.implementation) == (policy, binding)]
            if chosen:
                traces.append(_dots([y for y, _ in chosen], [c for _, c in chosen], view))
    names = [section.name for section in sections]
    layout = fig.layout(len(names) * 40 + 56, right=56)
    layout["xaxis"] |= _speedup_axis([cell for _, cell in places], tops)
    layout["yaxis"] |= fig.rows(names, MONO)
    layout["shapes"] = [fig.line(1, 1, -0.5, len(names) - 0.5, "var(--ceiling)"), *shapes]
    released = [section.native(view.workers, "released") for section in sections]
    notes = [factor(cell.speedup.median) if cell else "\N{EN DASH}" for cell in released]
    layout["annotations"] = fig.margin_notes(notes, "var(--released)")
    words = "; ".join(f"{s.name} {_words(s.on(view.workers), view)}" for s in sections)
    return Picture("overview", f"Speed-up on {view.workers} threads", words, fig.whole(traces, layout))


def speedup(section: Section, view: View) -> Picture | None:
    """One kernel's cells against the ceiling: one row per cell, or lines if there are several numbers of workers."""
    if not section.counts:
        return None
    return _over_workers(section, view) if len(section.counts) > 1 else _on_workers(section, view)


def _on_workers(section: Section, view: View) -> Picture:
    workers = section.counts[0]
    cells = section.on(workers)
    ceiling = section.ceiling(workers)
    assert ceiling is not None
    traces = [_dots([row], [cell], view) for row, cell in enumerate(cells)]
    layout = fig.layout(len(cells) * ROW + 76, top=24, right=56)
    layout["xaxis"] |= _speedup_axis(cells, [workers, ceiling.high])
    layout["yaxis"] |= fig.rows([_label(cell, view) for cell in cells]) | {"gridcolor": "var(--grid)", "showgrid": True}
    edge = len(cells) - 0.5
    layout["shapes"] = [*_ceiling_shapes(ceiling, -0.5, edge), fig.line(1, 1, -0.5, edge, "var(--ceiling)", dash="dot")]
    left, right = layout["xaxis"]["range"]
    label = {
        "x": ceiling.median,
        "y": 1,
        "yref": "paper",
        "text": f"ceiling {factor(ceiling.median)}",
        "showarrow": False,
        "xanchor": "right" if ceiling.median > (left + right) / 2 else "left",
        "yanchor": "bottom",
        "font": {"size": 12, "color": "var(--muted)"},
    }
    layout["annotations"] = [label, *fig.margin_notes([factor(cell.speedup.median) for cell in cells])]
    title = f"Speed-up on {workers} threads"
    return Picture(f"{section.name}-speedup", title, _words(cells, view), fig.whole(traces, layout))


def _over_workers(section: Section, view: View) -> Picture:
    counts = [1, *section.counts]
    ceilings = [section.ceiling(count) or Interval(1, 1, 1) for count in counts]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "x": counts}
    traces: list[Figure] = [
        edge | {"y": [ceiling.low for ceiling in ceilings]},
        edge | {"y": [ceiling.high for ceiling in ceilings], "fill": "tonexty", "fillcolor": "var(--band)"},
        {
            "x": counts,
            "y": [ceiling.median for ceiling in ceilings],
            "mode": "lines",
            "line": {"color": "var(--ceiling)", "width": 2, "dash": "dash"},
            "hovertemplate": f"ceiling %{{y:.2f}}{TIMES}<extra></extra>",
        },
    ]
    lines: dict[tuple[str, str], list[Cell]] = {}
    for cell in section.cells:
        lines.setdefault((cell.implementation, cell.policy), []).append(cell)
    for cells in lines.values():
        trace = _dots([], cells, view)
        error = trace.pop("error_x")
        trace |= {"x": [cell.workers for cell in cells], "y": trace["x"], "error_y": error, "mode": "lines+markers"}
        trace["line"] = {"color": f"var(--{cells[0].policy})", "width": 1.5}
        traces.append(trace)
    layout = fig.layout(380, left=48)
    layout["xaxis"] |= {"title": fig.title("threads"), "tickvals": counts, "range": [0.8, counts[-1] + 0.2]}
    layout["yaxis"] |= {"title": fig.title("speed-up over one thread"), "ticksuffix": TIMES, "rangemode": "tozero"}
    layout["yaxis"] |= {"showgrid": True, "gridcolor": "var(--grid)"}
    words = "; ".join(f"on {count} threads {_words(section.on(count), view)}" for count in section.counts)
    return Picture(f"{section.name}-speedup", "Speed-up by number of threads", words, fig.whole(traces, layout))


def times(section: Section) -> Picture | None:
    """The time per unit of work on one thread in each implementation, on a logarithmic axis."""
    cells = section.times()
    if not cells:
        return None
    spans = [cell.seconds_per_unit for cell in cells]
    reference = next((s for s, cell in zip(spans, cells, strict=True) if cell.implementation == "python"), None)
    notes = [duration(span.median) + _times(reference, span) for span in spans]
    low, high = log10(min(s.low for s in spans)), log10(max(s.high for s in spans))
    decades = range(floor(low), ceil(high) + 1)
    layout = fig.layout(len(cells) * ROW + 76, top=24, right=108)
    layout["xaxis"] |= {
        "type": "log",
        "range": [low - 0.25, high + 0.25],
        "tickvals": [10.0**power for power in decades],
        "ticktext": [fig.tick(power) for power in decades],
        "title": fig.title("logarithmic scale"),
    }
    layout["yaxis"] |= fig.rows([cell.name for cell in cells]) | {"gridcolor": "var(--grid)", "showgrid": True}
    layout["annotations"] = fig.margin_notes(notes)
    symbols = [SYMBOLS.get(cell.implementation, "circle") for cell in cells]
    trace = {
        "x": [span.median for span in spans],
        "y": list(range(len(cells))),
        "mode": "markers",
        "marker": {
            "symbol": symbols,
            "size": [SIZES.get(s, SIZE) for s in symbols],
            "opacity": 1,
            "color": "var(--ink)",
        },
        "error_x": fig.errors(spans) | {"color": "var(--ink)"},
        "customdata": [f"{cell.name}: {note}" for cell, note in zip(cells, notes, strict=True)],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    words = "; ".join(f"{cell.name} {note}" for cell, note in zip(cells, notes, strict=True))
    title = f"Time per {singular(section.unit)}, one thread"
    return Picture(f"{section.name}-time", title, words, fig.whole([trace], layout))


def _times(reference: Interval | None, span: Interval) -> str:
    if reference is None or reference is span:
        return ""
    ratio = reference.median / span.median
    return f" · {factor(ratio, 0 if ratio >= 10 else 1)}"


def _dots(rows: Sequence[float], cells: Sequence[Cell], view: View) -> Figure:
    """Markers of cells of one policy and implementation, with their intervals."""
    color = f"var(--{cells[0].policy})"
    symbol = SYMBOLS.get(cells[0].implementation, "circle")
    return {
        "x": [cell.speedup.median for cell in cells],
        "y": list(rows),
        "mode": "markers",
        "cliponaxis": False,
        "marker": {
            "symbol": [symbol if cell.conclusive else f"{symbol}-open" for cell in cells],
            "size": SIZES.get(symbol, SIZE),
            "color": color,
            "line": {"width": 1.5, "color": [color if not cell.conclusive else "var(--paper)" for cell in cells]},
        },
        "error_x": fig.errors([cell.speedup for cell in cells]) | {"color": color},
        "customdata": [_hover(cell, view) for cell in cells],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _hover(cell: Cell, view: View) -> str:
    span = cell.speedup
    return (
        f"<b>{cell.kernel}</b> {_label(cell, view)}, {cell.workers} threads<br>{factor(span.median)} "
        f"({span.low:.2f} to {span.high:.2f}), ceiling {factor(cell.ceiling.median)}<br>{cell.verdict}: {cell.reason}"
    )


def _label(cell: Cell, view: View) -> str:
    return cell.name if cell.policy == "own" else f"{view.words[cell.policy]}, {cell.name}"


def _words(cells: Sequence[Cell], view: View) -> str:
    if not cells:
        return ""
    figures = [f"{_label(cell, view)} {factor(cell.speedup.median)}" for cell in cells]
    return ", ".join([*figures, f"ceiling {factor(cells[0].ceiling.median)}"])


def _ceiling_shapes(ceiling: Interval, top: float, bottom: float) -> list[Figure]:
    band = fig.line(ceiling.low, ceiling.high, top, bottom, "var(--band)") | {
        "type": "rect",
        "fillcolor": "var(--band)",
    }
    band["line"] = {"width": 0}
    return [band, fig.line(ceiling.median, ceiling.median, top, bottom, "var(--ceiling)", width=2)]


def _ceiling_trace(middles: Sequence[float], rows: Sequence[int]) -> Figure:
    """Nothing to see, the shapes show it; something to point at."""
    return {
        "x": list(middles),
        "y": list(rows),
        "mode": "markers",
        "marker": {"symbol": "line-ns", "size": 24, "color": "rgba(0,0,0,0)"},
        "hovertemplate": f"ceiling %{{x:.2f}}{TIMES}<extra></extra>",
    }


def _speedup_axis(cells: Sequence[Cell], tops: Sequence[float]) -> Figure:
    low = min([LEAST, *(cell.speedup.low - 0.05 for cell in cells)])
    high = max([*tops, *(cell.speedup.high for cell in cells)])
    return {
        "range": [max(low, 0), high + 0.04 * (high - low)],
        "title": fig.title("speed-up over one thread"),
        "ticksuffix": TIMES,
        "nticks": 7,
        "tickangle": 0,
    }
