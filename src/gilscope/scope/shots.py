"""Two threads, one kernel, held and released: the recordings behind the report's timelines."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gilscope.kernels import load
from gilscope.scope import states as st
from gilscope.scope.oracle import gil_enabled
from gilscope.scope.recording import Recording, record
from gilscope.scope.timeline import chrome_trace, pieces
from gilscope.variants import select

KERNEL, SIZE, CALLS = "spin", "medium", 4
"""Alike in both bindings, some 10 ms a call: long against the switch interval, short enough for a picture."""
RATE = 5_000.0
NAME = "worker"


@dataclass(frozen=True, slots=True)
class Shot:
    """One recording of the workers, from the first one's start to the last one's end."""

    implementation: str
    policy: str
    recording: Recording

    def to_json(self) -> dict[str, Any]:
        """Plain values: for each worker its spans, [start, length] in ms and the state, a name."""
        lanes = sorted(
            (lane for lane in self.recording.lanes if lane.name.startswith(NAME)), key=lambda lane: lane.name
        )
        times = self.recording.ticks["time"]
        rows = [[s for s in st.spans(lane, times, self.recording.ended) if s.state != st.OFF] for lane in lanes]
        start = min((spans[0].start for spans in rows if spans), default=self.recording.started)
        end = max((spans[-1].end for spans in rows if spans), default=start)
        return {
            "kernel": KERNEL,
            "implementation": self.implementation,
            "policy": self.policy,
            "calls": CALLS,
            "milliseconds": (end - start) / 1e6,
            "lanes": [
                {"name": lane.name, "spans": pieces(self.recording, spans, start, end)}
                for lane, spans in zip(lanes, rows, strict=True)
            ],
        }


def shots(threads: int = 2) -> list[Shot]:
    """A recording for each binding and policy: `threads` workers make CALLS calls each, all together.

    RecordingError as for record().
    """
    kernel = load()[KERNEL]
    jobs = [kernel.inputs(kernel.sizes[SIZE], seed) for seed in range(threads)]
    taken = []
    for variant in select([KERNEL], ("cython", "capi"), ("held", "released")):
        barrier = threading.Barrier(threads)

        def work(job: tuple[Any, ...], variant: Any = variant, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            for _ in range(CALLS):
                variant(*job)

        workers = [threading.Thread(target=work, args=(job,), name=f"{NAME} {n}") for n, job in enumerate(jobs, 1)]
        with record(rate=RATE) as recording:
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        taken.append(Shot(variant.implementation, variant.policy, recording))
    return taken


def trace(taken: Sequence[Shot]) -> dict[str, Any]:
    """All of them in one file for Perfetto, each as a process of its own."""
    events: list[dict[str, Any]] = []
    for number, shot in enumerate(taken, 1):
        name = f"{KERNEL} {shot.implementation} {shot.policy}"
        events.append({"ph": "M", "name": "process_name", "pid": number, "args": {"name": name}})
        events += [event | {"pid": number} for event in chrome_trace(shot.recording)["traceEvents"]]
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"gil": gil_enabled()}}
