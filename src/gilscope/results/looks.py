"""Measurements of one function: by one caller (a look), and by several at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gilscope.results import verdicts
from gilscope.results.codec import Json, encode_fields
from gilscope.results.verdicts import ProbeVerdict
from gilscope.stats import Interval

_BUILD_TAGS = (".cpython", ".pypy", ".abi")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in compiled code: library, function, and the source line if debug information has it."""

    library: str
    symbol: str
    offset: int
    """Bytes from the library's start."""
    line: str | None = None

    def __str__(self) -> str:
        library = Path(self.library).name
        for tag in _BUILD_TAGS:  # zlib.cpython-311-x86_64-linux-gnu.so is zlib.so to everybody
            head, tagged, tail = library.partition(tag)
            library = head + tail[tail.find(".") :] if tagged else library
        return f"{library}: {self.symbol}" + (f" ({self.line})" if self.line else "")


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Three quantiles of durations; all 0 if there are none."""

    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the code that released or took the GIL in a recording.

    Attributes
    ----------
    kind
        "release"; "take", by a thread that was not attached, or inside a release; or "swap" of one thread state for
        another.
    place
        The library, the function, and the source line if debug information has it.
    count
        How often.
    released_seconds
        Total time without the GIL; for a take, with it.
    wait_seconds
        Quantiles of the wait until it had the GIL back.
    """

    kind: Literal["release", "take", "swap"]
    place: Place
    count: int
    released_seconds: float
    wait_seconds: Quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A function as one caller measures it: whether it releases the GIL, and for which share of a call."""

    target: str = ""
    oracle: bool | None
    """Whether the GIL was released at least once; None where there is no GIL."""
    call_ns: float
    """Nanoseconds of the fastest call."""
    batch: int
    """Calls in a sample."""
    released_share: Interval
    """The share of a call without the GIL, 0 to 1: median over the calls with its 95 % interval."""
    share_from: Literal["ledger", "sampler"]
    """"ledger" (exact), or "sampler" if the ledger cannot see into the code (statically linked)."""
    longest_hold_ms: float
    """The longest hold in all calls. Other programs may have prolonged it."""
    usual_hold_ms: float
    """The median over the calls of each call's longest hold."""
    releases_per_call: float | None
    """None without a ledger."""
    sites: tuple[Site, ...] = ()

    @property
    def call_ms(self) -> float:
        return self.call_ns / 1e6

    @property
    def verdict(self) -> ProbeVerdict:
        return self._verdict_and_reason()[0]

    @property
    def reason(self) -> str:
        return self._verdict_and_reason()[1]

    def _verdict_and_reason(self) -> tuple[ProbeVerdict, str]:
        return verdicts.of_call(self.oracle, self.released_share, self.releases_per_call, self.call_ns)

    def to_json(self) -> Json:
        return {"verdict": self.verdict, "reason": self.reason} | encode_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """A function as several callers at once measure it, and its effect on other threads."""

    speedup: Interval
    """Work of all callers over that of one."""
    ceiling: Interval
    """The speed-up of plain C threads on this machine at this moment."""
    cpus_alone: float
    """CPUs that one caller keeps busy on average; over 1 if the function has its own threads."""
    cpus_together: float
    """CPUs that all callers keep busy."""
    bystander_share: Interval
    """The speed of a pure Python thread while another one calls the function, as a share of its speed alone."""
    loop_freeze_ms: float
    """The longest gap in an asyncio loop's heartbeat while `asyncio.to_thread` calls the function."""
