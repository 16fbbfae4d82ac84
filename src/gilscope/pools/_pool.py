"""The protocol, and the pools that need no workers of their own."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter_ns
from typing import Any, Protocol

from gilscope.kernels import Arguments

Function = Callable[..., Any]


class Pool(Protocol):
    """An executor of rounds.

    Attributes
    ----------
    executor
        Its name in the results: "serial", "threads" or "openmp".
    workers
        The number of jobs that a round takes.
    """

    executor: str
    workers: int

    def round(self, function: Function, jobs: Sequence[Arguments], calls: int) -> float:
        """Run one round.

        Parameters
        ----------
        function
            The function to call.
        jobs
            The arguments of each worker, one tuple per worker.
        calls
            The calls that each worker makes.

        Returns
        -------
        float
            Seconds from the first worker's start to the last one's end. An exception of a worker is raised here.
        """


class Stop:
    """A flag that another thread sets to end a round after the current calls."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = False


def repeat(function: Function, job: Arguments, calls: int, stop: Stop) -> tuple[int, int]:
    """Call the function with the job; return the start and the end, in monotonic ns."""
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
    """Calls with their own team of threads (OpenMP): one job after another, each by the whole team."""

    executor = "openmp"

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def round(self, function: Function, jobs: Sequence[Arguments], calls: int) -> float:
        team = partial(function, threads=self.workers)
        times = [repeat(team, job, calls, Stop()) for job in jobs]
        return sum(ended - started for started, ended in times) / 1e9
