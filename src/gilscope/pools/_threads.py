"""A pool of persistent threads."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from gilscope.kernels import Arguments
from gilscope.pools._pool import Function, Stop, repeat


class Threads:
    """Threads that live as long as the pool, one job each. Use it as a context manager.

    If a round is interrupted (Ctrl-C in the main thread, or an error in one worker), the other workers stop after their
    current call.

    Parameters
    ----------
    workers
        The number of threads. ValueError if it is below 1.
    """

    executor = "threads"

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least 1 worker, not {workers}")
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="gilscope-worker")
        self._barrier = threading.Barrier(workers)
        self._stop = Stop()

    def round(self, function: Function, jobs: Sequence[Arguments], calls: int) -> float:
        if len(jobs) != self.workers:
            raise ValueError(f"{self.workers} workers need as many jobs, not {len(jobs)}")
        self._stop = Stop()
        self._barrier.reset()
        futures: list[Future[tuple[int, int]]] = []
        try:
            futures += [self._pool.submit(self._work, function, job, calls) for job in jobs]
            times = [future.result() for future in futures]
        except BaseException:
            self._stop.now = True
            self._barrier.abort()
            for future in futures:
                future.exception()  # waits; the first error is raised
            raise
        return (max(end for _, end in times) - min(start for start, _ in times)) / 1e9

    def _work(self, function: Function, job: Arguments, calls: int) -> tuple[int, int]:
        self._barrier.wait()
        return repeat(function, job, calls, self._stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.now = True
        self._barrier.abort()
        self._pool.shutdown(wait=True, cancel_futures=True)
