"""The run: the experiments, the timelines, the specimens, and the bench of the kernels."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from gilscope import experiments
from gilscope.host import Environment, environment
from gilscope.lab.specimens import survey
from gilscope.lab.timelines import record_timelines
from gilscope.measure.bench import bench
from gilscope.results import Finding, Results, Settings, SpecimenRow, Timeline
from gilscope.results.traces import Trace
from gilscope.scope.recording import RecordingError
from gilscope.variants import Variant, select

Progress = Callable[[float, str], None]
Length = Literal["quick", "default", "thorough"]

QUICK_KERNELS = ("spin", "mandelbrot", "triad", "objectsum")
"""The kernels of a quick run, one per kind: no memory, uneven rows, memory only, and one that cannot release."""
QUICK_CLAIMS = (
    "python-threads",
    "gil-release",
    "switch-interval",
    "granularity",
    "convoy",
    "handoff-storm",
    "event-loop",
    "lost-updates",
)
"""The claims of a quick run: those that everybody should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run does."""

    length: Length
    claims: tuple[str, ...]
    scale: float
    """The share of its usual time that each experiment gets."""
    kernels: bool
    """Whether to measure the kernels as well, with timelines and specimens."""
    seconds: float
    """Time for the bench of the kernels."""
    specimen_seconds: float
    """Time for each specimen."""
    size: str
    """The size of the kernels' inputs, small enough for many rounds."""
    threads: tuple[int, ...] | None = None
    """Numbers of workers; None for 1 and all usable CPUs, at least 2."""

    def testing_seconds(self) -> float:
        """The time for all experiments together."""
        return self.scale * sum(experiments.load()[name].seconds for name in self.claims)

    def cells(self) -> list[Variant]:
        """The cells to measure; a quick run leaves out `auto`."""
        return select(QUICK_KERNELS, policies=("held", "released", "own")) if self.length == "quick" else select()


def plan(length: Length = "default", claims: tuple[str, ...] = (), threads: tuple[int, ...] | None = None) -> Plan:
    """Plan a run.

    Parameters
    ----------
    length
        "quick" (about 25 s), "default" (about 90 s) or "thorough" (about 5 min).
    claims
        Names of experiments. If there are any, only they are planned.
    threads
        Numbers of workers; None for 1 and all usable CPUs, at least 2.
    """
    scale, seconds, specimen = {"quick": (0.2, 6, 0.05), "default": (1.0, 35, 0.1), "thorough": (3.0, 150, 0.3)}[length]
    return Plan(
        length=length,
        claims=claims or (QUICK_CLAIMS if length == "quick" else tuple(experiments.load())),
        scale=scale,
        kernels=not claims,
        seconds=seconds,
        specimen_seconds=specimen,
        size="medium" if length == "thorough" else "small",
        threads=threads,
    )


@dataclass(frozen=True, slots=True)
class Run:
    """A plan, carried out."""

    results: Results
    trace: Trace | None
    """The recordings of the timelines, for Perfetto."""

    @property
    def interrupted(self) -> str:
        """How far the run came, if Ctrl-C ended it; else empty."""
        settings = self.results.settings
        if self.results.complete:
            return ""
        if settings.experiments is not None:
            return f"interrupted after {len(self.results.findings)} of {len(settings.experiments)} experiments"
        return interrupted_bench(self.results)


def interrupted_bench(results: Results) -> str:
    """How far a bench came before Ctrl-C.

    Parameters
    ----------
    results
        Its incomplete results.

    Returns
    -------
    str
        One line, such as "interrupted after 2 rounds; 8 rows were measured".
    """
    rows, rounds = len(results.rows), results.settings.rounds or 0
    return f"interrupted after {rounds} round{'' if rounds == 1 else 's'}; {rows or 'no'} rows were measured"


def run(plan: Plan, report: Progress) -> Run:
    """Carry out a plan.

    Parameters
    ----------
    plan
        What to do; see plan().
    report
        Called with the share done, 0 to 1, and a label.

    Returns
    -------
    Run
        The results. After Ctrl-C they hold what was measured, and `complete` is False.
    """
    circumstances = environment()
    testing = plan.testing_seconds()
    share = testing / (testing + plan.seconds * plan.kernels)
    findings, complete = _findings(plan, lambda done, label: report(share * done, label))
    if not plan.kernels or not complete:
        settings = Settings(experiments=plan.claims, length=plan.length)
        return Run(
            Results(settings=settings, environment=circumstances, complete=complete, findings=tuple(findings)), None
        )
    timelines, trace, specimens = _recorded(plan.specimen_seconds)
    counts = plan.threads or default_threads(circumstances)
    measured = bench(
        plan.cells(),
        threads=counts,
        size=plan.size,
        seconds=plan.seconds,
        progress=lambda done, label: report(share + (1 - share) * done, label),
    )
    results = replace(measured, findings=tuple(findings), timelines=timelines, specimens=specimens)
    return Run(results, trace)


def default_threads(circumstances: Environment) -> tuple[int, ...]:
    """The default numbers of threads.

    Parameters
    ----------
    circumstances
        The circumstances of the measurement.

    Returns
    -------
    tuple of int
        1, and all usable CPUs, at least 2.
    """
    return 1, max(2, int(circumstances.cpus.usable))


def _findings(plan: Plan, report: Progress) -> tuple[list[Finding], bool]:
    """The findings, and whether all experiments ran."""
    chosen = [experiments.load()[name] for name in plan.claims]
    whole, done = sum(experiment.seconds for experiment in chosen), 0.0
    findings: list[Finding] = []
    try:
        for experiment in chosen:
            report(done / whole, f"testing: {experiment.name}")
            findings.append(experiments.run(experiment, scale=plan.scale))
            done += experiment.seconds
    except KeyboardInterrupt:
        return findings, False
    return findings, True


def _recorded(seconds: float) -> tuple[tuple[Timeline, ...], Trace | None, tuple[SpecimenRow, ...]]:
    """The timelines with their trace, and the specimens; empty if this interpreter cannot be recorded."""
    try:
        timelines, trace = record_timelines()
        return timelines, trace, tuple(survey(seconds))
    except RecordingError:
        return (), None, ()
