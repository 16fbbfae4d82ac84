"""A recording as tables for a terminal."""

from collections.abc import Iterator, Sequence
from io import StringIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from gilscope.results.looks import Site
from gilscope.results.recordings import Circumstances, LaneShares, Summary, Wait
from gilscope.results.states import State

STYLES = {
    State.HOLDS: "red",
    State.HOLDS_ABSENT: "red3",
    State.RELEASED: "blue",
    State.WAITS_GIL: "yellow",
    State.WAITS_CORE: "white",
}
"""What is drawn, in this order; off the CPU a thread is not drawn."""
BAR, SITES_MOST = 30, 12


def tables(
    circumstances: Circumstances,
    summary: Summary,
    lanes: Sequence[LaneShares],
    sites: Sequence[Site],
    waits: Sequence[Wait],
) -> Iterator[RenderableType]:
    """A sentence, the lanes with a bar each, the busiest sites, the waits that are somebody's fault."""
    yield Text(_sentence(summary))
    if not circumstances.internals:
        yield Text(f"(Python {circumstances.python} is unknown to gilscope, so it cannot read who holds the GIL)")
    if circumstances.waits_missing:
        yield Text(f"(no exact waits for the GIL: {circumstances.waits_missing})")
    yield _lanes(lanes)
    if sites:
        yield _sites(sites[:SITES_MOST])
    for wait in waits:
        if wait.cause != "hand-off":
            yield Text(_wait(wait))


def _sentence(summary: Summary) -> str:
    held = "" if summary.holding is None else f", GIL held {summary.holding:.0%} of the time"
    handoffs = "" if summary.handoffs is None else f", {summary.handoffs} hand-offs"
    beside = "" if summary.side_by_side is None else f", {summary.side_by_side:.2f} threads side by side"
    longest = f", longest hold {summary.longest_hold_ms:.2f} ms" if summary.longest_holder else ""
    return f"{summary.seconds:.3f} s{held}{beside}{handoffs}{longest}, {summary.releases} releases"


def _lanes(lanes: Sequence[LaneShares]) -> Table:
    table = _table()
    table.add_column("thread")
    table.add_column("")
    shown = [state for state in STYLES if any(lane.shares[state] > 0 for lane in lanes)]
    for state in shown:
        table.add_column(state.short, justify="right")
    table.add_column("CPU s", justify="right")
    for lane in lanes:
        if lane.busy:
            shares = [f"{lane.shares[state]:.1%}" for state in shown]
            table.add_row(lane.lane, _bar(lane), *shares, f"{lane.cpu_seconds:.3f}")
    return table


def _bar(lane: LaneShares) -> Text:
    bar = Text()
    for state, style in STYLES.items():
        bar.append("\N{FULL BLOCK}" * round(BAR * lane.shares[state]), style=style)
    return bar


def _sites(sites: Sequence[Site]) -> Table:
    table = _table()
    for column in ("where", "what", "times", "released", "median wait", "p99 wait", "longest"):
        table.add_column(column, justify="left" if column in ("where", "what") else "right", overflow="fold")
    for site in sites:
        wait = site.wait_seconds
        waited = [f"{seconds * 1e6:,.1f} us" for seconds in (wait.p50, wait.p99, wait.max)]
        table.add_row(str(site.place), site.kind, f"{site.count:,}", f"{site.released_seconds:.3f} s", *waited)
    return table


def _wait(wait: Wait) -> str:
    by = f", behind {wait.holder}" if wait.holder else ""
    until = f", until {wait.site}" if wait.site else ""
    return f"{wait.lane} waited {wait.seconds * 1e3:.2f} ms at {wait.start:.3f} s{by} ({wait.cause}{until})"


def as_html(renderable: RenderableType) -> str:
    """What a terminal of 110 columns would show, for a notebook."""
    console = Console(record=True, width=110, file=StringIO())
    console.print(renderable)
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold")
