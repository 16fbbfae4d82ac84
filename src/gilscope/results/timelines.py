"""The recordings behind the report's timelines: the states of one cell's workers over time."""

from collections.abc import Sequence
from dataclasses import dataclass

from gilscope.results.codec import FormatError, Json, decode
from gilscope.results.states import BY_LABEL, State


@dataclass(frozen=True, slots=True)
class Stretch:
    """A thread in one state for a while. Start and length are in ms; the timeline starts at 0."""

    start: float
    length: float
    state: State

    @property
    def end(self) -> float:
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Track:
    """One thread of a timeline. Time in which it was off the CPU is left out."""

    name: str
    stretches: tuple[Stretch, ...]

    def spent(self) -> dict[State, float]:
        """Milliseconds by state, in the order in which the states first occur."""
        spent: dict[State, float] = {}
        for stretch in self.stretches:
            spent[stretch.state] = spent.get(stretch.state, 0.0) + stretch.length
        return spent


@dataclass(frozen=True, slots=True)
class Tracks:
    """Threads as they were recorded together."""

    tracks: tuple[Track, ...] = ()
    gil: bool = True
    """Whether the interpreter had a GIL."""

    def to_json(self) -> Json:
        return tracks_to_json(self.tracks, self.gil)

    @classmethod
    def from_json(cls, value: Json, where: str) -> "Tracks":
        if isinstance(value, dict):  # up to version 3 of the results, spans by the thread's name
            value = [{"name": name, "spans": spans} for name, spans in value.items()]
        return cls(*tracks_from_json(value, where))


@dataclass(frozen=True, slots=True)
class Timeline:
    """Workers that make `calls` calls of one cell each, at the same time."""

    kernel: str
    implementation: str
    policy: str
    calls: int
    milliseconds: float
    """From the first worker's start to the last one's end."""
    tracks: tuple[Track, ...]
    gil: bool = True
    """Whether the interpreter had a GIL."""

    def to_json(self) -> Json:
        return {
            "kernel": self.kernel,
            "implementation": self.implementation,
            "policy": self.policy,
            "calls": self.calls,
            "milliseconds": self.milliseconds,
            "lanes": tracks_to_json(self.tracks, self.gil),
        }

    @classmethod
    def from_json(cls, value: Json, where: str) -> "Timeline":
        head = decode(_Head, value, where)
        tracks, gil = tracks_from_json(value.get("lanes"), f"{where}.lanes")
        return cls(head.kernel, head.implementation, head.policy, head.calls, head.milliseconds, tracks, gil)


@dataclass(frozen=True, slots=True)
class _Head:
    kernel: str
    implementation: str
    policy: str
    calls: int
    milliseconds: float


def tracks_to_json(tracks: Sequence[Track], gil: bool) -> Json:
    """Each stretch as [start, length, state in words], which a reader of the file understands."""
    return [
        {"name": track.name, "spans": [[s.start, s.length, s.state.label(gil)] for s in track.stretches]}
        for track in tracks
    ]


def tracks_from_json(value: Json, where: str) -> tuple[tuple[Track, ...], bool]:
    """The tracks, and whether their words are those of an interpreter with a GIL."""
    lanes = decode(tuple[_Lane, ...], value, where)
    words = {word for lane in lanes for _, _, word in lane.spans}
    if strange := sorted(words - BY_LABEL.keys()):
        raise FormatError(f"{where}: {strange[0]!r} is no state of a thread")
    tracks = tuple(
        Track(lane.name, tuple(Stretch(start, length, BY_LABEL[word]) for start, length, word in lane.spans))
        for lane in lanes
    )
    return tracks, not words & {"attached", "detached", "waiting", "attached, off the CPU"}


@dataclass(frozen=True, slots=True)
class _Lane:
    name: str
    spans: tuple[tuple[float, float, str], ...]
