"""A recording as a picture, as a trace for other tools, and as tables for a terminal: data in, data out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gilscope.scope import states as st
from gilscope.scope.states import Lane, Span

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gilscope.scope.recording import Recording

COLOURS = {
    st.HOLDS: "#d55e00",
    st.HOLDS_ABSENT: "#a04000",
    st.RELEASED: "#0072b2",
    st.WAITS_GIL: "#e6c229",
    st.WAITS_CORE: "#b5b0a6",
}
"""Of what a thread does; off the CPU it is not drawn. After Okabe and Ito (2008), as the report's."""
STYLES = {st.HOLDS: "red", st.HOLDS_ABSENT: "red3", st.RELEASED: "blue", st.WAITS_GIL: "yellow", st.WAITS_CORE: "white"}
SHORT = {
    st.HOLDS: "holds",
    st.HOLDS_ABSENT: "absent",
    st.RELEASED: "released",
    st.WAITS_GIL: "waits",
    st.WAITS_CORE: "no core",
}
"""Of the states in a terminal; "absent" holds and does not run."""
SPANS_MOST = 20_000
"""More can not be told apart in a picture: the shortest are left out."""


def busy(recording: Recording) -> list[Lane]:
    """The lanes that did anything but sleep, in the order in which they were first seen."""
    return [lane for lane in recording.lanes if (lane.states != st.OFF).any() or len(lane.events)]


def figure(recording: Recording, title: str | None = None) -> dict[str, Any]:
    """A row for each busy lane, time to the right in ms, as Plotly's JSON."""
    names = st.NAMES if recording.has_gil else st.NAMES_WITHOUT_GIL
    lanes = busy(recording)
    labels = _distinct([lane.name for lane in lanes])
    traces = []
    by_lane = [st.spans(lane, recording.ticks["time"], recording.ended) for lane in lanes]
    least = _shortest_drawn(by_lane)
    for state, colour in COLOURS.items():
        base, length, where, text = [], [], [], []
        for label, spans in zip(labels, by_lane, strict=True):
            for span in spans:
                if span.state == state and span.end - span.start >= least:
                    base.append((span.start - recording.started) / 1e6)
                    length.append((span.end - span.start) / 1e6)
                    where.append(label)
                    text.append(f"{names[state]}: {(span.end - span.start) / 1e6:.3f} ms")
        if base:
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": names[state],
                    "base": base,
                    "x": length,
                    "y": where,
                    "text": text,
                    "textposition": "none",
                    "hovertemplate": "%{y}<br>%{text}<extra></extra>",
                    "marker": {"color": colour, "line": {"width": 0}},
                    "width": 0.7,
                }
            )
    layout: dict[str, Any] = {
        "barmode": "overlay",
        "height": 120 + 34 * max(len(lanes), 1),
        "margin": {"l": 10, "r": 10, "t": 60 if title else 30, "b": 45},
        "xaxis": {"title": {"text": "milliseconds"}, "zeroline": False, "range": [0, recording.seconds * 1e3]},
        "yaxis": {"autorange": "reversed", "automargin": True, "categoryarray": labels, "categoryorder": "array"},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "bargap": 0.3,
    }
    if title:
        layout["title"] = {"text": title}
    return {"data": traces, "layout": layout}


def pieces(recording: Recording, spans: Iterable[Span], start: int, end: int) -> list[list[Any]]:
    """The spans on the CPU or waiting for it, between two times in ns: start and length in ms, and the state's name."""
    names = st.NAMES if recording.has_gil else st.NAMES_WITHOUT_GIL
    return [
        [(max(s.start, start) - start) / 1e6, (min(s.end, end) - max(s.start, start)) / 1e6, names[s.state]]
        for s in spans
        if s.state != st.OFF and s.end > start and s.start < end
    ]


def _distinct(names: list[str]) -> list[str]:
    """The names, numbered where several threads share one."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def _shortest_drawn(by_lane: list[list[Span]]) -> int:
    lengths = sorted(
        (span.end - span.start for spans in by_lane for span in spans if span.state != st.OFF), reverse=True
    )
    return lengths[SPANS_MOST] + 1 if len(lengths) > SPANS_MOST else 0


def chrome_trace(recording: Recording) -> dict[str, Any]:
    """The JSON Trace Event Format: complete events ("X") in us, one thread a lane; the ledger is a category."""
    names = st.NAMES if recording.has_gil else st.NAMES_WITHOUT_GIL
    sites: dict[int, str] = {}
    events: list[dict[str, Any]] = []
    for lane in recording.lanes:
        common = {"pid": 1, "tid": lane.native_id}
        events.append({"ph": "M", "name": "thread_name", "args": {"name": lane.name}, **common})
        for span in st.spans(lane, recording.ticks["time"], recording.ended):
            if span.state != st.OFF:
                start, length = (span.start - recording.started) / 1e3, (span.end - span.start) / 1e3
                events.append(
                    {"ph": "X", "cat": "state", "name": names[span.state], "ts": start, "dur": length, **common}
                )
        for event in st.releases(lane.events):
            site = int(event["site"])
            sites.setdefault(site, _site_name(site))
            start, length = (
                (int(event["released"]) - recording.started) / 1e3,
                int(event["got"] - event["released"]) / 1e3,
            )
            made = {"ph": "X", "cat": "ledger", "name": sites[site], "ts": start, "dur": length}
            events.append(made | common | {"args": {"waited_us": int(event["got"] - event["wanted"]) / 1e3}})
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": recording.circumstances}


def _site_name(address: int) -> str:
    from gilscope.scope.symbols import place

    return str(place(address))


def tables(recording: Recording) -> Iterator[RenderableType]:
    """What a terminal shows: a sentence, the lanes with a bar each, the sites, the longest waits."""
    from rich.table import Table
    from rich.text import Text

    summary = recording.summary()
    held = "" if summary["holding"] is None else f", the GIL held {summary['holding']:.0%} of it"
    handoffs = "" if summary["handoffs"] is None else f", {summary['handoffs']} hand-offs"
    longest = f", longest hold {summary['longest_hold_ms']:.2f} ms" if summary["longest_holder"] else ""
    yield Text(f"{recording.seconds:.3f} s{held}{handoffs}{longest}, {summary['releases']} releases seen")
    if not recording.circumstances["internals"]:
        yield Text(f"(Python {recording.circumstances['python']} is not known: who holds the GIL can not be read)")
    lanes = Table(box=None, pad_edge=False, header_style="bold")
    lanes.add_column("thread")
    lanes.add_column("")
    shown = [
        state for state in COLOURS if any(lane.shares(len(recording.ticks))[state] > 0 for lane in recording.lanes)
    ]
    for state in shown:
        lanes.add_column(SHORT[state], justify="right")
    lanes.add_column("CPU s", justify="right")
    for lane in busy(recording):
        shares = lane.shares(len(recording.ticks))
        bar = Text()
        for state in COLOURS:
            bar.append("\N{FULL BLOCK}" * round(30 * shares[state]), style=STYLES[state])
        figures = [f"{shares[state]:.1%}" for state in shown]
        lanes.add_row(lane.name, bar, *figures, f"{lane.cpu_seconds:.3f}")
    yield lanes
    sites = recording.sites()
    if sites:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("where", "what", "times", "released", "waited", "p99", "max"):
            table.add_column(column, justify="left" if column in ("where", "what") else "right", overflow="fold")
        for site in sites[:12]:
            waited = [f"{site.wait_seconds[key] * 1e6:,.1f} us" for key in ("p50", "p99", "max")]
            table.add_row(str(site.place), site.kind, f"{site.count:,}", f"{site.released_seconds:.3f} s", *waited)
        yield table
    waits = [wait for wait in recording.waits(5) if wait.cause != "hand-off"]
    for wait in waits:
        by = f", behind {wait.holder}" if wait.holder else ""
        let_go = f", until {wait.site}" if wait.site else ""
        yield Text(f"{wait.lane} waited {wait.seconds * 1e3:.2f} ms at {wait.start:.3f} s{by} ({wait.cause}{let_go})")
