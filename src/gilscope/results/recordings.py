"""A recording as a document: its figures, and every thread's states over time.

The file is a JSON object of the format "gilscope.recording", version 1. Times of spans are in ns from the recording's
start.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gilscope.results import files
from gilscope.results.codec import Json, decode, decode_fields, encode_fields
from gilscope.results.looks import Place, Quantiles, Site
from gilscope.results.states import State

FORMAT, VERSION = "gilscope.recording", 1

Cause = Literal["hand-off", "slice", "short hold", "long hold", "no core", "several"]
CAUSES: Mapping[Cause, str] = {
    "hand-off": "the thread that waited only had to wake up",
    "slice": "the holder ran bytecode, and gave way after its switch interval",
    "short hold": "the holder released the GIL by itself, before it was asked to or soon after",
    "long hold": "the holder was inside one C call, which did not hear the request",
    "no core": "the holder had the GIL and no core to run on",
    "several": "several threads had the GIL in turn before",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The circumstances of a recording."""

    python: str = ""
    """The interpreter's version."""
    gil: bool = True
    """Whether it had a GIL."""
    switch_interval: float = 0.005
    """Seconds."""
    rate: float = 1000.0
    """The requested number of ticks per second."""
    internals: bool = False
    """Whether the sampler can read this interpreter's GIL."""
    ledger: bool = False
    """Whether the ledger recorded every release."""
    waits: bool = False
    """Whether the wait ledger recorded every wait for the GIL."""
    waits_missing: str | None = None
    """Why it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A recording in a dozen figures."""

    seconds: float
    looks: int
    threads: int
    holding: float | None
    """The share of ticks at which a thread held the GIL, 0 to 1; None without a GIL or a tick."""
    limit: float | None
    """The speed-up that this share allows on any number of threads, 1 / holding."""
    handoffs: int | None
    """By the interpreter's own counter; None without a GIL."""
    longest_hold_ms: float
    longest_holder: str | None
    """The lane of the longest hold."""
    releases: int
    """By the ledger."""
    wait_ms: Quantiles
    """Waits for the GIL, by the wait ledger; without it, what every release waited to come back."""
    dropped: int
    """Ticks, events and turns that did not fit."""
    late_share: float
    """The share of ticks that came more than one interval late."""
    side_by_side: float | None = None
    """While at least two threads wanted to run, how many of them the GIL did not stop: 1 where they take turns. None
    without the wait ledger, or where no two did."""
    handoff_ms: Quantiles = field(default_factory=Quantiles)
    """From when the GIL was free, or asked for, until a thread that waited had it; by the wait ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneShares:
    """How one thread spent the recording."""

    lane: str
    native_id: int
    cpu_seconds: float
    shares: Mapping[State, float]
    """The share of the recording in each state, 0 to 1. The rest is time before the thread began or after it ended."""
    events: int = 0
    """Rows of its ledger."""
    gil: bool = True
    """Whether the interpreter had a GIL."""

    @property
    def busy(self) -> bool:
        """Whether it did anything but sleep."""
        return self.events > 0 or any(share > 0 for state, share in self.shares.items() if state is not State.OFF)

    def to_json(self) -> Json:
        """The shares by the states' words, beside the other fields."""
        head = {"lane": self.lane, "native_id": self.native_id, "cpu_seconds": self.cpu_seconds}
        shares = {state.label(self.gil): self.shares.get(state, 0.0) for state in State}
        return head | shares | {"events": self.events}

    @classmethod
    def from_json(cls, value: Json, where: str) -> "LaneShares":
        head = decode_fields(_LaneHead, value, where)
        gil = State.HOLDS.label(gil=False) not in value
        words = {state: state.label(gil) for state in State}
        shares = {state: decode(float, value.get(word, 0.0), f"{where}.{word}") for state, word in words.items()}
        return cls(
            lane=head.lane,
            native_id=head.native_id,
            cpu_seconds=head.cpu_seconds,
            shares=shares,
            events=head.events,
            gil=gil,
        )


@dataclass(frozen=True, slots=True)
class _LaneHead:
    lane: str
    native_id: int
    cpu_seconds: float
    events: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """What one thread had the GIL for while another waited; several holds of the same kind are one."""

    holder: str
    cause: Cause
    seconds: float
    times: int
    site: Place | None = None
    """Where it released the GIL by itself."""


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait for the GIL, and what it is blamed on.

    Attributes
    ----------
    lane
        The thread that waited.
    start
        Seconds from the recording's start.
    seconds
        How long it waited.
    holder
        The lane that had the GIL for most of the wait; None where that is not known.
    cause
        One of `CAUSES`.
    site
        Where the holder released the GIL in the end, if it did so by itself: the call that it was in.
    behind
        By the wait ledger: all that had the GIL meanwhile, the longest first.
    free_seconds
        By the wait ledger: how long nobody had it.
    forced
        Whether the evaluation loop had forced the thread off the GIL.
    """

    lane: str
    start: float
    seconds: float
    holder: str | None
    cause: Cause
    site: Place | None
    behind: tuple[Hold, ...] = ()
    free_seconds: float = 0.0
    forced: bool = False


@dataclass(frozen=True, slots=True)
class LaneSpans:
    """A thread's states one after another."""

    name: str
    native_id: int
    spans: tuple[tuple[int, int, State], ...]
    """Start and end in ns from the recording's start, and the state between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingDocument:
    """A recording as a file holds it. `gilscope.results.recordings.load` reads it back."""

    circumstances: Circumstances
    summary: Summary
    states: tuple[LaneShares, ...]
    sites: tuple[Site, ...]
    waits: tuple[Wait, ...]
    lanes: tuple[LaneSpans, ...]

    def to_json(self) -> Json:
        return {"format": FORMAT, "version": VERSION} | encode_fields(self)

    @classmethod
    def from_json(cls, value: Json, where: str) -> "RecordingDocument":
        files.check_format(value, where, FORMAT, (VERSION,), "Recording.to_json()")
        return decode_fields(cls, value, where)


def load(path: str | os.PathLike[str]) -> RecordingDocument:
    """Read a file that `Recording.to_json(path)` wrote.

    Raises
    ------
    FormatError
        The file is something else, or damaged; the message says where, in one line.
    """
    return RecordingDocument.from_json(files.read(path), str(path))
