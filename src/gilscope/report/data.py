"""From a results document to what the page says: a pure function, and the sentence on top of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import floor, log10
from statistics import median
from typing import Any

from gilscope.experiments import Experiment, Place
from gilscope.experiments import load as load_experiments
from gilscope.kernels import Kernel, load
from gilscope.measure import record
from gilscope.measure.stats import ROUNDS_LEAST, Interval, judge_intervals, median_interval

NAMES = {"capi": "C", "cython": "Cython", "openmp": "OpenMP", "numpy": "NumPy", "python": "Python"}
"""The implementations as the page calls them, in the order of its charts."""
NATIVE = ("capi", "cython")
"""The bindings that take a policy."""
POLICIES = ("released", "auto", "held", "own")

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """A row of the document, read back."""

    kernel: str
    implementation: str
    policy: str
    workers: int
    size: str
    rounds: int
    work: int
    unit: str
    seconds_per_call: Interval
    speedup: Interval
    ceiling: Interval
    machine: Interval
    cpus: float
    verdict: str
    reason: str

    @property
    def name(self) -> str:
        return NAMES.get(self.implementation, self.implementation)

    @property
    def conclusive(self) -> bool:
        return self.verdict != "inconclusive"

    def seconds_per_unit(self) -> Interval:
        work = max(self.work, 1)
        time = self.seconds_per_call
        return Interval(time.median / work, time.low / work, time.high / work)


@dataclass(frozen=True, slots=True)
class Words:
    """What the two native policies are called: without a GIL there is none to hold."""

    place: str
    held: str
    released: str

    def __getitem__(self, policy: str) -> str:
        return {"held": self.held, "released": self.released}.get(policy, policy)


WITH_GIL = Words("On this machine", "held", "released")
WITHOUT_GIL = Words("On this machine, without a GIL", "attached", "detached")


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on the cells of one policy of a kernel that got the same one."""

    policy: str
    verdict: str
    reasons: str


@dataclass(frozen=True, slots=True)
class Section:
    """A kernel's part of the page."""

    name: str
    summary: str
    lesson: str
    source: str
    unit: str
    counts: tuple[int, ...]
    """Numbers of workers above one."""
    cells: tuple[Cell, ...]
    judgements: tuple[Judgement, ...]

    def on(self, workers: int) -> list[Cell]:
        return [cell for cell in self.cells if cell.workers == workers]

    def native(self, workers: int, policy: str) -> Cell | None:
        """The cell of this policy in C, or in Cython where there is none in C."""
        return next((c for c in self.on(workers) if c.policy == policy and c.implementation in NATIVE), None)

    def ceiling(self, workers: int) -> Interval | None:
        """The cells' common ceiling; where theirs differ, the middle one, and the range of all."""
        return common_ceiling(self.on(workers))

    def machine(self, workers: int) -> Interval | None:
        """What plain C threads that only compute gained meanwhile."""
        return next((cell.machine for cell in self.on(workers)), None)

    def times(self) -> list[Cell]:
        """One cell an implementation on one worker, the slowest first; the policies differ by nanoseconds there."""
        chosen: dict[str, Cell] = {}
        for policy in ("held", "own", "released"):  # the later one wins
            chosen |= {cell.implementation: cell for cell in self.on(1) if cell.policy == policy}
        chosen.pop("openmp", None)  # on one thread it is the Cython loop again
        return sorted(chosen.values(), key=lambda cell: -cell.seconds_per_unit().median)


@dataclass(frozen=True, slots=True)
class Claim:
    """A finding's part of the page. The experiment's own words are empty where this installation has none of it."""

    name: str
    claim: str
    verdict: str
    reason: str
    evidence: str
    charts: tuple[Mapping[str, Any], ...]
    why: str
    refuted_by: str
    reading: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class View:
    """All that the page says."""

    headline: str
    deck: str
    created: str
    complete: bool
    workers: int
    words: Words
    claims: tuple[Claim, ...]
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


def view(document: Document, warnings: Sequence[str] = ()) -> View:
    """The view of a document. The kernels' own words come from this installation, where it has such kernels.

    RecordError if a row is not as the format says.
    """
    cells = _cells(document)
    kernels = load()
    names = list(dict.fromkeys(cell.kernel for cell in cells))
    workers = _workers(cells)
    claims = tuple(_claims(document))
    return View(
        headline=headline(document),
        deck=_deck(document, cells, claims),
        created=str(document.get("created", "")),
        complete=bool(document.get("complete", True)),
        workers=workers,
        words=_words(document),
        claims=claims,
        sections=tuple(
            _section(name, kernels.get(name), [cell for cell in cells if cell.kernel == name], workers)
            for name in names
        ),
        environment=tuple(_groups(document.get("environment", {}))),
        settings=tuple((_readable(key), _text(value, key)) for key, value in document.get("settings", {}).items()),
        warnings=tuple(warnings),
    )


def headline(document: Document) -> str:
    """What the document says, in a few sentences: the median of the native cells on the most workers measured, and how
    many claims got which verdict."""
    cells = _cells(document)
    complete = document.get("complete", True)
    tally = _tally(_claims(document)) if document.get("findings") else ""
    if tally and not cells:
        return tally if complete else f"Interrupted. {tally}"
    if not cells:
        return "Nothing was measured." if complete else "Interrupted in the first round: nothing was measured."
    workers = _workers(cells)
    native = [cell for cell in cells if cell.implementation in NATIVE]
    if not native:
        sentence = "No C or Cython kernel was measured, so nothing is said about the GIL."
    elif workers == 1:
        sentence = "Measured on one thread only; a speed-up takes two or more (--threads 1,2)."
    else:
        on_most = [cell for cell in native if cell.workers == workers]
        sentence = _sentence(on_most, workers, _words(document))
    rounds = _plural(max(cell.rounds for cell in cells), "round")
    return " ".join(filter(None, ("" if complete else f"Interrupted after {rounds}.", sentence, tally)))


def _tally(claims: Sequence[Claim]) -> str:
    """How many claims got which verdict."""
    counts = Counter(claim.verdict for claim in claims)
    verdicts = ("confirmed", "refuted", "inconclusive", "not measurable here")
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in verdicts if counts[verdict])
    return f"{_plural(len(claims), 'claim')} put to the test on this machine: {said}."


def _sentence(cells: Sequence[Cell], workers: int, words: Words) -> str:
    released = [cell for cell in cells if cell.policy == "released"]
    held = [cell for cell in cells if cell.policy == "held"]
    cpus = cells[0].cpus
    if cpus <= 1:
        figures = [
            f"{word} {_middle(cells):.2f}x" for word, cells in ((words.released, released), (words.held, held)) if cells
        ]
        return (
            f"Python may use {_cpus(cpus)} of this machine, so no two threads can run side by "
            f"side: {', '.join(figures)} of one thread's speed on {workers} threads."
        )
    judged = released or held
    unclear = [cell for cell in judged if not cell.conclusive]
    told = judged if _clear_together(judged) else [cell for cell in judged if cell.conclusive]
    if len(told) * 2 < len(judged):
        first = unclear[0]
        return (
            f"Inconclusive: {len(unclear)} of {len(judged)} {words['released' if released else 'held']} cells gave no "
            f"clear answer (the first, {first.kernel} in {first.name}: {first.reason}); "
            "measure again, longer or on a quieter machine."
        )
    if not released:
        return (
            f"{words.place}, {workers} threads ran {_kernels(told, words.held)} {_middle(told):.2f}x as fast as one "
            f"({_ceiling(told):.2f}x is what the machine gives); no {words.released} kernel was measured."
        )
    held = [cell for cell in held if cell.conclusive]
    sentence = (
        f"{words.place}, {workers} threads ran {_kernels(told, words.released)} {_middle(told):.2f}x as fast as "
        f"one ({_ceiling(told):.2f}x is what the machine gives)"
    )
    sentence += f"; {words.held}, {_middle(held):.2f}x." if held else "."
    if unclear:
        sentence += f" {len(unclear)} of {len(judged)} {words.released} cells gave no clear answer by themselves."
    return sentence


def _clear_together(cells: Sequence[Cell]) -> bool:
    """Whether many cells taken together are clear, though some of them may not be so by themselves."""
    if len({cell.kernel for cell in cells}) < ROUNDS_LEAST or cells[0].rounds < ROUNDS_LEAST:
        return False
    verdict, _ = judge_intervals(
        median_interval([cell.speedup.median for cell in cells]),
        median_interval([cell.ceiling.median for cell in cells]),
        median_interval([cell.machine.median for cell in cells]),
        cells[0].workers,
        cells[0].cpus,
    )
    return verdict != "inconclusive"


def common_ceiling(cells: Iterable[Cell]) -> Interval | None:
    ceilings = [cell.ceiling for cell in cells]
    if not ceilings:
        return None
    return Interval(
        median(ceiling.median for ceiling in ceilings), min(c.low for c in ceilings), max(c.high for c in ceilings)
    )


def duration(seconds: float) -> str:
    """A time as people write it, with three significant digits: 3.42 ms."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{_digits(seconds * factor)} {unit}"
    return f"{_digits(seconds * 1e9)} ns"


def _plural(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def factor(value: float, places: int = 2) -> str:
    """1.97 as 1.97 with a multiplication sign."""
    return f"{value:.{places}f}\N{MULTIPLICATION SIGN}"


def singular(unit: str) -> str:
    return unit.removesuffix("ies") + "y" if unit.endswith("ies") else unit.removesuffix("s")


def _digits(value: float) -> str:
    """Three significant digits, without an exponent."""
    places = 2 - floor(log10(value)) if value > 0 else 0
    return f"{value:.{max(places, 0)}f}"


def _middle(cells: Sequence[Cell]) -> float:
    return median(cell.speedup.median for cell in cells)


def _ceiling(cells: Sequence[Cell]) -> float:
    return median(cell.ceiling.median for cell in cells)


def _kernels(cells: Sequence[Cell], word: str) -> str:
    names = {cell.kernel for cell in cells}
    return f"the {word} kernels" if len(names) > 1 else f"the {word} kernel {names.pop()}"


def _cells(document: Document) -> list[Cell]:
    """In the document's order of kernels, and within one in the order of the page's charts."""
    try:
        cells = [_cell(row) for row in document.get("rows", [])]
    except (KeyError, TypeError) as error:
        raise record.RecordError(f"a row of the results is not as it should be: {error}") from error
    kernels = list(dict.fromkeys(cell.kernel for cell in cells))

    def key(cell: Cell) -> tuple[int, int, int, int]:
        policy, implementation = _place(POLICIES, cell.policy), _place(list(NAMES), cell.implementation)
        return kernels.index(cell.kernel), cell.workers, policy, implementation

    return sorted(cells, key=key)


def _claims(document: Document) -> list[Claim]:
    experiments = load_experiments()
    try:
        return [_claim(finding, experiments.get(finding["name"])) for finding in document.get("findings", [])]
    except (AttributeError, KeyError, TypeError) as error:
        raise record.RecordError(f"a finding of the results is not as it should be: {error}") from error


def _claim(finding: Mapping[str, Any], experiment: Experiment | None) -> Claim:
    return Claim(
        name=finding["name"],
        claim=finding["claim"],
        verdict=finding["verdict"],
        reason=finding["reason"],
        evidence=finding["evidence"],
        charts=tuple(finding["charts"]),
        why=experiment.why if experiment else "",
        refuted_by=experiment.refuted_by if experiment else "",
        reading=experiment.reading if experiment else "",
        places=experiment.places if experiment else (),
    )


def _cell(row: Mapping[str, Any]) -> Cell:
    return Cell(
        kernel=row["kernel"],
        implementation=row["implementation"],
        policy=row["policy"],
        workers=row["workers"],
        size=row["size"],
        rounds=len(row["seconds"]),
        work=row["work"],
        unit=row["unit"],
        seconds_per_call=Interval(**row["seconds_per_call"]),
        speedup=Interval(**row["speedup"]),
        ceiling=Interval(**row["ceiling"]),
        machine=Interval(**row["machine"]),
        cpus=row["cpus"],
        verdict=row["verdict"],
        reason=row["reason"],
    )


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _workers(cells: Sequence[Cell]) -> int:
    """The number of workers that the page is about: the largest that has a CPU each, or the largest."""
    counts = sorted({cell.workers for cell in cells}) or [1]
    fitting = [count for count in counts if 1 < count <= cells[0].cpus]
    return fitting[-1] if fitting else counts[-1]


def _cpus(count: float) -> str:
    return f"{count:.3g} CPU{'s' * (count != 1)}"


def _fact(document: Document, group: str, name: str) -> Any:
    """A value of the environment, None where an older or a foreign document lacks it."""
    facts = document.get("environment", {}).get(group)
    return facts.get(name) if isinstance(facts, Mapping) else None


def _words(document: Document) -> Words:
    return WITHOUT_GIL if _fact(document, "python", "gil_enabled") is False else WITH_GIL


def _section(name: str, kernel: Kernel | None, cells: Sequence[Cell], workers: int) -> Section:
    return Section(
        name=name,
        summary=kernel.summary if kernel else "a kernel that this installation does not have",
        lesson=kernel.lesson if kernel else "",
        source=kernel.source if kernel else "",
        unit=cells[0].unit,
        counts=tuple(sorted({cell.workers for cell in cells if cell.workers > 1})),
        cells=tuple(cells),
        judgements=tuple(_judgements([cell for cell in cells if cell.workers == workers > 1])),
    )


def _judgements(cells: Sequence[Cell]) -> list[Judgement]:
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.implementation in NATIVE:
            groups.setdefault((cell.policy, cell.verdict), []).append(cell)
    return [Judgement(policy, verdict, _reasons(group)) for (policy, verdict), group in groups.items()]


def _reasons(cells: Sequence[Cell]) -> str:
    """What reasons have in common is said once: C 98%, Cython 97% of the possible gain."""
    split = [cell.reason.partition(" ") for cell in cells]
    if len({rest for _, _, rest in split}) == 1 and all(figure.endswith("%") for figure, _, _ in split):
        figures = ", ".join(f"{cell.name} {figure}" for cell, (figure, _, _) in zip(cells, split, strict=True))
        return f"{figures} {split[0][2]}"
    if len({cell.reason for cell in cells}) == 1:
        return cells[0].reason
    return "; ".join(f"{cell.name}: {cell.reason}" for cell in cells)


def _deck(document: Document, cells: Sequence[Cell], claims: Sequence[Claim]) -> str:
    """The circumstances in a line."""
    if not cells and not claims:
        return ""
    parts = [_plural(len(claims), "claim")] if claims else []
    if cells:
        parts += [
            _plural(len({cell.kernel for cell in cells}), "kernel"),
            _plural(max(cell.rounds for cell in cells), "interleaved round"),
        ]
    if version := _fact(document, "python", "version"):
        parts.append(f"{_fact(document, 'python', 'implementation') or 'Python'} {version}")
    if cells:
        parts.append(f"{_cpus(cells[0].cpus)} to use")
    with suppress(KeyError, ValueError):
        parts.append(f"{datetime.fromisoformat(document['created']):%-d %B %Y, %H:%M} UTC")
    return " · ".join(parts)


def _groups(environment: Mapping[str, Any]) -> Iterable[tuple[str, tuple[tuple[str, str], ...]]]:
    """One group for each object among the values, then the plain values."""
    for key, value in environment.items():
        if isinstance(value, Mapping):
            yield _readable(key), tuple((_readable(name), _text(item, name)) for name, item in value.items())
    plain = [
        (_readable(key), _text(value, key)) for key, value in environment.items() if not isinstance(value, Mapping)
    ]
    if plain:
        yield "other", tuple(plain)


def _readable(key: str) -> str:
    key = key.replace("_", " ")
    return {"gil enabled": "GIL enabled", "cpu": "CPU", "cpus": "CPUs", "os": "system"}.get(key, key)


def _text(value: Any, name: str = "") -> str:
    match value:
        case None:
            return "\N{EN DASH}"
        case bool():
            return "yes" if value else "no"
        case float():
            return _FORMATS.get(name, "{:.4g}".format)(value)
        case list() | tuple():
            separator = "; " if any(isinstance(item, Mapping) for item in value) else ", "
            return separator.join(_text(item) for item in value) or "none"
        case Mapping():
            return ", ".join(f"{_readable(str(key))} {_text(item)}" for key, item in value.items()) or "none"
        case _:
            return str(value)


_FORMATS: dict[str, Callable[[float], str]] = {
    "switch_interval": duration,
    "sample_seconds": duration,
    "busy": "{:.1%}".format,
    "steal": "{:.1%}".format,
}
