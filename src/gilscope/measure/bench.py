"""The bench: every cell on every number of workers, kernel by kernel, in the rounds of a session.

In each round a kernel's cells follow plain C threads that do the same work (its ceiling), and all ceilings follow the
last round once more. Released cells are in every round: their speed-up needs two free cores, so it is the hardest to
measure. The other cells are in one of four rounds. Nothing is computed here: a row gets the raw seconds of its rounds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter

from gilscope.host import Environment, environment
from gilscope.kernels import Arguments, Kernel
from gilscope.measure.calibrate import calls_for, seconds_of, size_for
from gilscope.measure.session import Ceiling, Cell, Session
from gilscope.measure.verify import reference_at_tiny
from gilscope.pools import Function
from gilscope.results import Results, Row, Settings
from gilscope.variants import Variant, native

Progress = Callable[[float, str], None]

ROUNDS_WANTED = 40
ROUNDS_LEAST = 3
OTHERS_EVERY = 4
"""Cells that do not release are in one of so many rounds, after the first ROUNDS_LEAST."""
SAMPLE_LEAST, SAMPLE_MOST = 0.012, 0.1  # seconds


class WrongAnswerError(RuntimeError):
    """A cell disagrees with its reference, so it is not timed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure, and how."""

    cells: tuple[Variant, ...]
    counts: tuple[int, ...]
    """Numbers of workers, including the baseline, 1."""
    size: str | int
    scaling: str
    seconds: float
    sample: float
    """Seconds that one sample should take."""

    @property
    def mixed(self) -> bool:
        """Whether there are cells that release, which are measured more often than the others."""
        return any(cell.policy == "released" for cell in self.cells)


@dataclass(slots=True)
class _Measured:
    """One variant, calibrated."""

    variant: Variant
    cell: Cell
    size: str
    size_number: int
    work: int


@dataclass(slots=True)
class _Group:
    """A kernel's cells and the ceiling that they share."""

    kernel: Kernel
    unit: str
    cells: list[_Measured]
    ceiling: Ceiling

    def take(self, session: Session, *, whole: bool) -> None:
        """One round of all cells, or of those that release."""
        chosen = [m.cell for m in self.cells if whole or m.variant.policy == "released"]
        shared = self.ceiling is session.bracket  # measured by the session itself
        session.take(*([] if shared else [self.ceiling]), *chosen)


def bench(
    cells: Sequence[Variant],
    *,
    threads: Sequence[int] = (1, 2),
    size: str | int = "medium",
    scaling: str = "weak",
    seconds: float = 90,
    progress: Progress | None = None,
) -> Results:
    """Measure cells on numbers of threads.

    Parameters
    ----------
    cells
        What to measure; see gilscope.select.
    threads
        Numbers of workers. 1, the baseline, is always included.
    size
        "tiny", "small", "medium" or "large", reduced for slow implementations; or an exact number.
    scaling
        "weak": each worker has its own job. "strong": the workers share one job.
    seconds
        Time limit. At least three rounds are measured, however long they take.
    progress
        Called with the share done, 0 to 1, and a label.

    Returns
    -------
    Results
        One row per cell and number of workers. After Ctrl-C the rows have the complete rounds only, and `complete` is
        False.

    Raises
    ------
    WrongAnswerError
        A cell disagrees with its reference; the message names it.
    """
    counts = tuple(sorted({1, *threads}))
    plan = Plan(
        cells=tuple(cells),
        counts=counts,
        size=size,
        scaling=scaling,
        seconds=seconds,
        sample=_sample_seconds(cells, counts, seconds),
    )
    circumstances = environment()
    groups: list[_Group] = []
    with Session(counts, plan.sample, size="medium") as session:
        complete, rounds = _measure(plan, session, groups, progress or (lambda done, label: None))
        rows = [row for group in groups for row in _rows(group, plan, session.bracket, circumstances)]
    settings = Settings(
        threads=counts, size=str(size), scaling=scaling, seconds=seconds, sample_seconds=plan.sample, rounds=rounds
    )
    return Results(settings=settings, environment=circumstances, complete=complete, rows=tuple(rows))


def _measure(plan: Plan, session: Session, groups: list[_Group], report: Progress) -> tuple[bool, int]:
    """Measure round by round. Returns whether it came to its end, and the number of complete rounds."""
    started, rounds = perf_counter(), 0

    def done() -> float:
        return min(1.0, (perf_counter() - started) / plan.seconds)

    try:
        for kernel in dict.fromkeys(cell.kernel.name for cell in plan.cells):
            report(done(), f"calibrating {kernel}")
            groups.append(_calibrate([cell for cell in plan.cells if cell.kernel.name == kernel], plan, session))
        for _ in session.rounds(plan.seconds - (perf_counter() - started), ROUNDS_LEAST):
            whole = not plan.mixed or rounds < ROUNDS_LEAST or rounds % OTHERS_EVERY == 0
            for group in groups:
                report(done(), f"round {rounds + 1}: {group.kernel.name}")
                group.take(session, whole=whole)
            rounds += 1
        session.take(*(group.ceiling for group in groups if group.ceiling is not session.bracket))
    except KeyboardInterrupt:
        return False, rounds
    report(1.0, "done")
    return True, rounds


def _sample_seconds(cells: Sequence[Variant], counts: Sequence[int], seconds: float) -> float:
    """The seconds per sample with which ROUNDS_WANTED rounds fit; a cell that holds the GIL takes them per worker."""
    kernels = len({cell.kernel.name for cell in cells})
    samples = (kernels + 1) * len(counts) + sum(
        (1 if cell.policy == "released" else 1 / OTHERS_EVERY) * (count if cell.policy in ("held", "own") else 1)
        for cell in cells
        for count in counts
    )
    return min(SAMPLE_MOST, max(SAMPLE_LEAST, seconds / (samples * (ROUNDS_WANTED + 1))))


def _calibrate(variants: Sequence[Variant], plan: Plan, session: Session) -> _Group:
    """The cells of one kernel with their inputs and numbers of calls. WrongAnswerError if one disagrees."""
    kernel = variants[0].kernel

    @cache
    def inputs(number: int, seed: int) -> Arguments:
        return kernel.inputs(number, seed)

    @cache
    def jobs(number: int, count: int) -> list[Arguments]:
        if plan.scaling == "strong":
            return kernel.split(inputs(number, 0), count)
        return [inputs(number, seed) for seed in range(count)]

    @cache
    def calibrated(implementation: str) -> tuple[str, int, int]:
        """Size and calls, the same for every policy of an implementation."""
        function = _on_one_worker(next(v for v in variants if v.implementation == implementation))
        name = size_for(implementation, plan.size) if isinstance(plan.size, str) else str(plan.size)
        number = kernel.sizes[name] if isinstance(plan.size, str) else plan.size
        return name, number, calls_for(seconds_of(function, inputs(number, 0)), plan.sample)

    cells = []
    for variant in variants:
        _check(variant)
        name, number, calls = calibrated(variant.implementation)
        # A team shares the work of each call by itself, so its jobs are never split.
        whole = variant.implementation == "openmp" and plan.scaling == "strong"
        by_count = {count: jobs(number, 1 if whole else count) for count in plan.counts}
        cell = Cell(calls, function=variant, jobs=by_count, team=variant.implementation == "openmp")
        work = kernel.work(inputs(number, 0)) if kernel.work else number
        cells.append(_Measured(variant, cell, name, number, work))
    number = kernel.sizes[plan.size] if isinstance(plan.size, str) else plan.size
    ceiling = session.bracket  # a kernel that touches Python objects has no plain C threads of its own
    if kernel.releases:
        ceiling_jobs = {count: jobs(number, count) for count in plan.counts}
        ceiling = session.ceiling(native(kernel, "capi").ceiling, ceiling_jobs, plan.sample)
    return _Group(kernel, native(kernel, "capi").UNIT, cells, ceiling)


def _check(variant: Variant) -> None:
    kernel = variant.kernel
    tiny = kernel.inputs(kernel.sizes["tiny"], 0)
    if not kernel.agree(kernel.outcome(_on_one_worker(variant), tiny), reference_at_tiny(kernel)):
        raise WrongAnswerError(f"{variant} disagrees with its reference; see 'gilscope verify {kernel.name}'")


def _on_one_worker(variant: Variant) -> Function:
    if variant.implementation != "openmp":
        return variant
    return lambda *arguments: variant(*arguments, threads=1)


def _rows(group: _Group, plan: Plan, bracket: Ceiling, circumstances: Environment) -> list[Row]:
    return [
        Row(
            kernel=group.kernel.name,
            implementation=measured.variant.implementation,
            policy=measured.variant.policy,
            executor=_executor(measured, count),
            workers=count,
            scaling=plan.scaling,
            size=measured.size,
            size_number=measured.size_number,
            calls=measured.cell.calls,
            work=measured.work,
            unit=group.unit,
            seconds=tuple(measured.cell.seconds[count]),
            baseline_seconds=tuple(measured.cell.seconds[1]),
            ceiling_seconds=tuple(group.ceiling.seconds[count]),
            ceiling_baseline_seconds=tuple(group.ceiling.seconds[1]),
            machine_seconds=tuple(bracket.seconds[count]),
            machine_baseline_seconds=tuple(bracket.seconds[1]),
            machine_calls=bracket.calls,
            cpus=circumstances.cpus.usable,
        )
        for measured in group.cells
        if measured.cell.seconds
        for count in plan.counts
    ]


def _executor(measured: _Measured, count: int) -> str:
    if measured.cell.team:
        return "openmp"
    return "serial" if count == 1 else "threads"
