"""A recording: who held the GIL, who ran without it, who waited and for whom, over any stretch of code.

    with gilscope.record() as recording:
        work()
    print(recording.summary()["holding"])

It watches from outside: a thread without a thread state looks at the GIL (the sampler), and wrappers in the import
tables of the loaded libraries note when the GIL is let go, asked for and had again (the ledger). Neither needs the
GIL, so neither is blind when it matters.
"""

import atexit
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from io import StringIO
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from gilscope.measure.environment import usable_cpus
from gilscope.scope import states as st
from gilscope.scope.oracle import gil_enabled
from gilscope.scope.states import Array, Lane
from gilscope.scope.symbols import Place, place

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

FORMAT, VERSION = "gilscope.recording", 1
RATE = 1000.0
"""Looks a second, at most, where none is asked for."""
BUDGET = 0.003
"""Of the machine's CPU time, for them: as many fewer where waking up is dear (a virtual machine: 40 us each time)."""
LIMIT = 10_000_000
"""Ledger events kept; 40 bytes each."""
TICKS = 2_000_000

HANDOFF_NS = 100_000
"""A wait shorter than this is the cost of waking up, and nobody's fault."""


class RecordingError(RuntimeError):
    """Why there is no recording, in one line."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the code that let go of the GIL, or took it, and what it did there in this recording."""

    kind: str
    """"release", "take" or "swap"."""
    place: Place
    count: int
    released_seconds: float
    """Without the GIL, in all; of a take: with it."""
    wait_seconds: Mapping[str, float]
    """Until it had the GIL back: p50, p99, max."""


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait for the GIL, and who is to blame for it."""

    lane: str
    start: float
    """Seconds from the recording's start."""
    seconds: float
    holder: str | None
    """The lane that had the GIL for most of the wait; None where no look fell into it."""
    cause: str
    """"hand-off", "slice", "long hold", "no core" or "several"; see CAUSES."""
    site: Place | None
    """Where the holder let go in the end, if that was in a library: what it was in all the time."""


CAUSES = {
    "hand-off": "the thread that waited only had to wake up",
    "slice": "the holder ran bytecode, and gave way after its switch interval",
    "long hold": "the holder was inside one C call, which did not hear the request",
    "no core": "the holder had the GIL and no core to run on",
    "several": "several threads had it in turn before",
}


class Recording:
    """What was seen. Empty until the `with` block of `record()` has ended."""

    def __init__(self) -> None:
        self.started = self.ended = 0
        """CLOCK_MONOTONIC, ns."""
        self.ticks: Array = np.zeros(0, st.TICK)
        self.lanes: list[Lane] = []
        self.circumstances: dict[str, Any] = {}
        self.dropped = 0
        """Looks and events that did not fit any more."""

    @property
    def seconds(self) -> float:
        return (self.ended - self.started) / 1e9

    @property
    def has_gil(self) -> bool:
        return bool(self.circumstances.get("gil", True))

    def lane(self, name: str) -> Lane:
        """The first lane of this name. KeyError if there is none."""
        for lane in self.lanes:
            if lane.name == name:
                return lane
        raise KeyError(f"no lane {name!r}; there are {', '.join(repr(lane.name) for lane in self.lanes)}")

    def states(self) -> list[dict[str, Any]]:
        """For each lane: its name and the part of the recording that it spent in each state, 0 to 1."""
        names = st.NAMES if self.has_gil else st.NAMES_WITHOUT_GIL
        return [
            {
                "lane": lane.name,
                "native_id": lane.native_id,
                "cpu_seconds": lane.cpu_seconds,
                **dict(zip(names, lane.shares(len(self.ticks)).tolist(), strict=True)),
            }
            for lane in self.lanes
        ]

    def longest_hold(self) -> tuple[float, str | None]:
        """Seconds, and the lane. Between two looks only a ledger can tell, so it may be shorter than this says."""
        best, name = 0, None
        for index, lane in enumerate(self.lanes):
            pieces = st.holds(index, lane, self.ticks, self.ended)
            longest = int((pieces[:, 1] - pieces[:, 0]).max()) if len(pieces) else 0
            if longest > best:
                best, name = longest, lane.name
        return best / 1e9, name

    def summary(self) -> dict[str, Any]:
        """The recording in a dozen figures.

        holding: the part of the looks at which some thread had the GIL. limit: the speed-up that this share allows on
        any number of threads, 1 / holding (None without a GIL). handoffs: from the interpreter's own counter.
        """
        looks = self.ticks["holder"] != st.NOBODY
        holding = float(looks.mean()) if len(looks) and self.has_gil else None
        seconds, name = self.longest_hold()
        events = np.concatenate([lane.events for lane in self.lanes]) if self.lanes else np.zeros(0, st.EVENT)
        had = st.waits(events)
        waited = (had["got"] - had["wanted"]) / 1e9
        return {
            "seconds": self.seconds,
            "looks": len(self.ticks),
            "threads": len(self.lanes),
            "holding": holding,
            "limit": 1 / holding if holding else None,
            "handoffs": st.handoffs(self.ticks) if self.has_gil else None,
            "longest_hold_ms": seconds * 1e3,
            "longest_holder": name,
            "releases": len(st.releases(events)),
            "wait_ms": _quantiles(waited * 1e3),
            "dropped": self.dropped,
            "late_share": float((self.ticks["late"] > 1e6 / self.circumstances.get("rate", RATE)).mean())
            if len(self.ticks)
            else 0.0,
        }

    def sites(self) -> list[Site]:
        """Every place that released or took the GIL, the busiest first. Empty where there is no ledger."""
        events = [lane.events for lane in self.lanes if len(lane.events)]
        if not events:
            return []
        every = np.concatenate(events)
        made = []
        for kind, site in sorted({(int(k), int(s)) for k, s in np.unique(every[["kind", "site"]]).tolist()}):
            mine = st.waits(every[(every["kind"] == kind) & (every["site"] == site)])
            if not len(mine) or not site:  # what was let go before the recording began has none
                continue
            let_go = mine["released"] - mine["got"] if kind == st.TAKE else mine["wanted"] - mine["released"]
            made.append(
                Site(
                    kind=("release", "take", "swap")[kind],
                    place=place(site),
                    count=len(mine),
                    released_seconds=float(let_go.sum()) / 1e9,
                    wait_seconds=_quantiles((mine["got"] - mine["wanted"]) / 1e9),
                )
            )
        return sorted(made, key=lambda site: -site.count)

    def waits(self, most: int = 100) -> list[Wait]:
        """The longest waits for the GIL, and who is to blame: by the ledger, or where it saw none by the looks."""
        found = []
        for index, lane in enumerate(self.lanes):
            events = st.waits(lane.events)
            long = events[np.argsort(events["wanted"] - events["got"], kind="stable")][:most]
            intervals = [(int(e["wanted"]), int(e["got"])) for e in long]
            if not len(events):  # the waits of the evaluation loop itself
                times = self.ticks["time"]
                intervals = [(s.start, s.end) for s in st.spans(lane, times, self.ended) if s.state == st.WAITS_GIL]
            found += [self._blame(index, start, end) for start, end in intervals if end > start]
        return sorted(found, key=lambda wait: -wait.seconds)[:most]

    def _blame(self, index: int, start: int, end: int) -> Wait:
        first, after = np.searchsorted(self.ticks["time"], [start, end])
        holders = self.ticks["holder"][first:after]
        others = holders[(holders >= 0) & (holders != index)]
        holder = int(np.bincount(others).argmax()) if len(others) else None
        switch = self.circumstances.get("switch_interval", 0.005) * 1e9
        cause, site = "hand-off", None
        if end - start > HANDOFF_NS and holder is not None:
            let_go = self._let_go(holder, start, end)
            site = place(int(let_go["site"])) if let_go is not None else None
            lane = self.lanes[holder]
            seen = lane.states[max(first - lane.first, 0) : max(after - lane.first, 0)]
            if len(np.unique(others)) > 1:
                cause, site = "several", None
            elif len(seen) and np.isin(seen, (st.HOLDS_ABSENT, st.WAITS_CORE)).mean() > 0.5:
                cause = "no core"
            elif site is not None or end - start > 1.6 * switch:
                cause = "long hold"
            else:
                cause = "slice"
        return Wait(
            lane=self.lanes[index].name,
            start=(start - self.started) / 1e9,
            seconds=(end - start) / 1e9,
            holder=None if holder is None else self.lanes[holder].name,
            cause=cause,
            site=site,
        )

    def _let_go(self, holder: int, start: int, end: int) -> Any:
        """The holder's release that ended somebody's wait, if a library made it."""
        gone = self.lanes[holder].events
        gone = gone[(gone["kind"] != st.TAKE) & (gone["released"] > start) & (gone["released"] <= end)]
        return gone[-1] if len(gone) else None

    def to_json(self, path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
        """Everything that the methods say, as plain values; written to `path` too, where one is given."""
        made = {
            "format": FORMAT,
            "version": VERSION,
            "circumstances": self.circumstances,
            "summary": self.summary(),
            "states": self.states(),
            "sites": [asdict(site) for site in self.sites()],
            "waits": [asdict(wait) for wait in self.waits()],
            "lanes": [
                {
                    "name": lane.name,
                    "native_id": lane.native_id,
                    "spans": [
                        [span.start - self.started, span.end - self.started, span.state]
                        for span in st.spans(lane, self.ticks["time"], self.ended)
                    ],
                }
                for lane in self.lanes
            ],
        }
        if path is not None:
            with open(path, "w") as file:
                json.dump(made, file, indent=1)
        return made

    def to_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the lanes in the JSON Trace Event Format, for Perfetto (ui.perfetto.dev) or speedscope."""
        from gilscope.scope.timeline import chrome_trace

        with open(path, "w") as file:
            json.dump(chrome_trace(self), file)

    def timeline(self, title: str | None = None) -> Any:
        """A Plotly figure: a row for each thread that ran, a colour for each state. ImportError without Plotly."""
        from gilscope.scope.timeline import figure

        return import_module("plotly.graph_objects").Figure(figure(self, title))

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from gilscope.scope.timeline import tables

        yield from tables(self)

    def _repr_html_(self) -> str:
        from rich.console import Console

        console = Console(record=True, width=110, file=StringIO())
        console.print(self)
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")

    def __repr__(self) -> str:
        return f"<Recording of {self.seconds:.3f} s: {len(self.lanes)} threads, {len(self.ticks)} looks>"


@contextmanager
def record(*, rate: float | None = None, ledger: bool = True, limit: int = LIMIT) -> Iterator[Recording]:
    """Records all threads of this process while the block runs.

    rate: looks at the GIL a second, 1 to 50000; the time between two is random, so that nothing keeps step with them.
    None: 1000, or as many as 0.3 % of the usable CPUs can pay for.
    ledger: whether to note every release as well. limit: of how many events; more are counted as dropped.

    RecordingError if a recording runs already in this process, or if this platform has no way to make one. Every
    import-table slot and setting is put back on every way out.
    """
    try:
        sampler, book = import_module("gilscope.scope._sampler"), import_module("gilscope.scope._ledger")
    except ImportError as error:
        raise RecordingError(f"this installation can not record: {error}") from error
    recording = Recording()
    recording.circumstances = _circumstances(rate or RATE, sampler.INTERNALS)
    try:
        sampler.start(rate or RATE, TICKS, 0.0 if rate else BUDGET * usable_cpus())
    except RuntimeError as error:
        raise RecordingError(str(error)) from error
    with _names() as names:
        kept: dict[str, Any] = {"threads": [], "started": 0, "ended": 0}
        atexit.register(_stop, sampler, book)
        try:
            if ledger:
                with suppress(NotImplementedError):  # no ELF: the looks stand alone
                    book.start(limit)
                    recording.circumstances["ledger"] = True
            yield recording
        finally:
            atexit.unregister(_stop)
            if book.active():
                kept = book.stop()
            seen = sampler.stop()
    _fill(recording, seen, kept, names)


def _stop(sampler: Any, book: Any) -> None:
    """The interpreter ends inside the block: nothing may look at it any more."""
    if book.active():
        book.stop()
    if sampler.active():
        sampler.stop()


def _fill(recording: Recording, seen: Mapping[str, Any], kept: Mapping[str, Any], names: Mapping[int, str]) -> None:
    recording.ticks = np.frombuffer(seen["ticks"], st.TICK)
    books = {native_id: (dropped, np.frombuffer(events, st.EVENT)) for native_id, dropped, events in kept["threads"]}
    times = recording.ticks["time"]
    recording.started = int(kept["started"] or (times[0] if len(times) else 0))
    recording.ended = int(kept["ended"] or (times[-1] if len(times) else 0))
    nothing = (0, np.zeros(0, st.EVENT))
    for native_id, first, cpu_ns, states, ended in seen["lanes"]:
        dropped, events = books.pop(native_id, nothing)
        name = names.get(native_id, f"thread {native_id}")
        states = np.frombuffer(states, np.uint8)
        recording.lanes.append(Lane(name, native_id, first, states, cpu_ns / 1e9, bool(ended), events, dropped))
    for native_id, (dropped, events) in books.items():  # too short-lived for any look
        name, nowhere = names.get(native_id, f"thread {native_id}"), np.zeros(0, np.uint8)
        recording.lanes.append(Lane(name, native_id, len(times), nowhere, 0.0, True, events, dropped))
    recording.dropped = seen["dropped"] + sum(lane.dropped for lane in recording.lanes)


def _circumstances(rate: float, internals: bool) -> dict[str, Any]:
    return {
        "python": sys.version.split()[0],
        "gil": gil_enabled(),
        "switch_interval": sys.getswitchinterval(),
        "rate": rate,
        "internals": internals,
        "ledger": False,
    }


@contextmanager
def _names() -> Iterator[dict[int, str]]:
    """Native id to name, of all Python threads that live at some time in the block.

    A new thread passes through the profile hook that threading has for it, once; a profiler that is there already
    keeps the hook, and threads that start and end under it go without a name.
    """
    names: dict[int, str] = {}

    def note(frame: FrameType, event: str, argument: object) -> None:
        sys.setprofile(None)
        here = threading.current_thread()
        names[threading.get_native_id()] = here.name

    hook: Callable[..., object] | None = threading.getprofile()
    if hook is None:
        threading.setprofile(note)
    try:
        yield names
    finally:
        if hook is None:
            threading.setprofile(None)
        names.update({t.native_id: t.name for t in threading.enumerate() if t.native_id is not None})


def _quantiles(values: Array) -> dict[str, float]:
    if not len(values):
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    middle, high = np.percentile(values, [50, 99])
    return {"p50": float(middle), "p99": float(high), "max": float(values.max())}
