"""memory: what a kernel does to the objects that it is given."""

import gc
import sys
import threading
import weakref
from contextlib import suppress
from time import perf_counter
from typing import Any

import numpy as np

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.kernels import load
from gilscope.measure.stats import Interval, Truth
from gilscope.variants import native

BINDINGS = {"capi": "C", "cython": "Cython"}
REFUSALS_LEAST = 3
"""So often a bytearray must have refused to resize while a kernel read it."""
WATCH = 0.2
"""Seconds for which it is tried."""


def measure(lab: Lab, calls: int, pinned: bool) -> Data:
    """References, exports and cycles before and after many calls, and a bytearray that another thread tries to resize.

    pinned: whether the kernel reads the bytearray itself; where it reads a copy, that is the negative control.
    """
    found: dict[str, dict[str, Any]] = {}
    for binding, name in BINDINGS.items():
        histogram = native(load()["histogram"], binding).histogram
        keys, counts = bytearray(64), np.zeros(256, np.int64)
        for _ in range(100):
            histogram(keys, counts, policy="released")
        gc.collect()
        before = (sys.getrefcount(keys), sys.getrefcount(counts))
        blocks = sys.getallocatedblocks()
        for _ in range(calls):
            histogram(keys, counts, policy="released")
        grown = sys.getallocatedblocks() - blocks
        after = (sys.getrefcount(keys), sys.getrefcount(counts))
        keys.append(0)  # BufferError, if an export was left behind
        found[name] = {
            "references": [b - a for a, b in zip(before, after, strict=True)],
            "blocks": grown,
            "cycle freed": _cycle_is_freed(histogram),
            **_resized(histogram, pinned),
        }
    return {"bindings": found, "calls": calls}


def _cycle_is_freed(histogram: Any) -> bool:
    """Whether an array that a failed call has seen, and that is part of a cycle, goes when the cycle is collected."""

    class Keys(bytearray):
        itself: Any

    keys = Keys(b"\xff")
    keys.itself = keys
    gone = weakref.ref(keys)
    with suppress(ValueError):
        histogram(keys, np.zeros(1, np.int64), policy="released")
    del keys
    gc.collect()
    return gone() is None


def _resized(histogram: Any, pinned: bool) -> dict[str, int]:
    """How often a bytearray refused to be resized, and let itself be, while a released kernel read it."""
    keys, counts = bytearray(20_000_000), np.zeros(256, np.int64)
    read = keys if pinned else bytearray(keys)
    refused = resized = 0
    stop = False

    def run() -> None:
        while not stop:
            histogram(read, counts, policy="released")

    inside = threading.Thread(target=run)
    inside.start()
    end = perf_counter() + WATCH
    while perf_counter() < end:
        try:
            keys.append(0)
            keys.pop()
            resized += 1
        except BufferError:  # also between the two
            refused += 1
    stop = True
    inside.join()
    return {"refused": refused, "resized": resized}


def judge(data: Data) -> Judgement:
    conditions: dict[str, Truth] = {}
    for name, found in data["bindings"].items():
        conditions[f"{name}: no reference is left"] = not any(found["references"])
        conditions[f"{name}: memory does not grow by a block a hundred calls"] = found["blocks"] * 100 < data["calls"]
        conditions[f"{name}: cycles are freed"] = found["cycle freed"]
        conditions[f"{name}: the buffer is pinned while it is read"] = found["refused"] >= REFUSALS_LEAST
    refused = " and ".join(f"{found['refused']:,} times ({name})" for name, found in data["bindings"].items())
    references = sum(abs(n) for found in data["bindings"].values() for n in found["references"])
    evidence = (
        f"After {data['calls']:,} calls of each binding {references} references were left; a bytearray refused to "
        f"resize {refused} while a released kernel read it."
    )
    rows = [
        (f"{name}: {what}", abs(value))
        for name, found in data["bindings"].items()
        for what, value in (
            ("references left", sum(map(abs, found["references"]))),
            ("blocks of memory", found["blocks"]),
        )
    ]
    chart = Chart(
        "rows",
        Axis(f"left after {data['calls']:,} calls"),
        series=(Series("left", "held", tuple(Point(label, Interval(v, v, v)) for label, v in rows)),),
        limits=(Limit(data["calls"] / 100, "limit"),),
    )
    return Judgement(conditions, evidence, (chart,))


EXPERIMENT = Experiment(
    name="memory",
    claim="An exported buffer pins its memory while the GIL is away; references and cycles through extensions are "
    "freed.",
    why="Without the GIL a kernel may touch only memory that nobody moves. The buffer protocol promises that until the "
    "buffer is given back, and a bytearray keeps the promise by refusing to resize. What a call takes it gives back on "
    "every way out, errors included.",
    refuted_by="A count that grows with the number of calls, or a bytearray that resizes under a running kernel.",
    reading="References and blocks of memory that were left after all the calls; the line is a block in a hundred "
    "calls.",
    places=(
        Place("PyObject_GetBuffer", "counts an export", {"3.11 to 3.15": "Objects/abstract.c"}),
        Place("PyByteArray_Resize", "refuses while there are exports", {"3.11 to 3.15": "Objects/bytearrayobject.c"}),
    ),
    measure=measure,
    judge=judge,
    parameters={"calls": 1_000_000, "pinned": True},
    control={"pinned": False, "calls": 20_000},
    seconds=2.0,
)
