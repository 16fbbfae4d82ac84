"""memory: what a kernel does to the objects that it is given."""

import gc
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, Place, Point, Series
from gilscope.experiments._intervals import exactly
from gilscope.kernels import load
from gilscope.pools import Function
from gilscope.results import Bracket
from gilscope.stats import Truth
from gilscope.variants import native

BINDINGS = {"capi": "C", "cython": "Cython"}
REFUSALS_LEAST = 3
"""How often a bytearray must have refused to resize while a kernel read it."""
WATCH = 0.2
"""Seconds for which it is tried."""
WARM = 100
"""Calls before anything is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What one binding of the kernel leaves behind."""

    references: tuple[int, int]
    """References more to the keys, and to the counts."""
    blocks: int
    """Blocks of memory more."""
    cycle_freed: bool
    """Whether an array in a cycle is freed after a failed call."""
    refused: int
    """How often a bytearray refused to resize while the kernel read it."""
    resized: int
    """How often it did resize."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    bindings: Mapping[str, Binding]
    calls: int


def measure(lab: Lab, *, calls: int, pinned: bool) -> Data:
    """References, exports and cycles before and after many calls, and a bytearray that another thread tries to resize.

    pinned: whether the kernel reads the bytearray itself; where it reads a copy, that is the negative control.
    """
    spec = load()["histogram"]
    bindings = {name: _use(native(spec, binding).histogram, calls, pinned) for binding, name in BINDINGS.items()}
    return Data(bindings=bindings, calls=calls)


def _use(histogram: Function, calls: int, pinned: bool) -> Binding:
    keys, counts = bytearray(64), np.zeros(256, np.int64)
    for _ in range(WARM):
        histogram(keys, counts, policy="released")
    gc.collect()
    before = (sys.getrefcount(keys), sys.getrefcount(counts))
    blocks = sys.getallocatedblocks()
    for _ in range(calls):
        histogram(keys, counts, policy="released")
    more = sys.getallocatedblocks() - blocks
    after = (sys.getrefcount(keys), sys.getrefcount(counts))
    keys.append(0)  # BufferError, if an export was left behind
    refused, resized = _resizes(histogram, pinned)
    return Binding(
        references=(after[0] - before[0], after[1] - before[1]),
        blocks=more,
        cycle_freed=_cycle_is_freed(histogram),
        refused=refused,
        resized=resized,
    )


def _cycle_is_freed(histogram: Function) -> bool:
    """Whether an array that went through a failed call, and is part of a cycle, is freed when cycles are collected."""

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


def _resizes(histogram: Function, pinned: bool) -> tuple[int, int]:
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
    return refused, resized


def judge(data: Data, bracket: Bracket) -> Judgement:
    conditions: dict[str, Truth] = {}
    for name, binding in data.bindings.items():
        conditions[f"{name}: no reference is left"] = not any(binding.references)
        conditions[f"{name}: memory grows by less than one block per hundred calls"] = binding.blocks * 100 < data.calls
        conditions[f"{name}: cycles are freed"] = binding.cycle_freed
        conditions[f"{name}: the buffer is pinned while it is read"] = binding.refused >= REFUSALS_LEAST
    refusals = " and ".join(f"{binding.refused:,} times ({name})" for name, binding in data.bindings.items())
    references = sum(_left(binding) for binding in data.bindings.values())
    evidence = (
        f"After {data.calls:,} calls of each binding {references} references were left; a bytearray refused to "
        f"resize {refusals} while a released kernel read it."
    )
    return Judgement(conditions, evidence, (_chart(data),))


def _left(binding: Binding) -> int:
    """References left, of which one too few is as wrong as one too many."""
    return sum(map(abs, binding.references))


def _chart(data: Data) -> Chart:
    points = tuple(
        Point(f"{name}: {what}", exactly(count))
        for name, binding in data.bindings.items()
        for what, count in (("references left", _left(binding)), ("blocks of memory", abs(binding.blocks)))
    )
    return Chart(
        "rows",
        Axis(f"left after {data.calls:,} calls"),
        series=(Series("left", "held", points),),
        limits=(Limit(data.calls / 100, "limit"),),
    )


EXPERIMENT = Experiment(
    name="memory",
    order=190,
    claim="An exported buffer pins its memory while the GIL is released; references and cycles through extensions are "
    "freed.",
    why="Without the GIL a kernel may touch only memory that nobody moves. The buffer protocol promises that until the "
    "buffer is given back, and a bytearray keeps the promise by refusing to resize. Whatever a call takes, it gives "
    "back on every way out, errors included.",
    refuted_by="A count that grows with the number of calls, or a bytearray that resizes under a running kernel.",
    reading="References and blocks of memory that were left after all the calls. The line is one block per hundred "
    "calls.",
    places=(
        Place("PyObject_GetBuffer", "counts an export", {"3.11 to 3.15": "Objects/abstract.c"}),
        Place("PyByteArray_Resize", "refuses while there are exports", {"3.11 to 3.15": "Objects/bytearrayobject.c"}),
    ),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"calls": 1_000_000, "pinned": True},
    control={"pinned": False, "calls": 20_000},
    seconds=2.0,
)
