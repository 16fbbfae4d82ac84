"""Recordings in the JSON Trace Event Format, which Perfetto and speedscope read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gilscope.results.codec import Json, encode_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEvent:
    """One event: a stretch of time on a thread ("X"), or the name of a thread or process ("M")."""

    ph: Literal["X", "M"]
    name: str
    pid: int = 1
    tid: int | None = None
    cat: Literal["state", "ledger"] | None = None
    ts: float | None = None
    """Microseconds from the start."""
    dur: float | None = None
    """Microseconds."""
    args: Mapping[str, str | float] | None = None

    def to_json(self) -> Json:
        return {name: value for name, value in encode_fields(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Trace:
    """What a trace file holds."""

    events: tuple[TraceEvent, ...]
    other: Mapping[str, str | float | bool] = field(default_factory=dict)
    """Circumstances, for a reader of the file."""

    def to_json(self) -> Json:
        events = [event.to_json() for event in self.events]
        return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": dict(self.other)}
