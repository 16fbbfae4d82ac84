"""The oracle: does this call release the GIL? A yes or no that load does not affect.

With a switch interval of hours nobody is ever asked to give the GIL up. A second thread that waits for it can then run
in one case only: the call gives it up by itself. So if the second thread ran between the call's start and its return,
the call released; if it never did, over several attempts, the call held.

The idea is in TA-Lib's tests. It rests on CPython's take_gil(), which waits `interval` before it sets a drop request:
Python/ceval_gil.c, in 3.11 Python/ceval_gil.h.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gilscope.host import gil_enabled

HOURS = 3600.0 * 24
"""The switch interval, in seconds."""
SETTLE = 2e-4
"""Seconds for the witness to run, so that it sleeps or waits for the GIL when the call starts."""


@contextmanager
def _switch_interval(seconds: float) -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Witness(threading.Thread):
    """Takes the GIL whenever it can, counts, and releases it at once."""

    def __init__(self) -> None:
        super().__init__(name="gilscope-witness", daemon=True)
        self.runs = 0
        self.stop = False

    def run(self) -> None:
        while not self.stop:
            self.runs += 1
            time.sleep(1e-5)


def releases(function: Callable[..., object], *arguments: Any, attempts: int = 5) -> bool:
    """Whether a call releases the GIL: True is proof.

    While this runs, the switch interval is set for the whole process, so other threads of the program stand still
    during each call.

    Parameters
    ----------
    function, *arguments
        The call. What it raises, this raises.
    attempts
        How many calls to make at most; the first that releases ends it.

    Returns
    -------
    bool
        False means that no call released the GIL for long enough that the waiting thread could wake up and run, some
        50 us on a quiet machine: give it a call of a millisecond or more.

    Raises
    ------
    RuntimeError
        There is no GIL in this interpreter.
    """
    if not gil_enabled():
        raise RuntimeError("there is no GIL in this interpreter, so nothing can release it")
    witness = _Witness()
    with _switch_interval(HOURS):
        witness.start()
        try:
            for _ in range(attempts):
                time.sleep(SETTLE)
                before = witness.runs
                function(*arguments)
                if witness.runs != before:
                    return True
        finally:
            witness.stop = True
            witness.join()
    return False
