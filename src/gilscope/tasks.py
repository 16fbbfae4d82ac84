"""Tasks for any kind of pool. No module here is one that a sub-interpreter with its own GIL rejects, such as NumPy."""

import time

from gilscope.capi.spin import spin

WAIT = 0.005  # seconds
STEPS, ROUNDS = 15_000, 1_000_000  # about 2 ms each, in Python and in C


def wait() -> None:
    time.sleep(WAIT)


def compute_in_python() -> None:
    number = 0
    for step in range(STEPS):
        number = number * 3 + step & 0xFFFF


def compute_released() -> None:
    spin(ROUNDS, policy="released")


def compute_held() -> None:
    spin(ROUNDS, policy="held")


def mixed() -> None:
    wait()
    compute_released()
