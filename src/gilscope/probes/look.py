"""One caller: the oracle and a recording tell whether a function releases the GIL, and for how much of a call."""

import math
import threading
import time
from dataclasses import dataclass

import numpy as np

from gilscope.host import gil_enabled
from gilscope.probes.shares import longest_holds, released_share, releases_per_call
from gilscope.probes.target import ProbeError, Target
from gilscope.results.looks import Look
from gilscope.scope import states as st
from gilscope.scope.oracle import releases
from gilscope.scope.recording import Recording, record
from gilscope.scope.sites import sites

BATCH_NS = 2_000_000
"""Calls shorter than this are made several at a time, so that a sample is worth timing."""
ORACLE_NS = 100_000_000
"""The oracle asks for so long, or for one call: on a busy machine another thread can be late to run."""
RATE = 5_000.0
"""Looks per second."""
THREAD = "gilscope-probe"
"""The name of the thread that calls."""


@dataclass(frozen=True, slots=True)
class Calls:
    """A recording of one thread that calls and calls."""

    recording: Recording
    times: st.Array
    """Starts and ends of the batches in monotonic ns, shape (n, 2)."""
    index: int
    """The thread's lane."""


def look_at(target: Target, seconds: float) -> tuple[Look, Recording]:
    """Looks at a target, and returns the recording, too, that the look's figures come from.

    Parameters
    ----------
    target
        What to call.
    seconds
        About how long to record; a call that takes longer than that makes it longer.

    Raises
    ------
    ProbeError
        As for `gilscope.look`.
    """
    call_ns = target.warm_up()
    batch = max(1, math.ceil(BATCH_NS / call_ns))
    attempts = math.ceil(ORACLE_NS / (call_ns * batch))
    oracle = releases(target, batch, attempts=attempts) if gil_enabled() else None
    calls = _record(target, batch, seconds)
    recording, times, index = calls.recording, calls.times, calls.index
    share, share_from = released_share(recording, index, times)
    holds = longest_holds(recording, index, times, batch)
    look = Look(
        target=target.name,
        oracle=oracle,
        call_ns=call_ns,
        batch=batch,
        released_share=share,
        share_from=share_from,
        longest_hold_ms=holds.longest,
        usual_hold_ms=holds.usual,
        releases_per_call=releases_per_call(recording, index, times, batch),
        sites=tuple(sites([recording.lanes[index]])),
    )
    return look, recording


def _record(target: Target, batch: int, seconds: float) -> Calls:
    """At least three batches, unless the first ones take more than twice the time."""
    times: list[tuple[int, int]] = []
    errors: list[BaseException] = []

    def work() -> None:
        now = time.perf_counter_ns()
        end, late = now + int(seconds * 1e9), now + int(2e9 * max(seconds, 0.5))
        try:
            while now < end or (len(times) < 3 and now < late):
                started = time.perf_counter_ns()
                target(batch)
                now = time.perf_counter_ns()
                times.append((started, now))
        except BaseException as error:
            errors.append(error)

    with record(rate=RATE) as recording:
        thread = threading.Thread(target=work, name=THREAD)
        thread.start()
        thread.join()
    if errors:
        raise errors[0]
    for index, lane in enumerate(recording.lanes):
        if lane.name == THREAD and len(lane.states):
            return Calls(recording, np.asarray(times, np.int64), index)
    raise ProbeError(f"{target.name} ran for {seconds:g} s and no look fell into it: the machine is too busy")
