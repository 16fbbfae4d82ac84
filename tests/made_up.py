"""Made-up data of every experiment, as they would be where its claim is true, where it is false, and in noise."""

from collections.abc import Callable
from typing import Any

ROUNDS = 12
Data = dict[str, Any]


def quiet(gain: float = 1.99, others: float = 0.01) -> Data:
    """What Lab.machine() says of a machine whose second core gains this much."""
    return {"one": [0.01] * ROUNDS, "many": [0.02 / gain] * ROUNDS, "workers": 2, "cpus": 2.0, "others": others}


def cell(gain: float, others: float | None = None) -> Data:
    """A cell of Lab.scaling that gains this much on two threads in the first round, and in the others, too, or less."""
    many = [2.0 / gain, *[2.0 / (others or gain)] * (ROUNDS - 1)]
    return {"one": [1.0] * ROUNDS, "many": many, "factor": 2, "calls": 1}


def steady(value: float) -> list[float]:
    return [value] * ROUNDS


def lucky(value: float, others: float) -> list[float]:
    """One quiet round among many that are not."""
    return [value, *[others] * (ROUNDS - 1)]


def torn(low: float, high: float) -> list[float]:
    """Now this, now that."""
    return [low, high] * (ROUNDS // 2)


RECORDED = {
    "held": {"loop": [[0.0, 30.0, "waiting for the GIL"]], "thread": [[0.0, 30.0, "holding"]]},
    "released": {"loop": [], "thread": [[0.0, 30.0, "running released"]]},
}
UNCLEAR = cell(1.9, 1.1)


def python_threads(busy: list[float]) -> Data:
    return {"cells": {"spin": cell(0.9) | {"busy": busy}}}


def gil_release(released: list[float], held: list[float], gain: float = 1.9) -> Data:
    return {
        "cells": {
            "spin, C, released": cell(gain) | {"busy": released},
            "spin, C, held": cell(1) | {"busy": held},
        },
        "plain": {"spin": cell(1.98)},
    }


def convoy(released: list[float]) -> Data:
    cells = [{"policy": "released", "seconds": released}, {"policy": "held", "seconds": steady(1e-4)}]
    return {"cells": [cell | {"work": 50e-6, "interval": 0.005} for cell in cells], "timeline": RECORDED}


def event_loop(released: list[float]) -> Data:
    gaps = {"held": steady(0.1), "nogil in the signature": steady(0.1), "released": released}
    cells = {name: {"gaps": [[0.001, most] for most in each], "call": steady(0.1)} for name, each in gaps.items()}
    return {"cells": cells, "timeline": {"held": {"lanes": RECORDED["held"], "beats": [-1.0, 0.5, 30.0]}}}


def switch_interval(python: list[float], native: list[float]) -> Data:
    return {"python": {"0.005": python}, "native": native, "calls": steady(0.03)}


def handoff_storm(storm: Data) -> Data:
    storms = ("with gil, every round", "callback, every round", "PyGILState_Ensure, every round")
    return {"cells": {"never": cell(1.98)} | dict.fromkeys(storms, storm), "takes": 1000, "timeline": RECORDED}


def granularity(released: list[float]) -> Data:
    """Two sizes of work: in the short one a call takes 100 ns held, alone; in the long one two threads gain."""
    short = {"held": steady(1e-7), "released": released, "auto": steady(1e-7)}
    long = {"held": steady(2e-3), "released": steady(1e-3), "auto": steady(1e-3)}
    return {
        "work": [1e-7, 1e-3],
        "calls": {"1e-07": 1, "0.001": 1},
        "seconds": {
            str(work): {policy: {"one": one, "many": [2 * second for second in one]} for policy, one in each.items()}
            for work, each in ((1e-7, short), (1e-3, long))
        },
        "threshold": 7e-6,
    }


def lost_updates(plain: list[float]) -> Data:
    return {"lost": {"plain": plain, "atomic": steady(0.0)}, "updates": 1000}


def lock_order(first: list[float | None], cure: float | None) -> Data:
    def attempt(seconds: float | None) -> Data:
        return {"seconds": seconds, "stacks": "Thread 0x1\nThread 0x2\n" if seconds is None else ""}

    return {"orders": {"lock first": [attempt(s) for s in first], "release first": [attempt(cure)]}, "limit": 1.0}


def shared_writes(shared: Data) -> Data:
    apart = dict.fromkeys(("private", "padded"), cell(1.98))
    return {"cells": apart | dict.fromkeys(("one line", "atomic", "locked"), shared), "plain": apart, "keys": 1000}


def bandwidth(memory: Data, released: Data) -> Data:
    cells = {"plain C threads": memory, "released": released, "held": cell(1.0)}
    return {"cells": cells, "kernel": "triad", "bytes": 1000}


def processes(small: list[float], large: list[float], pickled: float = 2.0) -> Data:
    """Seconds of processes, where one thread takes 1 ms on the small work and 1 s on the large, and two half of it.

    pickled: what sending the large work takes; the small work is moved for nothing.
    """
    return {
        "seconds": {
            size: {"one thread": steady(one), "threads": steady(one / 2), "pickle": sent, "shared memory": took}
            for size, one, sent, took in (("1000", 1e-3, small, small), ("1000000", 1.0, steady(pickled), large))
        }
    }


def interpreter_cost(python: list[float]) -> Data:
    return {"seconds": {"Python": python, "C": steady(1e-9)}}


def bytecode(in_c: float, gets_in: bool) -> Data:
    runs = {"Python": [0, 190, 210], "C": [170, 200, 210] if gets_in else [1, 0, 90]}  # once, a thread got no core
    return {"bytecodes": {"Python": 21.0, "C": in_c}, "code": [], "let go": runs}


def memory(references: int, refused: int) -> Data:
    found = {"references": [references, 0], "blocks": 0, "cycle freed": True, "refused": refused, "resized": 9}
    return {"bindings": {"C": found, "Cython": found}, "calls": 1000}


def traceback(kind: str) -> Data:
    raised = {"type": kind, "message": "histogram: the value at index 1234 is out of range", "caller": True}
    inner = {"C": [], "Cython": [["histogram.pyx", 1, "while gs_pending(&run):"]]}
    return {"cells": {f"{name}, released": raised | {"inner": lines} for name, lines in inner.items()}}


def pipeline(both: list[float], neither: list[float]) -> Data:
    many = {"released -> released": both, "released -> held": steady(0.9), "held -> held": neither}
    cells = {name: {"one": steady(1.0), "many": seconds} for name, seconds in many.items()}
    return {"cells": cells, "timeline": RECORDED}


def oversubscription(both: list[float]) -> Data:
    """In short calls; in long ones nothing matters."""
    alone = {"the pool alone": steady(1.0), "the library alone": steady(1.0)}
    cells = [
        {"work": 1e-3, "seconds": alone | {"both": steady(1.0)}},
        {"work": 6e-5, "seconds": alone | {"both": both}},
    ]
    return {"cells": cells, "cores": 2}


def choose(threads: list[float]) -> Data:
    """Of the tasks that release; the other two kinds are as people say."""
    others = {"asyncio": steady(1.0), "threads": steady(2.0), "processes": steady(1.0)}
    python = others | {"processes": steady(0.6)}
    return {"seconds": {"I/O": others, "CPU in Python": python, "CPU released": others | {"threads": threads}}}


def web(held: list[float], released: list[float]) -> Data:
    """The slowest answer of each round beside a call of 0.1 s; one that was sent later waits less."""
    slowest = {"def, held": held, "def, released": released, "async def, released": steady(0.1)}
    return {
        "cells": {
            name: {
                "call": steady(0.1),
                "beats": [[[0.1 * part, most * (1 - part)] for part in (0.0, 0.5, 0.9)] for most in each],
            }
            for name, each in slowest.items()
        }
    }


def import_(undeclared: str, gil: str) -> Data:
    refused = {"declared": "", "undeclared": undeclared}
    turns = {"declared": "GIL False", "undeclared": gil}
    steps = dict.fromkeys(("find", "load", "initialise"), steady(1e-5))
    return {"steps": steps, "in a sub-interpreter": refused, "turns the GIL on": turns, "file": "x.so"}


def free_threading(without: Data) -> Data:
    return {"cells": {"without the GIL": without, "with the GIL": cell(1.0)}}


REFUSED = "ImportError: module x does not support loading in subinterpreters"

# Name: data that confirm the claim, data that refute it, data that do not tell, if any can.
CASES: dict[str, tuple[Callable[[], Data], Callable[[], Data], Callable[[], Data] | None]] = {
    "python-threads": (
        lambda: python_threads(steady(1.01)),
        lambda: python_threads(steady(1.98)),
        lambda: python_threads(lucky(2.0, 1.0)),
    ),
    "gil-release": (
        lambda: gil_release(steady(1.98), steady(1.0)),
        lambda: gil_release(steady(1.98), steady(1.97)),
        lambda: gil_release(steady(1.98), lucky(1.4, 1.0)),
    ),
    "convoy": (
        lambda: convoy(steady(0.0052)),
        lambda: convoy(steady(6e-5)),
        lambda: convoy(torn(1e-4, 0.01)),
    ),
    "event-loop": (
        lambda: event_loop(steady(0.001)),
        lambda: event_loop(steady(0.1)),
        lambda: event_loop(lucky(0.001, 0.1)),
    ),
    "switch-interval": (
        lambda: switch_interval(steady(0.0052), steady(0.03)),
        lambda: switch_interval(steady(0.0052), steady(0.0002)),
        lambda: switch_interval(torn(0.001, 0.03), steady(0.03)),
    ),
    "handoff-storm": (
        lambda: handoff_storm(cell(0.8)),
        lambda: handoff_storm(cell(1.95)),
        lambda: handoff_storm(UNCLEAR),
    ),
    "granularity": (
        lambda: granularity(steady(1.6e-7)),
        lambda: granularity(steady(1e-7)),
        lambda: granularity(lucky(1.02e-7, 9e-7)),
    ),
    "lost-updates": (lambda: lost_updates(torn(0.0, 0.4)), lambda: lost_updates(steady(0.0)), None),
    "lock-order": (
        lambda: lock_order([None, None], 0.01),
        lambda: lock_order([None, 0.01], 0.01),
        lambda: lock_order([None, None], None),
    ),
    "shared-writes": (
        lambda: shared_writes(cell(0.5)),
        lambda: shared_writes(cell(1.96)),
        lambda: shared_writes(UNCLEAR),
    ),
    "bandwidth": (
        lambda: bandwidth(cell(1.3), cell(1.28)),
        lambda: bandwidth(cell(1.98), cell(1.98)),
        lambda: bandwidth(cell(1.3), cell(1.3, 1.0)),
    ),
    "processes": (
        lambda: processes(steady(3e-3), steady(0.6)),
        lambda: processes(steady(3e-3), steady(1.5)),
        lambda: processes(steady(3e-3), lucky(0.6, 1.5)),
    ),
    "interpreter-cost": (
        lambda: interpreter_cost(steady(80e-9)),
        lambda: interpreter_cost(steady(3e-9)),
        lambda: interpreter_cost(lucky(40e-9, 90e-9)),
    ),
    "bytecode": (lambda: bytecode(0, False), lambda: bytecode(21, True), None),
    "memory": (lambda: memory(0, 100), lambda: memory(1000, 100), None),
    "traceback": (lambda: traceback("ValueError"), lambda: traceback("RuntimeError"), None),
    "pipeline": (
        lambda: pipeline(steady(0.55), steady(1.0)),
        lambda: pipeline(steady(1.0), steady(1.0)),
        lambda: pipeline(lucky(0.55, 1.0), steady(1.0)),
    ),
    "oversubscription": (
        lambda: oversubscription(steady(1.3)),
        lambda: oversubscription(steady(1.0)),
        lambda: oversubscription(lucky(1.0, 1.3)),
    ),
    "choose": (
        lambda: choose(steady(0.6)),
        lambda: choose(steady(2.0)),
        lambda: choose(lucky(0.9, 1.6)),
    ),
    "import": (lambda: import_(REFUSED, "GIL True"), lambda: import_("", "GIL False"), None),
    "web": (
        lambda: web(steady(0.1), steady(0.002)),
        lambda: web(steady(0.002), steady(0.002)),
        lambda: web(steady(0.1), lucky(0.002, 0.1)),
    ),
    "free-threading": (
        lambda: free_threading(cell(1.96)),
        lambda: free_threading(cell(1.0)),
        lambda: free_threading(UNCLEAR),
    ),
}
