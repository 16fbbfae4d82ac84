"""The measurement: every cell on every number of workers, interleaved, in the company of the ceiling.

A round is: plain C threads that only compute (what the machine gives), and then kernel by kernel plain C threads
that do its own work (its ceiling), and its cells on every number of workers. Rounds follow each other until the time
is up, and the last is followed by both ceilings once more. So a disturbance hits all kernels and not one, every
sample lies between two of its ceiling, and both are measured as often. The released cells are in every round, since
their speed-up takes two free cores and so is the hardest to tell; the others, beside them, in one of four.
Nothing is computed here: a row gets the raw seconds of its rounds.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter
from typing import Any

from gilscope.kernels import Arguments, Kernel, load
from gilscope.measure import record
from gilscope.measure.calibrate import calls_for, seconds_of, size_for
from gilscope.measure.environment import environment
from gilscope.measure.verify import reference_at_tiny
from gilscope.pools import Function, Pool, Serial, Team, Threads
from gilscope.variants import Variant, native

Progress = Callable[[float, str], None]
Ceiling = Callable[[int], float]
"""Number of threads -> the seconds that they take right now."""

ROUNDS_WANTED = 40
ROUNDS_LEAST = 3
OTHERS_EVERY = 4
"""Rounds, once the least number of them is made, for the cells that do not release."""
SAMPLE_LEAST, SAMPLE_MOST = 0.012, 0.1  # seconds


class WrongAnswerError(RuntimeError):
    """A cell that does not agree with its reference: it is not timed."""


@dataclass(slots=True)
class _Cell:
    """One variant, calibrated, and its raw seconds by number of workers."""

    variant: Variant
    size: str
    size_number: int
    calls: int
    work: int
    jobs: dict[int, list[Arguments]]
    seconds: dict[int, list[float]]


@dataclass(slots=True)
class _Group:
    """A kernel's cells and the ceiling that they share, measured round by round."""

    kernel: Kernel
    unit: str
    cells: list[_Cell]
    ceiling: Ceiling
    ceiling_seconds: dict[int, list[float]] = field(default_factory=dict)


def bench(
    cells: Sequence[Variant],
    *,
    threads: Sequence[int] = (1, 2),
    size: str | int = "medium",
    scaling: str = "weak",
    seconds: float = 90,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measures the cells and returns a results document (see gilscope.measure.record).

    threads: numbers of workers; 1, the baseline, is always among them.
    size: a name, taken smaller for the references, or a number, taken as it is.
    scaling: "weak", each worker a job of its own, or "strong", the workers share one job.
    seconds: how long it may take; at least three rounds are made, however long they are.
    progress: called with the part done, 0 to 1, and what is being done.

    Ctrl-C ends it early: the document then holds the rounds that were complete, with "complete": false.
    WrongAnswerError names a cell that disagrees with its reference.
    """
    counts = sorted({1, *threads})
    mixed = any(cell.policy == "released" for cell in cells)
    started = perf_counter()
    sample = _sample_seconds(cells, counts, seconds)
    settings: dict[str, Any] = {
        "threads": counts,
        "size": str(size),
        "scaling": scaling,
        "seconds": seconds,
        "sample_seconds": sample,
    }
    circumstances = environment()
    cpus = float(circumstances["cpus"]["usable"])
    report = progress or (lambda done, label: None)
    groups: list[_Group] = []
    free: dict[int, list[float]] = {}
    complete, rounds, machine_calls = True, 0, 0
    try:
        with ExitStack() as stack:
            pools: dict[tuple[str, int], Pool] = {}
            for count in counts:
                pools["openmp", count] = Team(count)
                pools["threads", count] = stack.enter_context(Threads(count)) if count > 1 else Serial()
            names = list(dict.fromkeys(cell.kernel.name for cell in cells))
            spin = load()["spin"]
            machine, machine_calls = _ceiling(
                spin, lambda count: [spin.inputs(spin.sizes["medium"], seed) for seed in range(count)], sample
            )
            for name in names:
                report(_part(started, seconds), f"calibrating {name}")
                mine = [cell for cell in cells if cell.kernel.name == name]
                groups.append(_calibrate(mine, counts, size, scaling, sample, machine))
            while rounds < ROUNDS_LEAST or _part(started, seconds) * (rounds + 1) / max(rounds, 1) < 1:
                _keep(free, machine, counts)
                whole = not mixed or rounds < ROUNDS_LEAST or rounds % OTHERS_EVERY == 0
                for group in groups:
                    report(_part(started, seconds), f"round {rounds + 1}: {group.kernel.name}")
                    _round(group, pools, counts, whole=whole)
                rounds += 1
            _keep(free, machine, counts)
            for group in groups:
                _keep(group.ceiling_seconds, group.ceiling, counts)
    except KeyboardInterrupt:
        complete = False
    report(1.0, "done")
    settings["rounds"] = rounds
    rows = [row for group in groups for row in _rows(group, counts, scaling, cpus, free, machine_calls)]
    return record.document(rows, settings, circumstances, complete)


def _part(started: float, seconds: float) -> float:
    return min(1.0, (perf_counter() - started) / seconds)


def _sample_seconds(cells: Sequence[Variant], counts: Sequence[int], seconds: float) -> float:
    """Shares the time out: so that all samples of ROUNDS_WANTED rounds fit, one that holds counting once a worker."""
    kernels = len({cell.kernel.name for cell in cells})
    samples = (kernels + 1) * len(counts) + sum(
        (1 if cell.policy == "released" else 1 / OTHERS_EVERY) * (count if cell.policy in ("held", "own") else 1)
        for cell in cells
        for count in counts
    )
    return min(SAMPLE_MOST, max(SAMPLE_LEAST, seconds / (samples * (ROUNDS_WANTED + 1))))


def _calibrate(
    variants: Sequence[Variant], counts: Sequence[int], size: str | int, scaling: str, sample: float, machine: Ceiling
) -> _Group:
    kernel = variants[0].kernel

    @cache
    def inputs(number: int, seed: int) -> Arguments:
        return kernel.inputs(number, seed)

    @cache
    def jobs(number: int, count: int) -> list[Arguments]:
        if scaling == "strong":
            return kernel.split(inputs(number, 0), count)
        return [inputs(number, seed) for seed in range(count)]

    @cache
    def calibrated(implementation: str) -> tuple[str, int, int]:
        """Size and calls, alike for every policy of an implementation."""
        function = _on_one_worker(next(v for v in variants if v.implementation == implementation))
        name = size_for(implementation, size) if isinstance(size, str) else str(size)
        number = kernel.sizes[name] if isinstance(size, str) else size
        return name, number, calls_for(seconds_of(function, inputs(number, 0)), sample)

    expected = reference_at_tiny(kernel)
    cells = []
    for variant in variants:
        tiny = kernel.inputs(kernel.sizes["tiny"], 0)
        if not kernel.agree(kernel.outcome(_on_one_worker(variant), tiny), expected):
            raise WrongAnswerError(f"{variant} disagrees with its reference; see 'gilscope verify {kernel.name}'")
        name, number, calls = calibrated(variant.implementation)
        # A team shares the work of each call by itself, so its jobs are never split.
        whole = variant.implementation == "openmp" and scaling == "strong"
        cells.append(
            _Cell(
                variant,
                name,
                number,
                calls,
                work=kernel.work(inputs(number, 0)) if kernel.work else number,
                jobs={count: jobs(number, 1 if whole else count) for count in counts},
                seconds={count: [] for count in counts},
            )
        )
    number = kernel.sizes[size] if isinstance(size, str) else size
    # A kernel that touches Python objects has no plain C threads of its own: the machine is its ceiling.
    ceiling = _ceiling(kernel, lambda count: jobs(number, count), sample)[0] if kernel.releases else machine
    return _Group(kernel, native(kernel, "capi").UNIT, cells, ceiling)


def _on_one_worker(variant: Variant) -> Function:
    if variant.implementation != "openmp":
        return variant
    return lambda *arguments: variant(*arguments, threads=1)


def _ceiling(kernel: Kernel, jobs: Callable[[int], list[Arguments]], sample: float) -> tuple[Ceiling, int]:
    """The kernel's own core on plain threads, one a job; and the calls that each thread makes."""
    run: Callable[[list[Arguments], int], float] = native(kernel, "capi").ceiling
    run(jobs(1), 1)
    calls = calls_for(run(jobs(1), 1), sample)
    return lambda count: run(jobs(count), calls), calls


def _keep(kept: dict[int, list[float]], ceiling: Ceiling, counts: Sequence[int]) -> None:
    """Measures a ceiling once on each number of threads."""
    for count, elapsed in [(count, ceiling(count)) for count in counts]:
        kept.setdefault(count, []).append(elapsed)


def _round(group: _Group, pools: dict[tuple[str, int], Pool], counts: Sequence[int], *, whole: bool) -> None:
    """One round of a kernel: of all its cells, or of those that release. Kept only when none of it is missing."""
    limits: dict[int, list[float]] = {}
    _keep(limits, group.ceiling, counts)
    taken = []
    for cell in group.cells:
        if not (whole or cell.variant.policy == "released"):
            continue
        executor = "openmp" if cell.variant.implementation == "openmp" else "threads"
        for count in counts:
            elapsed = pools[executor, count].round(cell.variant, cell.jobs[count], cell.calls)
            taken.append((cell.seconds[count], elapsed))
    for values, elapsed in taken:
        values.append(elapsed)
    for count, values in limits.items():
        group.ceiling_seconds.setdefault(count, []).extend(values)


def _rows(
    group: _Group,
    counts: Sequence[int],
    scaling: str,
    cpus: float,
    free: Mapping[int, list[float]],
    machine_calls: int,
) -> list[record.Row]:
    if not group.ceiling_seconds:
        return []
    return [
        record.Row(
            kernel=group.kernel.name,
            implementation=cell.variant.implementation,
            policy=cell.variant.policy,
            executor=_executor(cell, count),
            workers=count,
            scaling=scaling,
            size=cell.size,
            size_number=cell.size_number,
            calls=cell.calls,
            work=cell.work,
            unit=group.unit,
            seconds=cell.seconds[count],
            baseline_seconds=cell.seconds[1],
            ceiling_seconds=group.ceiling_seconds[count],
            ceiling_baseline_seconds=group.ceiling_seconds[1],
            machine_seconds=free[count],
            machine_baseline_seconds=free[1],
            machine_calls=machine_calls,
            cpus=cpus,
        )
        for cell in group.cells
        for count in counts
    ]


def _executor(cell: _Cell, count: int) -> str:
    if cell.variant.implementation == "openmp":
        return "openmp"
    return "serial" if count == 1 else "threads"
