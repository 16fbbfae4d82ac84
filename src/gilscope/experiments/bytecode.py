"""bytecode: what the interpreter dispatches for a step of a loop, and where it can let go of the GIL."""

import dis
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, Point, Series
from gilscope.experiments._words import BREAKER
from gilscope.kernels import load
from gilscope.measure.stats import Interval, Truth
from gilscope.scope import gil_enabled
from gilscope.variants import native

FEW, MANY = 100, 300
"""Steps of the two runs; the difference is free of what a call costs by itself."""
EDGES = 3
"""So often the other thread may run as a call begins and ends ..."""
ATTEMPTS = 5
"""... unless either of them gets no core then, on a busy machine: hence several calls."""
LEAST = 5
"""A step of a loop is at least so many bytecodes."""


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


def measure(lab: Lab, native_is: str) -> Data:
    """The bytecodes for each step, counted, in Python and in C; and whether a thread can get the GIL in between.

    native_is: the function that stands for C; "python" is the negative control.
    """
    spec = load()["spin"]
    spin = native(spec, "capi").spin
    functions: dict[str, Callable[..., Any]] = {
        "Python": spec.python,
        "C": spec.python if native_is == "python" else lambda steps: spin(steps, policy="held"),
    }
    found = {name: (_count(f, MANY) - _count(f, FEW)) / (MANY - FEW) for name, f in functions.items()}
    code: CodeType = spec.python.__code__
    return {
        "bytecodes": found,
        "code": [instruction.opname for instruction in dis.get_instructions(code)],
        "let go": {name: _runs(function) for name, function in functions.items()} if gil_enabled() else None,
    }


def _runs(function: Callable[..., Any]) -> list[int]:
    """How often another thread gets the GIL during calls of some 50 ms each, where it asks every 0.1 ms."""
    import threading
    import time

    steps, seen, stop = 1000, 0, False
    while True:
        started = time.perf_counter()
        function(steps)
        if time.perf_counter() - started > 0.05:
            break
        steps *= 2

    def ask() -> None:
        nonlocal seen
        while not stop:
            seen += 1
            time.sleep(1e-4)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        runs = []
        for _ in range(ATTEMPTS):
            time.sleep(0.01)
            first = seen
            function(steps)
            runs.append(seen - first)
        return runs
    finally:
        stop = True
        thread.join()
        sys.setswitchinterval(before)


def judge(data: Data) -> Judgement:
    counts = data["bytecodes"]
    conditions: dict[str, Truth] = {
        f"a step in Python is {LEAST} bytecodes or more": counts["Python"] >= LEAST,
        "a step in C is none": counts["C"] == 0,
    }
    evidence = f"A step of the loop dispatches {counts['Python']:g} bytecodes in Python and {counts['C']:g} in C"
    if data["let go"]:
        # A call in which it ran proves that it can; one in which it asked all the time, and did not, that it can not.
        python, c = max(data["let go"]["Python"]) > EDGES, min(data["let go"]["C"]) > EDGES
        conditions |= {"between bytecodes another thread gets the GIL": python, "inside C it does not": not c}
        words = {True: "gets in", False: "does not get in"}
        evidence += f"; another thread {words[python]} during the Python loop and {words[c]} during C"
    points = {name: Point(name, Interval(count, count, count)) for name, count in counts.items()}
    chart = Chart(
        "rows",
        Axis("bytecodes dispatched for a step"),
        series=(Series("Python", "own", (points["Python"],)), Series("C", "released", (points["C"],))),
        limits=(Limit(LEAST, "least"),),
    )
    return Judgement(conditions, f"{evidence}.", (chart,))


EXPERIMENT = Experiment(
    name="bytecode",
    claim="The interpreter dispatches N bytecodes for each inner step and C none, and only between them can it let go "
    "of the GIL.",
    why="The evaluation loop looks at requests at certain bytecodes: at the end of a loop's body and at calls. A C "
    "function is a single CALL to it, however long that takes.",
    refuted_by="Bytecodes counted inside a C function, or another thread that gets the GIL in the middle of one that "
    "holds it.",
    reading="Bytecodes that were dispatched for one more step of the loop, counted by tracing each of them.",
    places=(BREAKER,),
    measure=measure,
    judge=judge,
    parameters={"native_is": "capi"},
    control={"native_is": "python"},
    seconds=1.0,
)
