"""Two threads, one kernel, held and released: the recordings behind the report's timelines."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from gilscope.host import gil_enabled
from gilscope.kernels import Arguments, load
from gilscope.results.timelines import Timeline, Track
from gilscope.results.traces import Trace, TraceEvent
from gilscope.scope import states as st
from gilscope.scope import trace as traces
from gilscope.scope.recording import Recording, record
from gilscope.variants import Variant, select

KERNEL, SIZE, CALLS = "spin", "medium", 4
"""The same in both bindings, about 10 ms per call: longer than the switch interval, short enough for a picture."""
RATE = 5_000.0
"""Ticks per second."""
NAME = "worker"


def record_timelines(threads: int = 2) -> tuple[tuple[Timeline, ...], Trace]:
    """Record one timeline per binding and policy, in which all workers make CALLS calls each at the same time.

    Returns
    -------
    tuple of Timeline, Trace
        The same recordings twice; in the trace, each has its own process.

    Raises
    ------
    RecordingError
        As for `gilscope.record`.
    """
    kernel = load()[KERNEL]
    jobs = [kernel.inputs(kernel.sizes[SIZE], seed) for seed in range(threads)]
    variants = select([KERNEL], ("cython", "capi"), ("held", "released"))
    recordings = [_recording(variant, jobs) for variant in variants]
    timelines = tuple(_timeline(*pair) for pair in zip(variants, recordings, strict=True))
    return timelines, _trace(variants, recordings)


def _recording(variant: Variant, jobs: Sequence[Arguments]) -> Recording:
    barrier = threading.Barrier(len(jobs))

    def work(job: Arguments) -> None:
        barrier.wait()
        for _ in range(CALLS):
            variant(*job)

    workers = [threading.Thread(target=work, args=(job,), name=f"{NAME} {n}") for n, job in enumerate(jobs, 1)]
    with record(rate=RATE) as recording:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return recording


def _timeline(variant: Variant, recording: Recording) -> Timeline:
    """The workers' lanes, from the first one's start to the last one's end."""
    lanes = sorted((lane for lane in recording.lanes if lane.name.startswith(NAME)), key=lambda lane: lane.name)
    spans = [[span for span in recording.capture.spans(lane) if span.state != st.OFF] for lane in lanes]
    start = min((each[0].start for each in spans if each), default=recording.started)
    end = max((each[-1].end for each in spans if each), default=start)
    tracks = [Track(lane.name, st.stretches(each, start, end)) for lane, each in zip(lanes, spans, strict=True)]
    milliseconds = (end - start) / 1e6
    return Timeline(
        KERNEL, variant.implementation, variant.policy, CALLS, milliseconds, tuple(tracks), recording.has_gil
    )


def _trace(variants: Sequence[Variant], recordings: Sequence[Recording]) -> Trace:
    events: list[TraceEvent] = []
    for number, (variant, recording) in enumerate(zip(variants, recordings, strict=True), 1):
        name = f"{KERNEL} {variant.implementation} {variant.policy}"
        events.append(TraceEvent(ph="M", name="process_name", pid=number, args={"name": name}))
        trace = traces.trace(recording.capture, recording.circumstances)
        events += [replace(event, pid=number) for event in trace.events]
    return Trace(tuple(events), {"gil": gil_enabled()})
