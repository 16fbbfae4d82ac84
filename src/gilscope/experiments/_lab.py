"""What an experiment measures with: its time, rounds beside plain C threads, cells on one thread and on two."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from gilscope.host import usable_cpus
from gilscope.host.load import Neighbours
from gilscope.kernels import Arguments
from gilscope.measure.calibrate import calls_for, seconds_of
from gilscope.measure.session import Cell, Plain, Session, Timed
from gilscope.pools import Function
from gilscope.results import Bracket
from gilscope.stats import Interval, Scaling, fastest_interval

WORKERS = 2
"""Every lesson shows on two cores."""
ROUNDS_LEAST = 5
BRACKET_SAMPLE = 0.01  # seconds of plain C threads per round
SAMPLE = 0.015  # seconds of a cell's calls per round

Key = TypeVar("Key", bound=Hashable)
PlainKey = TypeVar("PlainKey", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Raw seconds of one cell on one thread and on two that do as much each, one value per round."""

    one: tuple[float, ...]
    many: tuple[float, ...]
    busy: tuple[float, ...] = ()
    """The CPUs that the two threads kept busy; empty for plain C threads."""
    factor: int = WORKERS
    """How much more work the many do."""
    calls: int = 1
    """Calls that each thread makes in one sample."""

    def scaling(self) -> Scaling:
        return Scaling(self.one, self.many, self.factor)

    def speedup(self) -> Interval:
        return self.scaling().speedup()

    def cpus_used(self) -> Interval:
        """CPUs that two threads kept busy in the busiest rounds: a disturbance only makes them fewer."""
        least = fastest_interval([-cpus for cpus in self.busy])
        return Interval(-least.median, -least.high, -least.low)


@dataclass(frozen=True, slots=True)
class Timings(Generic[Key, PlainKey]):
    """What Lab.scaling measured."""

    cells: dict[Key, Timing]
    plain: dict[PlainKey, Timing]


class Lab:
    """The means of one experiment, for `seconds`. Use it as a context manager: it owns two threads."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.cpus = usable_cpus()
        self._session = Session((1, WORKERS), BRACKET_SAMPLE)
        self._neighbours = Neighbours()

    def __enter__(self) -> Self:
        self._session.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._session.__exit__(*exception)

    def bracket(self) -> Bracket:
        """What plain C threads took in the rounds so far, and the CPU time that others used meanwhile."""
        seconds = self._session.bracket.seconds
        return Bracket(
            one=tuple(seconds.get(1, ())),
            many=tuple(seconds.get(WORKERS, ())),
            workers=WORKERS,
            cpus=self.cpus,
            others=self._neighbours.share(),
        )

    def rounds(self, part: float = 1.0, least: int = ROUNDS_LEAST) -> Iterator[int]:
        """Counts rounds until this part of the time is up, with the bracket measured before each."""
        return self._session.rounds(part * self.seconds, least)

    def scaling(
        self,
        cells: Mapping[Key, tuple[Function, Sequence[Arguments]]],
        sample: float = SAMPLE,
        part: float = 1.0,
        plain: Mapping[PlainKey, tuple[Plain, Sequence[Arguments]]] | None = None,
    ) -> Timings[Key, PlainKey]:
        """Interleaved rounds of every cell, on one thread and on two that do as much each.

        Parameters
        ----------
        cells
            By any key, a function and for each of WORKERS threads its arguments.
        sample
            Seconds of a cell's calls per round.
        part
            The part of the lab's time that this may take, 0 to 1.
        plain
            The same for work on plain C threads, by its ceiling function.
        """
        session = self._session
        timed = {
            key: Cell(calls_for(seconds_of(function, jobs[0]), sample), function=function, jobs=session.first(jobs))
            for key, (function, jobs) in cells.items()
        }
        ceilings = {
            key: session.ceiling(run, session.first(jobs), sample) for key, (run, jobs) in (plain or {}).items()
        }
        for _ in self.rounds(part):
            session.take(*ceilings.values(), *timed.values())
        return Timings(
            {key: _timing(cell, cell.busy(WORKERS)) for key, cell in timed.items()},
            {key: _timing(ceiling) for key, ceiling in ceilings.items()},
        )


def _timing(timed: Timed, busy: tuple[float, ...] = ()) -> Timing:
    return Timing(one=tuple(timed.seconds[1]), many=tuple(timed.seconds[WORKERS]), busy=busy, calls=timed.calls)
