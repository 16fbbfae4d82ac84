"""One function under the scope: does it release the GIL, for how much of its time, and what is that worth?

    gilscope.probe(zlib.compress, bytes(1 << 22)).verdict     # "releases"

Five short measurements, each with what it alone can tell:

    oracle      whether it lets go at all: a yes or no that no noise can turn
    recording   for how much of a call, how often, where in the code, and the longest hold (sampler and ledger)
    speed-up    N threads over one, beside N plain C threads: what the machine can give at this moment
    bystander   what a pure Python thread keeps of its own speed while another one calls the function
    event loop  the longest gap in an asyncio loop's heartbeat while `asyncio.to_thread` calls the function
"""

import asyncio
import math
import os
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from gilscope.kernels import load
from gilscope.measure.calibrate import calls_for
from gilscope.measure.environment import usable_cpus
from gilscope.measure.stats import Interval, Scaling, median_interval
from gilscope.pools import Pool, Serial, Threads
from gilscope.scope import states as st
from gilscope.scope.oracle import gil_enabled, releases
from gilscope.scope.recording import Recording, Site, record
from gilscope.variants import native

Verdict = Literal["releases", "holds", "partly", "too short to tell", "inconclusive"]

RELEASES_FROM = 0.75
"""Of a call: from this share without the GIL on, a function releases; below, it does so partly."""
HOLDS_BELOW = 0.02
SHORT_NS = 20_000
"""A call shorter than this in which nothing was seen may have let go for too short a time to be seen."""
BATCH_NS = 2_000_000
"""Calls shorter than this are made several at a time, so that a sample is worth timing."""
ORACLE_NS = 100_000_000
"""For so long the oracle asks, or for one call: on a busy machine another thread can be late to run."""
LONG_NS = 500_000_000
"""A call longer than this is made no oftener than it must."""
RATE = 5_000.0


class ProbeError(RuntimeError):
    """The function could not be probed: what it did instead, in one line."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found. Shares are parts of a call, 0 to 1; times are in the units that the names say."""

    target: str
    verdict: Verdict
    reason: str
    oracle: bool | None
    """Whether the GIL was let go at least once; None where there is no GIL."""
    call_ms: float
    released_share: Interval
    """Of a call, without the GIL: median over the calls with its 95 % interval."""
    share_from: str
    """"ledger", exact, or "sampler" where the ledger can not see into the code (an interpreter of one piece)."""
    longest_hold_ms: float
    """Of all calls; somebody else's work may have stretched it."""
    usual_hold_ms: float
    """The longest hold of a call, in the median over the calls."""
    releases_per_call: float | None
    """None without a ledger."""
    threads: int
    speedup: Interval
    ceiling: Interval
    """What plain C threads gain on this machine at this moment."""
    cpus_alone: float
    """That one caller keeps busy on average: over 1 where the function has threads of its own."""
    cpus_together: float
    """That `threads` callers keep busy."""
    bystander_share: Interval
    loop_freeze_ms: float
    sites: Sequence[Site]
    advice: Sequence[str]
    recording: Recording = field(repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        return _plain(self) | {"advice": list(self.advice)}


def probe(
    function: Callable[..., Any],
    *arguments: Any,
    threads: int = 2,
    seconds: float = 2.0,
    name: str | None = None,
    **keywords: Any,
) -> Probe:
    """Probes function(*arguments, **keywords), called many times and from several threads at once.

    threads: how many, for the speed-up. seconds: about how long it all takes; a call that takes longer than a tenth
    of it makes it longer. name: what to call the function in what is said about it.

    ProbeError if the function raises, returns in a forked child, or returns a coroutine or generator: nothing of that
    has run. What it prints, it prints.
    """
    *_, found = halves(_target(function, arguments, keywords, name), threads, seconds)
    assert isinstance(found, Probe)
    return found


def halves(target: "Target", threads: int, seconds: float) -> "Iterator[Look | Probe]":
    """A probe in two steps: what needs one caller, as soon as there is that much, and then the whole."""
    if threads < 2:
        raise ValueError(f"a speed-up needs at least 2 threads, not {threads}")
    seen = _look(target, seconds * 0.3)
    yield seen
    long = seen.call_ns > LONG_NS
    together = _speedup(target, seen.batch, threads, seconds * 0.3, rounds=2 if long else 4)
    found = Probe(
        target=target.name,
        verdict=seen.verdict,
        reason=seen.reason,
        oracle=seen.oracle,
        call_ms=seen.call_ns / 1e6,
        released_share=seen.released_share,
        share_from=seen.share_from,
        longest_hold_ms=seen.longest_hold_ms,
        usual_hold_ms=seen.usual_hold_ms,
        releases_per_call=seen.releases_per_call,
        threads=threads,
        speedup=together.speedup,
        ceiling=together.ceiling,
        cpus_alone=together.cpus_alone,
        cpus_together=together.cpus_together,
        bystander_share=_bystander(target, seen.batch, seconds * 0.2, turns=2 if long else 4),
        loop_freeze_ms=asyncio.run(_freeze(target, seen.batch, seconds * 0.1)),
        sites=seen.sites,
        advice=(),
        recording=seen.recording,
    )
    yield replace(found, advice=tuple(advice(found, usable_cpus())))


@dataclass(frozen=True, slots=True)
class Look:
    """What the oracle and a recording say of a function: whether it releases, and for how much of a call.

    The fields are Probe's; call_ns: of the fastest call; batch: calls in a sample.
    """

    verdict: Verdict
    reason: str
    oracle: bool | None
    call_ns: float
    batch: int
    released_share: Interval
    share_from: str
    longest_hold_ms: float
    usual_hold_ms: float
    releases_per_call: float | None
    sites: Sequence[Site]
    recording: Recording = field(repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


def look(
    function: Callable[..., Any], *arguments: Any, seconds: float = 0.6, name: str | None = None, **keywords: Any
) -> Look:
    """The first half of a probe, which needs no second core: the oracle, and a recording of about `seconds`.

    ProbeError as for probe().
    """
    return _look(_target(function, arguments, keywords, name), seconds)


def _plain(found: "Probe | Look") -> dict[str, Any]:
    """Plain values of all but the recording."""
    made = {each: getattr(found, each) for each in found.__slots__ if each not in ("recording", "sites")}
    intervals = {each: value.to_json() for each, value in made.items() if isinstance(value, Interval)}
    return made | intervals | {"sites": [asdict(site) for site in found.sites]}


def _target(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any], name: str | None
) -> "Target":
    return Target(function, arguments, keywords, name or str(getattr(function, "__qualname__", function)))


def _look(target: "Target", seconds: float) -> Look:
    call_ns = target.warm_up()
    batch = max(1, math.ceil(BATCH_NS / call_ns))
    attempts = math.ceil(ORACLE_NS / (call_ns * batch))
    oracle = releases(target, batch, attempts=attempts) if gil_enabled() else None
    recording, calls, index = _record(target, batch, seconds)
    lane = recording.lanes[index]
    share, source = _share(recording, lane, calls)
    hold = _longest_holds(recording, index, calls, batch)
    per_call = None
    if recording.circumstances["ledger"]:
        per_call = len(_inside(st.releases(lane.events), calls)) / (len(calls) * batch)
    verdict, reason = judge(oracle, share, per_call, call_ns)
    return Look(
        verdict=verdict,
        reason=reason,
        oracle=oracle,
        call_ns=call_ns,
        batch=batch,
        released_share=share,
        share_from=source,
        longest_hold_ms=hold.high,
        usual_hold_ms=hold.median,
        releases_per_call=per_call,
        sites=_sites_of(recording, lane),
        recording=recording,
    )


_THREAD = "gilscope-probe"


LAZY: dict[type, str] = {
    types.CoroutineType: "a coroutine, as for asyncio.run()",
    types.GeneratorType: "a generator, as for list()",
    types.AsyncGeneratorType: "an asynchronous generator",
}
"""What a call returns instead of doing its work."""


class Target:
    """The function with its arguments. Counts nothing, catches nothing: only names what went wrong."""

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any], name: str
    ) -> None:
        self.function, self.arguments, self.keywords, self.name = function, arguments, keywords, name
        self.process = os.getpid()

    def __call__(self, calls: int = 1) -> None:
        function, arguments, keywords = self.function, self.arguments, self.keywords
        try:
            for _ in range(calls):
                function(*arguments, **keywords)
        except Exception as error:
            raise ProbeError(f"{self.name} raised {type(error).__name__}: {error}") from error
        if os.getpid() != self.process:
            os._exit(0)  # a forked child came back from the call: it must not go on measuring

    def _first(self) -> None:
        """A call that tells whether the function does its work."""
        results: list[Any] = []
        Target(lambda: results.append(self.function(*self.arguments, **self.keywords)), (), {}, self.name)()
        result = results.pop()
        if isinstance(result, types.CoroutineType):
            result.close()  # nobody is to be told that it was never awaited
        if what := LAZY.get(type(result)):
            raise ProbeError(f"{self.name} returned {what}, and nothing of it ran: probe a call that runs it")

    def warm_up(self) -> float:
        """Nanoseconds of a call, by the fastest of a few after the first."""
        best = math.inf
        spent, attempts = 0.0, 0
        while attempts < 2 or (spent < 2e7 and attempts < 1000):
            started = time.perf_counter_ns()
            if attempts == 0:
                self._first()
            else:
                self()
            elapsed = time.perf_counter_ns() - started
            best = min(best, elapsed)
            spent, attempts = spent + elapsed, attempts + 1
            if spent > 5e8:
                break
        return max(best, 1.0)


def _record(target: Target, batch: int, seconds: float) -> tuple[Recording, st.Array, int]:
    """A recording of one thread that calls and calls; the batches' starts and ends, one a row, in monotonic ns; and
    which lane is the thread's."""
    calls: list[tuple[int, int]] = []
    errors: list[BaseException] = []

    def work() -> None:
        now = time.perf_counter_ns()
        end, late = now + int(seconds * 1e9), now + int(2e9 * max(seconds, 0.5))
        try:
            while now < end or (len(calls) < 3 and now < late):
                started = time.perf_counter_ns()
                target(batch)
                now = time.perf_counter_ns()
                calls.append((started, now))
        except BaseException as error:
            errors.append(error)

    with record(rate=RATE) as recording:
        thread = threading.Thread(target=work, name=_THREAD)
        thread.start()
        thread.join()
    if errors:
        raise errors[0]
    seen = [index for index, lane in enumerate(recording.lanes) if lane.name == _THREAD and len(lane.states)]
    if not seen:
        raise ProbeError(f"{target.name} ran for {seconds:g} s and was not looked at once: the machine is too busy")
    return recording, np.asarray(calls, np.int64), seen[0]


def thread_share(recording: Recording, native_id: int, calls: st.Array) -> tuple[Interval, Interval]:
    """The part of these intervals (n, 2; monotonic ns) that a thread was without the GIL; its longest holds in ms."""
    index = next(i for i, lane in enumerate(recording.lanes) if lane.native_id == native_id)
    share, _ = _share(recording, recording.lanes[index], calls)
    return share, _longest_holds(recording, index, calls, 1)


def _inside(events: st.Array, calls: st.Array) -> st.Array:
    inside: st.Array = events[(events["released"] >= calls[0, 0]) & (events["released"] < calls[-1, 1])]
    return inside


def _share(recording: Recording, lane: st.Lane, calls: st.Array) -> tuple[Interval, str]:
    """The part of a call without the GIL, and who says so."""
    by_ledger = _by_ledger(lane, calls)
    by_sampler = _by_sampler(recording, lane, calls)
    if by_sampler is None:
        return by_ledger, "ledger"
    # The ledger is exact in what it sees; what the looks find far beyond it was released out of its sight.
    if recording.circumstances["ledger"] and by_ledger.median >= by_sampler.low - 0.05:
        return by_ledger, "ledger"
    return by_sampler, "sampler"


def _by_ledger(lane: st.Lane, calls: st.Array) -> Interval:
    """Released time of each call, exactly, over its own time: waits for the GIL count for nobody."""
    events = _inside(st.releases(lane.events), calls)
    index = np.searchsorted(calls[:, 0], events["released"], side="right") - 1
    released = np.bincount(index, weights=events["wanted"] - events["released"], minlength=len(calls))
    waited = np.bincount(index, weights=events["got"] - events["wanted"], minlength=len(calls))
    # A take inside a release is time with the GIL.
    takes = lane.events[(lane.events["kind"] == st.TAKE) & (lane.events["got"] > calls[0, 0])]
    takes = takes[takes["got"] < calls[-1, 1]]
    index = np.searchsorted(calls[:, 0], takes["got"], side="right") - 1
    released -= np.bincount(index, weights=takes["released"] - takes["wanted"], minlength=len(calls))
    spent = np.maximum(calls[:, 1] - calls[:, 0] - waited, 1)
    return median_interval(np.clip(released / spent, 0, 1).tolist())


def _by_sampler(recording: Recording, lane: st.Lane, calls: st.Array) -> Interval | None:
    """Looks that found the thread inside a call and without the GIL; the interval from twenty stretches of time."""
    times = recording.ticks["time"][lane.first : lane.first + len(lane.states)]
    index = np.searchsorted(calls[:, 0], times, side="right") - 1
    inside = (index >= 0) & (times < calls[np.maximum(index, 0), 1])
    seen = lane.states[inside]
    if len(seen) < 40 or not recording.circumstances["internals"]:
        return None
    without = np.isin(seen, (st.RELEASED, st.OFF, st.WAITS_CORE))
    return median_interval([float(part.mean()) for part in np.array_split(without, 20)])


def _longest_holds(recording: Recording, index: int, calls: st.Array, batch: int) -> Interval:
    """ms: the longest hold within a call, of the lane of this index: as a rule (the median over the batches of calls),
    and the most and the least. A hold that spans several calls counts as long as one of them."""
    pieces = st.holds(index, recording.lanes[index], recording.ticks, recording.ended)
    longest = []
    for start, end in calls.tolist():
        overlap = np.minimum(pieces[:, 1], end) - np.maximum(pieces[:, 0], start) if len(pieces) else np.zeros(1)
        longest.append(min(max(float(overlap.max()), 0.0), (end - start) / batch) / 1e6)
    return Interval(float(np.median(longest)), min(longest), max(longest))


def _sites_of(recording: Recording, lane: st.Lane) -> list[Site]:
    """The sites of the probed thread alone."""
    alone = Recording()
    alone.lanes = [lane]
    return alone.sites()


@dataclass(frozen=True, slots=True)
class _Together:
    """The fields of Probe that tell of several callers at once."""

    speedup: Interval
    ceiling: Interval
    cpus_alone: float
    cpus_together: float


def _speedup(target: Target, batch: int, threads: int, seconds: float, rounds: int) -> _Together:
    """N threads over one, and N plain C threads over one; interleaved rounds, at least so many."""
    spin = load()["spin"]
    run: Callable[[list[tuple[Any, ...]], int], float] = native(spin, "capi").ceiling
    jobs = [spin.inputs(spin.sizes["small"], seed) for seed in range(threads)]
    sample = max(0.01, min(0.05, seconds / 20))
    calls = calls_for(run(jobs[:1], 1), sample)
    one: list[float] = []
    many: list[float] = []
    plain_one: list[float] = []
    plain_many: list[float] = []
    cpu = {1: 0.0, threads: 0.0}

    def round_of(pool: Pool) -> float:
        before = time.process_time()
        elapsed = pool.round(target, [(batch,)] * pool.workers, batches)
        cpu[pool.workers] += time.process_time() - before
        return elapsed

    end = time.perf_counter() + seconds
    with Threads(threads) as pool:
        batches = calls_for(Serial().round(target, [(batch,)], 1), sample)
        while len(one) < rounds or (time.perf_counter() < end and len(one) < 50):
            plain_one.append(run(jobs[:1], calls))
            plain_many.append(run(jobs, calls))
            one.append(round_of(Serial()))
            many.append(round_of(pool))
    return _Together(
        speedup=Scaling(one, many, threads).speedup(),
        ceiling=Scaling(plain_one, plain_many, threads).speedup(),
        cpus_alone=cpu[1] / sum(one),
        cpus_together=cpu[threads] / sum(many),
    )


def _bystander(target: Target, batch: int, seconds: float, turns: int) -> Interval:
    """What a counting Python thread keeps of its own speed beside a thread that calls: medians of interleaved turns."""
    turn = max(seconds / 2 / turns, 0.02)
    shares = []
    for _ in range(turns):
        alone = _count(turn)
        with _calling(target, batch):
            beside = _count(turn)
        shares.append(beside / alone)
    return median_interval(shares)


def _count(seconds: float) -> float:
    """Rounds of a Python loop in a second of wall time."""
    started = now = time.perf_counter()
    rounds = 0
    while now - started < seconds:
        for _ in range(100):
            pass
        rounds += 1
        now = time.perf_counter()
    return rounds / (now - started)


@contextmanager
def _calling(target: Target, batch: int) -> Iterator[None]:
    """A thread that calls and calls as long as the block runs."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                target(batch)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name=_THREAD)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if errors:
        raise errors[0]


async def _freeze(target: Target, batch: int, seconds: float) -> float:
    """ms: the longest gap beyond the 1 ms beat of an event loop whose `to_thread` calls the function, one at a time."""
    gaps: list[float] = []

    async def beat() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - last - 0.001)
            last = now

    heart = asyncio.create_task(beat())
    await asyncio.sleep(0.005)
    gaps.clear()
    calls, end = max(1, batch // 100), time.perf_counter() + seconds
    for _ in range(3):
        await asyncio.to_thread(target, calls)
        if time.perf_counter() > end:
            break
    await asyncio.sleep(0.002)
    heart.cancel()
    return max(gaps, default=0.0) * 1e3


def judge(oracle: bool | None, share: Interval, per_call: float | None, call_ns: float) -> tuple[Verdict, str]:
    """The verdict and its reason, from what was found.

    oracle: None without a GIL. share: of a call, released. per_call: releases, None without a ledger. call_ns: of one.
    """
    seen = bool(oracle) or bool(per_call)
    part = f"{share.median:.1%} of a call is without the GIL"
    if not seen and call_ns < SHORT_NS and share.high < 0.5:
        return "too short to tell", f"a call takes {call_ns / 1e3:.2g} us, too little to see a release in"
    if oracle is False and not per_call:
        return "holds", "no call let any other thread run"
    if share.high < HOLDS_BELOW:
        return "holds", f"it lets go, but only for {share.median:.2%} of a call"
    if share.low >= RELEASES_FROM:
        return "releases", part
    if share.high < RELEASES_FROM and share.low >= HOLDS_BELOW:
        return "partly", part
    return "inconclusive", f"between {share.low:.0%} and {share.high:.0%} of a call is without the GIL"


FREE_FROM = 1.5
"""Of what plain C threads gain: below it, the machine is too busy or too small to tell."""
OWN_THREADS_FROM = 1.3
"""CPUs that one caller keeps busy."""
ASLEEP_BELOW = 0.7
"""Of the CPUs that callers could keep busy, each on its own."""


def _what_stops(found: Probe) -> str:
    """Why callers that release gain nothing by being many, told from the CPU time that they take."""
    if found.cpus_alone > OWN_THREADS_FROM:
        return (
            f"one call keeps {found.cpus_alone:.1f} CPUs busy by itself, so several oversubscribe them: limit its own "
            "threads to one (threadpoolctl, OMP_NUM_THREADS=1), or call it from one thread"
        )
    if found.cpus_alone < ASLEEP_BELOW:
        return f"a call is off the CPU for {1 - found.cpus_alone:.0%} of its time, waiting for I/O or another process"
    if found.cpus_together < ASLEEP_BELOW * found.threads * found.cpus_alone:
        return (
            f"together they keep only {found.cpus_together:.1f} CPUs busy, so they wait for each other: a lock inside, "
            "or an object that they share; give each thread its own"
        )
    return (
        f"they keep {found.cpus_together:.1f} CPUs busy and wait for memory: its bandwidth, or a cache line that they "
        "all write; work on smaller blocks, on private copies"
    )


PAIR_NS = 50.0
"""A release and its re-take that nobody contends: measured by benchmarks/thresholds.py. Printed advice says "about"."""
OFTEN_NS = 20 * PAIR_NS


def advice(found: Probe, cpus: float) -> Iterator[str]:
    """What to change, the most telling cause first."""
    if cpus < found.threads:
        yield f"only {cpus:g} CPUs are usable: {found.threads} threads can not all run at once here"
    yield from how_to_release(found, found.call_ms * 1e6)
    if found.verdict == "releases":
        yield _what_it_gains(found)


def how_to_release(found: "Probe | Look", call_ns: float) -> Iterator[str]:
    """What to change in the call itself."""
    if found.verdict == "too short to tell":
        yield "give it a larger input; one call must take 20 us or more before a release could pay for itself"
        return
    if found.verdict == "holds":
        if call_ns < 100 * PAIR_NS:
            yield f"leave it: a release (about {PAIR_NS:g} ns) would be over 1 % of a call of {call_ns / 1e3:.1f} us"
        else:
            yield (
                "release around the part that touches no Python object (Py_BEGIN_ALLOW_THREADS, `with nogil:`); "
                f"from inputs on whose call takes {100 * PAIR_NS / 1e3:g} us, that costs under 1 %"
            )
        return
    for site in found.sites:
        per_call = site.count / max(1, sum(s.count for s in found.sites if s.kind == "release"))
        if site.kind == "take" and per_call >= 1:
            yield (
                f"it takes the GIL back inside, at {site.place}, {per_call:,.0f} times for each release: look for a "
                "`with gil`, a callback, or a cdef function without `noexcept`"
            )
    if found.releases_per_call and found.releases_per_call > 2:
        each = found.released_share.median * call_ns / found.releases_per_call
        if each < OFTEN_NS:
            yield (
                f"it releases {found.releases_per_call:,.0f} times a call for {each:,.0f} ns each, which costs as much "
                "as it gives: release once, around the loop"
            )
    if found.verdict == "partly":
        held = 1 - found.released_share.median
        yield f"{held:.0%} of a call holds the GIL: at most {1 / max(held, 1e-3):.1f}x on any number of threads"


def _what_it_gains(found: Probe) -> str:
    """What several callers of a function that releases gain."""
    gain = (found.speedup.median - 1) / max(found.ceiling.median - 1, 1e-9)
    if found.ceiling.median < FREE_FROM:
        return (
            f"it releases; whether it scales can not be told now: {found.threads} plain C threads gain only "
            f"{found.ceiling.median:.2f}x"
        )
    if gain < 0.5:
        return (
            f"it releases, and {found.threads} threads still gain only {found.speedup.median:.2f}x of "
            f"{found.ceiling.median:.2f}x: {_what_stops(found)}"
        )
    return "call it from a thread pool: it scales here"
