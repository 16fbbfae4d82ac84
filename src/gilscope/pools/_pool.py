"""The protocol, and the pools that need no workers of their own."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter_ns
from typing import Any, Protocol

from gilscope.kernels import Arguments

Function = Callable[..., Any]


class Pool(Protocol):
    """What runs a round. `workers` is the number of jobs that a round takes."""

    executor: str
    workers: int

    def round(self, function: Function, jobs: Sequence[Arguments], calls: int) -> float:
        """Runs one round and returns its seconds. What a worker raises is raised here."""


class Stop:
    """Set from another thread, it ends a round after the calls that are running now."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = False


def repeat(function: Function, job: Arguments, calls: int, stop: Stop) -> tuple[int, int]:
    """Calls the function with the job; returns the monotonic ns at the start and the end."""
    started = perf_counter_ns()
    for _ in range(calls):
        function(*job)
        if stop.now:
            break
    return started, perf_counter_ns()


class Serial:
    """One worker: the calling thread itself. The baseline of every speed-up."""

    executor = "serial"
    workers = 1

    def round(self, function: Function, jobs: Sequence[Arguments], calls: int) -> float:
        (job,) = jobs
        started, ended = repeat(function, job, calls, Stop())
        return (ended - started) / 1e9


class Team:
    """Calls that have a team of threads inside (OpenMP): the jobs one after another, each by the whole team."""

    executor = "openmp"

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def round(self, function: Function, jobs: Sequence[Arguments], calls: int) -> float:
        team = partial(function, threads=self.workers)
        times = [repeat(team, job, calls, Stop()) for job in jobs]
        return sum(ended - started for started, ended in times) / 1e9
