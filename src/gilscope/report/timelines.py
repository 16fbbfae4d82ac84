"""The timelines of the report: who had the GIL, thread by thread, held and released side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gilscope.report.data import NAMES, Words
from gilscope.report.figure import Chart, Figure, layout

COLOURS = {
    "holding": "var(--held)",
    "attached": "var(--held)",
    "holding, off the CPU": "var(--held)",
    "attached, off the CPU": "var(--held)",
    "running released": "var(--released)",
    "detached": "var(--released)",
    "waiting for the GIL": "var(--band)",
    "waiting": "var(--band)",
    "waiting for a core": "var(--grid)",
}
ROW = 44


def pairs(document: Mapping[str, Any], words: Words) -> list[tuple[str, list[Chart]]]:
    """For each binding its name and its charts, held first; all charts share one scale of time."""
    timelines: Sequence[Mapping[str, Any]] = document.get("timelines", ())
    longest = max((shot["milliseconds"] for shot in timelines), default=0.0)
    bindings = dict.fromkeys(shot["implementation"] for shot in timelines)
    return [
        (
            NAMES.get(binding, binding),
            [
                _chart(shot, longest, words)
                for policy in ("held", "released")
                for shot in timelines
                if shot["implementation"] == binding and shot["policy"] == policy
            ],
        )
        for binding in bindings
    ]


def _chart(shot: Mapping[str, Any], longest: float, words: Words) -> Chart:
    lanes = shot["lanes"]
    names = [lane["name"] for lane in lanes]
    traces: list[Figure] = []
    for state in dict.fromkeys(span[2] for lane in lanes for span in lane["spans"]):
        spans = [
            (lane["name"], start, length) for lane in lanes for start, length, what in lane["spans"] if what == state
        ]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": state,
                "y": [name for name, _, _ in spans],
                "base": [start for _, start, _ in spans],
                "x": [length for _, _, length in spans],
                "width": 0.62,
                "marker": {"color": COLOURS.get(state, "var(--grid)"), "line": {"width": 0}},
                "showlegend": False,
                "hovertemplate": f"%{{y}}: {state}<br>%{{x:.2f}} ms from %{{base:.2f}} ms<extra></extra>",
            }
        )
    made = layout(48 + ROW * len(lanes) + 8)
    made["barmode"] = "overlay"
    made["xaxis"] |= {"range": [0, longest * 1.01], "title": {"text": "milliseconds", "font": {"size": 12}}}
    made["yaxis"] |= {"categoryorder": "array", "categoryarray": names[::-1], "type": "category"}
    word = words[shot["policy"]]
    title = f"{word}, {NAMES.get(shot['implementation'], shot['implementation'])}: {shot['milliseconds']:.0f} ms"
    return Chart(
        f"timeline-{shot['implementation']}-{shot['policy']}", title, _said(shot), {"data": traces, "layout": made}
    )


def _said(shot: Mapping[str, Any]) -> str:
    """The chart in words: what each thread spent its time in."""
    said = []
    for lane in shot["lanes"]:
        spent: dict[str, float] = {}
        for _, length, state in lane["spans"]:
            spent[state] = spent.get(state, 0.0) + length
        said.append(f"{lane['name']} " + ", ".join(f"{time:.1f} ms {state}" for state, time in spent.items()))
    return "; ".join(said)
