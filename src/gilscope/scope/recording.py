"""A recording: who held the GIL, who ran without it, who waited and for whom, over any stretch of code.

    with gilscope.record() as recording:
        work()
    print(recording.summary().holding)

It watches from outside: a thread without a thread state looks at the GIL (the sampler), wrappers in the import tables
of the loaded libraries write down when the GIL is released, asked for and taken (the release ledger), and hooks in that
of the interpreter every wait for it (the wait ledger). None of them needs the GIL, so none is blind when it matters.
"""

import atexit
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult

from gilscope.host import gil_enabled, usable_cpus
from gilscope.html import timeline
from gilscope.results import files
from gilscope.results.charts import Bar
from gilscope.results.codec import Json
from gilscope.results.looks import Site
from gilscope.results.recordings import Circumstances, LaneShares, LaneSpans, RecordingDocument, Summary, Wait
from gilscope.results.states import State
from gilscope.scope import blame, sites, summary, terminal, threads, trace, turns
from gilscope.scope import states as st
from gilscope.scope.capture import captured
from gilscope.scope.learn import learn
from gilscope.scope.missing import missing
from gilscope.scope.states import Array, Capture, Lane

if TYPE_CHECKING:
    from gilscope.scope._ledger import Kept
    from gilscope.scope._waits import Log

RATE = 1000.0
"""Looks per second, at most, where no rate is asked for."""
BUDGET = 0.003
"""Their share of the machine's CPU time: they are fewer where waking up is dear (a virtual machine: 40 us)."""
LIMIT = 10_000_000
"""Rows in a ledger: releases of 40 bytes, turns of 32."""
TICKS = 2_000_000


class RecordingError(RuntimeError):
    """There is no recording; the message says why in one line."""


class Recording:
    """Who held the GIL, who ran without it, who waited and for whom.

    `gilscope.record()` makes one. It is empty until the `with` block has ended.

    Attributes
    ----------
    circumstances : gilscope.results.recordings.Circumstances
        The interpreter, and how the recording was made.
    """

    def __init__(self, capture: Capture | None = None, circumstances: Circumstances | None = None) -> None:
        self.capture = capture or Capture(0, 0, st.no_ticks(), ())
        self.circumstances = circumstances or Circumstances()

    @property
    def started(self) -> int:
        """CLOCK_MONOTONIC at the start, in ns."""
        return self.capture.started

    @property
    def ended(self) -> int:
        """CLOCK_MONOTONIC at the end, in ns."""
        return self.capture.ended

    @property
    def ticks(self) -> Array:
        """The sampler's looks, rows of dtype `gilscope.scope.states.TICK`."""
        return self.capture.ticks

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The threads, in the order in which they were first seen."""
        return self.capture.lanes

    @property
    def dropped(self) -> int:
        """Looks and events that did not fit."""
        return self.capture.dropped

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.ended - self.started) / 1e9

    @property
    def has_gil(self) -> bool:
        """Whether the interpreter had a GIL."""
        return self.circumstances.gil

    def lane(self, name: str) -> Lane:
        """The first thread of this name.

        Raises
        ------
        KeyError
            There is none.
        """
        for lane in self.lanes:
            if lane.name == name:
                return lane
        raise KeyError(f"no lane {name!r}; there are {', '.join(repr(lane.name) for lane in self.lanes)}")

    def states(self) -> list[LaneShares]:
        """How each thread spent the recording.

        Returns
        -------
        list of gilscope.results.recordings.LaneShares
            `.shares[State.HOLDS]` is the share of the recording in which the thread held the GIL, 0 to 1.
        """
        return summary.lane_shares(self.capture, self.has_gil)

    def longest_hold(self) -> tuple[float, str | None]:
        """The longest time for which one thread held the GIL.

        Between two looks only a ledger can tell, so the hold may be shorter than this says.

        Returns
        -------
        tuple of float and str
            Seconds, and the thread's name; None where no thread held the GIL.
        """
        return summary.longest_hold(self.capture)

    def summary(self) -> Summary:
        """The recording in a dozen figures.

        Returns
        -------
        gilscope.results.recordings.Summary
            `.holding` is the share of the time in which some thread had the GIL, `.limit` the speed-up that this
            share allows on any number of threads.
        """
        return summary.summary(self.capture, self.circumstances)

    def sites(self) -> list[Site]:
        """Every place in the code that released or took the GIL, the busiest first.

        Returns
        -------
        list of gilscope.results.Site
            Empty where there is no ledger.
        """
        return sites.sites(self.lanes)

    def side_by_side(self, lanes: Sequence[Lane], start: int, end: int) -> float | None:
        """How many of these threads ran side by side, as far as the GIL goes: between 1 and their number.

        Neither other programs nor too few cores move it, for a thread that waits for a core is not stopped by the GIL.

        Parameters
        ----------
        lanes
            Threads that never sleep, or wait for anything else, between the two times.
        start, end
            CLOCK_MONOTONIC, ns.

        Returns
        -------
        float or None
            None without the wait ledger.
        """
        waits = [lane.waits for lane in lanes if lane.waits is not None]
        return turns.side_by_side_between(waits, start, end)

    def waits(self, most: int = 100) -> list[Wait]:
        """The longest waits for the GIL, and what each is blamed on.

        They come from the wait ledger, all of them and exactly. Without it they come from the release ledger, and for a
        thread of which that has none, from the looks.

        Parameters
        ----------
        most
            How many.

        Returns
        -------
        list of gilscope.results.recordings.Wait
            The longest first.
        """
        return blame.waits(self.capture, self.circumstances.switch_interval, most)

    def document(self) -> RecordingDocument:
        """Everything that the other methods say, as one value, with every thread's states over time."""
        return RecordingDocument(
            circumstances=self.circumstances,
            summary=self.summary(),
            states=tuple(self.states()),
            sites=tuple(self.sites()),
            waits=tuple(self.waits()),
            lanes=tuple(LaneSpans(lane.name, lane.native_id, self._spans(lane)) for lane in self.lanes),
        )

    def to_json(self, path: str | os.PathLike[str] | None = None) -> Json:
        """The document as plain values.

        Parameters
        ----------
        path
            A file to write them to as well; `gilscope.results.recordings.load` reads it.
        """
        document = self.document().to_json()
        if path is not None:
            files.write(document, path)
        return document

    def to_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the threads in the JSON Trace Event Format, for Perfetto (ui.perfetto.dev) or speedscope."""
        files.write(trace.trace(self.capture, self.circumstances), path)

    def timeline(self, title: str | None = None) -> Any:
        """The threads over time, a row for each that ran and a colour for each state.

        Parameters
        ----------
        title
            What stands above.

        Returns
        -------
        plotly.graph_objects.Figure

        Raises
        ------
        ImportError
            Plotly is not installed: pip install gilscope[lab].
        """
        busy = [lane for lane, shares in zip(self.lanes, self.states(), strict=True) if shares.busy]
        names = timeline.distinct([lane.name for lane in busy])
        spans = [(name, *span) for name, lane in zip(names, busy, strict=True) for span in self._spans(lane)]
        bars = [
            Bar(name, start / 1e6, end / 1e6, state.label(self.has_gil), state.color)
            for name, start, end, state in sorted(spans, key=lambda span: span[-1])  # the legend's order
            if state is not State.OFF
        ]
        drawn = timeline.standalone(bars, names, self.seconds * 1e3, title)
        return import_module("plotly.graph_objects").Figure(drawn)

    def _spans(self, lane: Lane) -> tuple[tuple[int, int, State], ...]:
        """Start and end in ns from the recording's start, and the state between."""
        start = self.started
        return tuple((span.start - start, span.end - start, span.state) for span in self.capture.spans(lane))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from terminal.tables(self.circumstances, self.summary(), self.states(), self.sites(), self.waits(5))

    def _repr_html_(self) -> str:
        return terminal.as_html(self)

    def __repr__(self) -> str:
        return f"<Recording of {self.seconds:.3f} s: {len(self.lanes)} threads, {len(self.ticks)} looks>"


@contextmanager
def record(
    *, rate: float | None = None, ledger: bool = True, waits: bool = True, limit: int = LIMIT
) -> Iterator[Recording]:
    """Records all threads of this process while the block runs.

    Every import-table slot and setting is put back on every way out.

    Parameters
    ----------
    rate
        Looks at the GIL per second, 1 to 50000; the time between two is random, so that nothing keeps step with them.
        None: 1000, or as many as 0.3 % of the usable CPUs can pay for.
    ledger
        Whether to write down every release as well.
    waits
        Whether to write down every wait for the GIL as well, where that can be; the circumstances say why not.
    limit
        How many rows each ledger holds; more are counted as dropped.

    Yields
    ------
    gilscope.scope.recording.Recording
        Empty until the block has ended.

    Raises
    ------
    RecordingError
        A recording runs already in this process, or this platform has no means to make one.
    ValueError
        The rate or the limit makes no sense.
    """
    if reason := missing():
        raise RecordingError(f"this installation has no instrument to record with: {reason}")
    sampler, book, log = (import_module(f"gilscope.scope.{name}") for name in ("_sampler", "_ledger", "_waits"))
    recording = Recording()
    waits_missing = learn() if waits else "not asked for"
    try:
        sampler.start(rate or RATE, TICKS, 0.0 if rate else BUDGET * usable_cpus())
    except RuntimeError as error:
        raise RecordingError(str(error)) from error
    releases: Kept = {"threads": [], "started": 0, "ended": 0, "slots": 0}
    passed: Log | None = None
    with threads.names() as names:
        atexit.register(_stop, log, book, sampler)
        try:
            if ledger:
                with suppress(NotImplementedError):  # no ELF: the looks stand alone
                    book.start(limit)
            if waits_missing is None:
                log.start(limit, book.HERE)
            recording.circumstances = _circumstances(rate or RATE, sampler.INTERNALS, book.active(), waits_missing)
            yield recording
        finally:
            atexit.unregister(_stop)
            if log.active():
                passed = log.stop()
            if book.active():
                releases = book.stop()
            looks = sampler.stop()
    recording.capture = captured(looks, releases, passed, names)


def _stop(*instruments: ModuleType) -> None:
    """The interpreter ends inside the block: nothing may look at it any more."""
    for instrument in instruments:
        if instrument.active():
            instrument.stop()


def _circumstances(rate: float, internals: bool, ledger: bool, waits_missing: str | None) -> Circumstances:
    return Circumstances(
        python=sys.version.split()[0],
        gil=gil_enabled(),
        switch_interval=sys.getswitchinterval(),
        rate=rate,
        internals=internals,
        ledger=ledger,
        waits=waits_missing is None,
        waits_missing=waits_missing,
    )
