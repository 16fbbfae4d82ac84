"""bytecode: what the interpreter dispatches per step of a loop, and where it can release the GIL."""

import dis
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, Point, Series
from gilscope.experiments._intervals import exactly
from gilscope.experiments._words import BREAKER
from gilscope.host import gil_enabled
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.stats import Truth
from gilscope.variants import native

FEW, MANY = 100, 300
"""Steps of the two runs; the difference is free of what a call itself costs."""
EDGES = 3
"""The other thread may run this often as a call begins and ends ..."""
ATTEMPTS = 5
"""... unless either of them gets no core then, on a busy machine: hence several calls."""
LEAST = 5
"""A step of a loop is at least so many bytecodes."""
CALL_LEAST = 0.05
"""Seconds of a call in which another thread asks for the GIL."""
INTERVAL = 1e-4
"""Seconds between its requests, and the switch interval meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """The same loop in one language."""

    bytecodes: float
    """Bytecodes per step."""
    turns: tuple[int, ...] | None
    """By call, how often another thread got the GIL during it; None where there is no GIL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A loop in Python and in C."""

    python: Loop
    c: Loop
    code: tuple[str, ...]
    """The bytecodes of the function in Python."""


def measure(lab: Lab, *, native_is: str) -> Data:
    """The bytecodes per step, counted, in Python and in C; and whether a thread can get the GIL in between.

    native_is: the function that stands for C; "python" is the negative control.
    """
    spec = load()["spin"]
    spin = native(spec, "capi").spin
    code: CodeType = spec.python.__code__
    return Data(
        python=_loop(spec.python),
        c=_loop(spec.python if native_is == "python" else lambda steps: spin(steps, policy="held")),
        code=tuple(instruction.opname for instruction in dis.get_instructions(code)),
    )


def _loop(function: Callable[..., Any]) -> Loop:
    per_step = (_count(function, MANY) - _count(function, FEW)) / (MANY - FEW)
    return Loop(bytecodes=per_step, turns=_turns(function) if gil_enabled() else None)


def _count(function: Callable[..., Any], steps: int) -> int:
    """The bytecodes that a call dispatches, counted one by one."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(steps)
    finally:
        sys.settrace(before)
    return count


def _turns(function: Callable[..., Any]) -> tuple[int, ...]:
    """By call of some 50 ms, how often another thread gets the GIL during it, where it asks every 0.1 ms."""
    steps = 1000
    while True:
        started = time.perf_counter()
        function(steps)
        if time.perf_counter() - started > CALL_LEAST:
            break
        steps *= 2
    turns = []
    with _asker() as count:
        for _ in range(ATTEMPTS):
            time.sleep(0.01)
            first = count()
            function(steps)
            turns.append(count() - first)
    return tuple(turns)


@contextmanager
def _asker() -> Iterator[Callable[[], int]]:
    """A thread that asks for the GIL again and again; yields a function that says how often it has had it."""
    count, stop = 0, False

    def ask() -> None:
        nonlocal count
        while not stop:
            count += 1
            time.sleep(INTERVAL)

    before = sys.getswitchinterval()
    sys.setswitchinterval(INTERVAL)
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield lambda: count
    finally:
        stop = True
        thread.join()
        sys.setswitchinterval(before)


def judge(data: Data, bracket: Bracket) -> Judgement:
    conditions: dict[str, Truth] = {
        f"a step in Python is {LEAST} bytecodes or more": data.python.bytecodes >= LEAST,
        "a step in C is none": data.c.bytecodes == 0,
    }
    evidence = (
        f"A step of the loop dispatches {data.python.bytecodes:g} bytecodes in Python and {data.c.bytecodes:g} in C"
    )
    if data.python.turns and data.c.turns:
        # One call in which the thread ran proves that it can; one in which it asked all the time and did not run,
        # that it cannot.
        python, c = max(data.python.turns) > EDGES, min(data.c.turns) > EDGES
        conditions |= {"between bytecodes another thread gets the GIL": python, "inside C it does not": not c}
        words = {True: "gets in", False: "does not get in"}
        evidence += f"; another thread {words[python]} during the Python loop and {words[c]} during C"
    return Judgement(conditions, f"{evidence}.", (_chart(data),))


def _chart(data: Data) -> Chart:
    return Chart(
        "rows",
        Axis("bytecodes dispatched per step"),
        series=(
            Series("Python", "own", (Point("Python", exactly(data.python.bytecodes)),)),
            Series("C", "released", (Point("C", exactly(data.c.bytecodes)),)),
        ),
        limits=(Limit(LEAST, "least"),),
    )


EXPERIMENT = Experiment(
    name="bytecode",
    order=40,
    claim="The interpreter dispatches N bytecodes for each inner step and C none, and only between bytecodes can it "
    "release the GIL.",
    why="The evaluation loop looks at requests at certain bytecodes: at the end of a loop's body and at calls. To it, "
    "a C function is a single CALL, however long that takes.",
    refuted_by="Bytecodes counted inside a C function, or another thread that gets the GIL in the middle of a C "
    "function that holds it.",
    reading="The bytecodes dispatched for one more step of the loop, counted by tracing each of them.",
    places=(BREAKER,),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"native_is": "capi"},
    control={"native_is": "python"},
    seconds=1.0,
)
