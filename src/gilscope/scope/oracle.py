"""The oracle: does this call let go of the GIL? A yes or no that no noise can turn.

With a switch interval of hours nobody is ever asked to give the GIL up. A second thread that waits for it
can then run in one case only: the call gives it up by itself. So if the second thread ran between the
call's start and its return, the call released; if it never did, over several attempts, the call held.

(The idea is in TA-Lib's tests; CPython's take_gil() waits `interval` before it sets a drop request:
Python/ceval_gil.c, Python/ceval_gil.h in 3.11.)
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

HOURS = 3600.0 * 24


def gil_enabled() -> bool:
    """Whether this interpreter has a GIL, and has it on at this moment."""
    probe: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    return True if probe is None else probe()


@contextmanager
def _switch_interval(seconds: float) -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Witness(threading.Thread):
    """Takes the GIL whenever it can, counts, and lets go at once."""

    def __init__(self) -> None:
        super().__init__(name="gilscope-witness", daemon=True)
        self.seen = 0
        self.stop = False

    def run(self) -> None:
        while not self.stop:
            self.seen += 1
            time.sleep(1e-5)


def releases(function: Callable[..., Any], *arguments: Any, attempts: int = 5) -> bool:
    """Whether the call lets go of the GIL at least once in `attempts` calls.

    True is proof. False means that no attempt let go for long enough that the waiting thread could wake
    up and run, some 50 us on a quiet machine: give it a call of a millisecond or more. What the call
    raises, it raises here. RuntimeError where there is no GIL to release. While it runs, the switch
    interval is set for the whole process, so other threads of the program stand still during each call.
    """
    if not gil_enabled():
        raise RuntimeError("there is no GIL in this interpreter, so nothing can release it")
    witness = _Witness()
    with _switch_interval(HOURS):
        witness.start()
        try:
            for _ in range(attempts):
                # Lets the witness through, so that it sleeps or waits for the GIL when the call starts.
                time.sleep(2e-4)
                before = witness.seen
                function(*arguments)
                if witness.seen != before:
                    return True
        finally:
            witness.stop = True
            witness.join()
    return False
