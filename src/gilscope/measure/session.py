"""The session: interleaved rounds, bracketed by plain C threads. All timings of gilscope come from here.

A round measures first the bracket (plain C threads that only compute, which show how fast the machine is now), then
whatever its user takes. Rounds follow each other until the time is up; the bracket follows the last one once more. So
a disturbance hits all cells alike, and every sample lies between two brackets. Nothing is computed here: a session
collects the raw seconds of its rounds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Self

from gilscope.kernels import Arguments, load
from gilscope.measure.calibrate import calls_for
from gilscope.pools import Function, Pool, Serial, Team, Threads
from gilscope.variants import native

Plain = Callable[[Sequence[Arguments], int], float]
"""The same work on plain C threads: (one job per thread, calls) -> seconds."""

Jobs = Mapping[int, Sequence[Arguments]]
"""By number of workers, the arguments of each."""


@dataclass(slots=True)
class Timed:
    """A thing to measure on each number of workers, and its raw values, one per round."""

    calls: int
    """Calls that each worker makes in one sample."""
    seconds: dict[int, list[float]] = field(default_factory=dict)
    """By number of workers, from the first worker's start to the last one's end."""
    cpu_seconds: dict[int, list[float]] = field(default_factory=dict)
    """By number of workers, the CPU time of the whole process in the same interval."""

    def busy(self, workers: int) -> tuple[float, ...]:
        """The CPUs that so many workers kept busy, one value per round."""
        pairs = zip(self.cpu_seconds[workers], self.seconds[workers], strict=True)
        return tuple(cpu / elapsed for cpu, elapsed in pairs)


@dataclass(slots=True)
class Cell(Timed):
    """A function that the workers of a pool call."""

    function: Function = field(kw_only=True)
    jobs: Jobs = field(kw_only=True)
    team: bool = field(default=False, kw_only=True)
    """Whether each call has its own team of threads (OpenMP), as many as workers."""

    def sample(self, pools: "Mapping[tuple[str, int], Pool]", workers: int) -> float:
        pool = pools["team" if self.team else "threads", workers]
        return pool.round(self.function, self.jobs[workers], self.calls)


@dataclass(slots=True)
class Ceiling(Timed):
    """The same work on plain C threads."""

    plain: Plain = field(kw_only=True)
    jobs: Jobs = field(kw_only=True)

    def sample(self, pools: "Mapping[tuple[str, int], Pool]", workers: int) -> float:
        return self.plain(self.jobs[workers], self.calls)


class Session:
    """Measure on each of the numbers of workers. Use it as a context manager: it owns the threads.

    Parameters
    ----------
    counts
        Numbers of workers.
    sample
        Seconds that one sample of the bracket should take.
    size
        The size of the kernel spin that the bracket computes.
    """

    def __init__(self, counts: Sequence[int], sample: float, size: str = "small") -> None:
        self.counts = tuple(sorted(set(counts)))
        self._size, self._sample = size, sample
        self._stack = ExitStack()
        self._pools: dict[tuple[str, int], Pool] = {}
        self._bracket: Ceiling | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for count in self.counts:
                self._pools["team", count] = Team(count)
                self._pools["threads", count] = stack.enter_context(Threads(count)) if count > 1 else Serial()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def bracket(self) -> Ceiling:
        """Plain C threads that only compute, calibrated on first use."""
        if self._bracket is None:
            spin = load()["spin"]
            jobs = [spin.inputs(spin.sizes[self._size], seed) for seed in range(max(self.counts))]
            self._bracket = self.ceiling(native(spin, "capi").ceiling, self.first(jobs), self._sample)
        return self._bracket

    def first(self, jobs: Sequence[Arguments]) -> Jobs:
        """For each number of workers, the first of these jobs, one per worker."""
        return {count: jobs[:count] for count in self.counts}

    def ceiling(self, plain: Plain, jobs: Jobs, sample: float) -> Ceiling:
        """Plain C threads that make as many calls as take `sample` seconds on one of them."""
        one = jobs[min(jobs)][:1]
        plain(one, 1)  # warms caches and pages
        return Ceiling(calls_for(plain(one, 1), sample), plain=plain, jobs=jobs)

    def take(self, *things: Cell | Ceiling) -> None:
        """Measure each of these once on every number of workers. Ctrl-C discards all values of the call."""
        values = []
        for thing in things:
            for count in self.counts:
                before = process_time()
                elapsed = thing.sample(self._pools, count)
                values.append((thing, count, elapsed, process_time() - before))
        for thing, count, elapsed, used in values:
            thing.seconds.setdefault(count, []).append(elapsed)
            thing.cpu_seconds.setdefault(count, []).append(used)

    def rounds(self, seconds: float, least: int, most: int | None = None) -> Iterator[int]:
        """Count rounds until the next one would exceed `seconds`, but at least `least` and at most `most`."""
        started, done = perf_counter(), 0
        while done < least or (perf_counter() - started) * (done + 1) / done < seconds:
            if done == most:
                break
            self.take(self.bracket)
            yield done
            done += 1
        self.take(self.bracket)
