"""From a results document to what the page shows: everything that the templates need, computed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from gilscope.experiments import Place, rule
from gilscope.experiments import load as load_experiments
from gilscope.html.text import fact, plural, readable
from gilscope.kernels import Kernel, load
from gilscope.results import Finding, Results, Row, Ruling
from gilscope.results.codec import encode
from gilscope.stats import Interval, Verdict

NAMES = {"capi": "C", "cython": "Cython", "openmp": "OpenMP", "numpy": "NumPy", "python": "Python"}
"""The implementations as the page calls them, in the order of its charts."""
NATIVE = ("capi", "cython")
"""The bindings that take a policy."""
POLICIES = ("released", "auto", "held", "own")


@dataclass(frozen=True, slots=True)
class Cell:
    """A row with everything that follows from it."""

    row: Row
    seconds_per_call: Interval
    seconds_per_unit: Interval
    speedup: Interval
    ceiling: Interval
    machine: Interval
    verdict: Verdict
    reason: str

    @classmethod
    def of(cls, row: Row) -> Cell:
        intervals = row.seconds_per_call(), row.seconds_per_unit(), row.speedup(), row.ceiling(), row.machine()
        return cls(row, *intervals, *row.verdict_and_reason())

    @property
    def kernel(self) -> str:
        return self.row.kernel

    @property
    def implementation(self) -> str:
        return self.row.implementation

    @property
    def policy(self) -> str:
        return self.row.policy

    @property
    def workers(self) -> int:
        return self.row.workers

    @property
    def name(self) -> str:
        return NAMES.get(self.implementation, self.implementation)

    @property
    def conclusive(self) -> bool:
        return self.verdict != "inconclusive"


@dataclass(frozen=True, slots=True)
class Words:
    """The names of the two native policies: without a GIL there is none to hold."""

    place: str
    held: str
    released: str

    @property
    def both(self) -> tuple[str, str]:
        """Released first."""
        return self.released, self.held

    def __getitem__(self, policy: str) -> str:
        return {"held": self.held, "released": self.released}.get(policy, policy)


WITH_GIL = Words("On this machine", "held", "released")
WITHOUT_GIL = Words("On this machine, without a GIL", "attached", "detached")


@dataclass(frozen=True, slots=True)
class Opinion:
    """A verdict, with the cells of one policy of a kernel that share it."""

    policy: str
    verdict: Verdict
    reasons: str


@dataclass(frozen=True, slots=True)
class Section:
    """The part of the page about one kernel."""

    name: str
    summary: str
    lesson: str
    source: str
    unit: str
    counts: tuple[int, ...]
    """Numbers of workers above one."""
    cells: tuple[Cell, ...]
    opinions: tuple[Opinion, ...]

    def on(self, workers: int) -> list[Cell]:
        return [cell for cell in self.cells if cell.workers == workers]

    def native(self, workers: int, policy: str) -> Cell | None:
        """The cell of this policy in C, or in Cython if there is none in C."""
        return next((c for c in self.on(workers) if c.policy == policy and c.implementation in NATIVE), None)

    def ceiling(self, workers: int) -> Interval | None:
        """The ceiling of the cells; if theirs differ, the median and the range of all."""
        return common_ceiling(self.on(workers))

    def machine(self, workers: int) -> Interval | None:
        """The speed-up of plain C threads that only compute, in the same rounds."""
        return next((cell.machine for cell in self.on(workers)), None)

    def times(self) -> list[Cell]:
        """One cell per implementation on one worker, the slowest first; the policies differ by nanoseconds there."""
        chosen: dict[str, Cell] = {}
        for policy in ("held", "own", "released"):  # the later one wins
            chosen |= {cell.implementation: cell for cell in self.on(1) if cell.policy == policy}
        chosen.pop("openmp", None)  # on one thread it is the Cython loop again
        return sorted(chosen.values(), key=lambda cell: -cell.seconds_per_unit.median)


@dataclass(frozen=True, slots=True)
class Claim:
    """The part of the page about one finding. Without its experiment in this installation, some texts are empty."""

    name: str
    claim: str
    ruling: Ruling
    why: str
    refuted_by: str
    reading: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class View:
    """All that the page shows, except the headline."""

    deck: str
    created: str
    complete: bool
    workers: int
    words: Words
    claims: tuple[Claim, ...]
    cells: tuple[Cell, ...]
    sections: tuple[Section, ...]
    environment: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Groups of (name, value)."""
    settings: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]

    def ranked(self) -> list[Section]:
        """The sections with native cells on several workers: the largest gain first, those without release last."""
        shown = [s for s in self.sections if s.native(self.workers, "released") or s.native(self.workers, "held")]

        def key(section: Section) -> tuple[bool, float, str]:
            released = section.native(self.workers, "released")
            return released is None, -released.speedup.median if released else 0, section.name

        return sorted(shown, key=key) if self.workers > 1 else []


def view(results: Results, warnings: Sequence[str] = ()) -> View:
    """The view of a document: what the page shows.

    Parameters
    ----------
    results
        The document.
    warnings
        Warnings about the circumstances of the measurement, one line each.

    Returns
    -------
    View
        With the texts of this installation's kernels and experiments, and verdicts computed now.
    """
    cells = cells_of(results)
    kernels = load()
    names = list(dict.fromkeys(cell.kernel for cell in cells))
    workers = workers_of(cells)
    claims = claims_of(results)
    return View(
        deck=_deck(results, cells, claims),
        created=results.created,
        complete=results.complete,
        workers=workers,
        words=words_of(results),
        claims=claims,
        cells=cells,
        sections=tuple(
            _section(name, kernels.get(name), [cell for cell in cells if cell.kernel == name], workers)
            for name in names
        ),
        environment=tuple(_groups(results)),
        settings=tuple(
            (readable(key), fact(value, key)) for key, value in encode(results.settings).items() if value is not None
        ),
        warnings=tuple(warnings),
    )


def cells_of(results: Results) -> tuple[Cell, ...]:
    """All cells: kernels in the document's order, cells of a kernel in the order of the charts."""
    kernels = list(dict.fromkeys(row.kernel for row in results.rows))

    def key(row: Row) -> tuple[int, int, int, int]:
        policy, implementation = _place(POLICIES, row.policy), _place(list(NAMES), row.implementation)
        return kernels.index(row.kernel), row.workers, policy, implementation

    return tuple(Cell.of(row) for row in sorted(results.rows, key=key))


def workers_of(cells: Sequence[Cell]) -> int:
    """The number of workers that the page is about: the largest with a CPU per worker, or else the largest."""
    counts = sorted({cell.workers for cell in cells}) or [1]
    fitting = [count for count in counts if 1 < count <= cells[0].row.cpus]
    return fitting[-1] if fitting else counts[-1]


def claims_of(results: Results) -> tuple[Claim, ...]:
    """Every finding, with a verdict computed by this installation if it has the experiment."""
    return tuple(_claim(finding) for finding in results.findings)


def words_of(results: Results) -> Words:
    return WITH_GIL if results.environment.python.gil_enabled else WITHOUT_GIL


def common_ceiling(cells: Iterable[Cell]) -> Interval | None:
    """The median of the cells' ceilings, and the range of all."""
    ceilings = [cell.ceiling for cell in cells]
    if not ceilings:
        return None
    return Interval(
        median(ceiling.median for ceiling in ceilings), min(c.low for c in ceilings), max(c.high for c in ceilings)
    )


def cpus_text(count: float) -> str:
    return f"{count:.3g} CPU{'s' * (count != 1)}"


def _claim(finding: Finding) -> Claim:
    experiment = load_experiments().get(finding.name)
    return Claim(
        name=finding.name,
        claim=finding.claim,
        ruling=rule(finding),
        why=experiment.why if experiment else "",
        refuted_by=experiment.refuted_by if experiment else "",
        reading=experiment.reading if experiment else "",
        places=experiment.places if experiment else (),
    )


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _section(name: str, kernel: Kernel | None, cells: Sequence[Cell], workers: int) -> Section:
    return Section(
        name=name,
        summary=kernel.summary if kernel else "this installation does not have the kernel",
        lesson=kernel.lesson if kernel else "",
        source=kernel.source if kernel else "",
        unit=cells[0].row.unit,
        counts=tuple(sorted({cell.workers for cell in cells if cell.workers > 1})),
        cells=tuple(cells),
        opinions=tuple(_opinions([cell for cell in cells if cell.workers == workers > 1])),
    )


def _opinions(cells: Sequence[Cell]) -> list[Opinion]:
    groups: dict[tuple[str, Verdict], list[Cell]] = {}
    for cell in cells:
        if cell.implementation in NATIVE:
            groups.setdefault((cell.policy, cell.verdict), []).append(cell)
    return [Opinion(policy, verdict, _reasons(group)) for (policy, verdict), group in groups.items()]


def _reasons(cells: Sequence[Cell]) -> str:
    """The reasons, with their common part once: C 98%, Cython 97% of the possible gain."""
    split = [cell.reason.partition(" ") for cell in cells]
    if len({rest for _, _, rest in split}) == 1 and all(figure.endswith("%") for figure, _, _ in split):
        figures = ", ".join(f"{cell.name} {figure}" for cell, (figure, _, _) in zip(cells, split, strict=True))
        return f"{figures} {split[0][2]}"
    if len({cell.reason for cell in cells}) == 1:
        return cells[0].reason
    return "; ".join(f"{cell.name}: {cell.reason}" for cell in cells)


def _deck(results: Results, cells: Sequence[Cell], claims: Sequence[Claim]) -> str:
    """The circumstances, in one line."""
    if not cells and not claims:
        return ""
    parts = [plural(len(claims), "claim")] if claims else []
    if cells:
        parts += [
            plural(len({cell.kernel for cell in cells}), "kernel"),
            plural(max(cell.row.rounds for cell in cells), "interleaved round"),
        ]
    python = results.environment.python
    if python.version:
        parts.append(f"{python.implementation or 'Python'} {python.version}")
    if cells:
        parts.append(f"{cpus_text(cells[0].row.cpus)} usable")
    with suppress(ValueError):
        parts.append(f"{datetime.fromisoformat(results.created):%-d %B %Y, %H:%M} UTC")
    return " · ".join(parts)


def _groups(results: Results) -> Iterable[tuple[str, tuple[tuple[str, str], ...]]]:
    """One group per object among the values, then one of the plain values."""
    groups = encode(results.environment)
    for key, value in groups.items():
        if isinstance(value, dict):
            yield readable(key), tuple((readable(name), fact(item, name)) for name, item in value.items())
    plain = [(readable(key), fact(value, key)) for key, value in groups.items() if not isinstance(value, dict)]
    yield "other", tuple(plain)
