"""Two results documents, row by row: what became faster or slower, or that noise hides it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from gilscope.measure.record import RecordError
from gilscope.measure.stats import RESAMPLES, Interval

Outcome = Literal["faster", "slower", "noise", "only old", "only new"]
Key = tuple[Any, ...]

CONFIDENCE = 0.99  # not 0.95: of a hundred rows that are the same, one may look changed, not five
VALUES_LEAST = 5  # three values on each side, drawn from the same distribution, look changed one time in ten

# What can be the whole reason for a difference, by its place in the environment.
CIRCUMSTANCES = (
    ("Python", ("python", "version")),
    ("implementation", ("python", "implementation")),
    ("free-threaded", ("python", "free_threaded")),
    ("GIL enabled", ("python", "gil_enabled")),
    ("debug build of Python", ("python", "debug")),
    ("switch interval", ("python", "switch_interval")),
    ("CPU", ("machine", "cpu")),
    ("vector level", ("machine", "vector")),
    ("governor", ("machine", "governor")),
    ("usable CPUs", ("cpus", "usable")),
    ("build", ("build", "mode")),
    ("compiler", ("build", "compiler")),
    ("flags", ("build", "flags")),
    ("OpenMP", ("build", "openmp")),
    ("Cython", ("build", "cython")),
    ("NumPy", ("libraries", "numpy")),
    ("gilscope", ("gilscope",)),
)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one row."""

    kernel: str
    implementation: str
    policy: str
    executor: str
    workers: int
    scaling: str
    size: str
    outcome: Outcome
    reason: str
    """Why noise hides it; empty for the other outcomes."""
    ratio: Interval | None
    """Seconds of a call, new over old, with its 99 % interval; None where one side is missing or empty."""
    machine: Interval | None
    """The same for the plain C threads that only compute: above 1, the machine itself was slower this time."""
    old_seconds: float | None
    """Median seconds of a call."""
    new_seconds: float | None
    old_verdict: str | None
    new_verdict: str | None

    @property
    def verdict_changed(self) -> bool:
        return None not in (self.old_verdict, self.new_verdict) and self.old_verdict != self.new_verdict

    def slower_than(self, percent: float) -> bool:
        """Whether it became slower, and by more than this over its whole interval."""
        return self.outcome == "slower" and self.ratio is not None and self.ratio.low > 1 + percent / 100

    def __str__(self) -> str:
        return f"{self.kernel}/{self.implementation}/{self.policy} on {self.workers}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict_changed": self.verdict_changed}


@dataclass(frozen=True, slots=True)
class Difference:
    """A circumstance that was not the same."""

    name: str
    old: Any
    new: Any

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Turn:
    """A claim whose verdict is another one now; None where one side did not test it."""

    name: str
    claim: str
    old: str | None
    new: str | None
    old_evidence: str
    new_evidence: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def turns(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Turn]:
    """The claims whose verdict changed, in the old document's order. RecordError if a finding is none."""
    try:
        before, after = ({finding["name"]: finding for finding in side["findings"]} for side in (old, new))
        return [
            _turn(before.get(name), after.get(name))
            for name in before | after
            if (before.get(name) or {}).get("verdict") != (after.get(name) or {}).get("verdict")
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise RecordError(f"results with a finding that is none: {error}") from error


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Pairs the rows of two documents by kernel, implementation, policy, executor, workers, scaling and size.

    In the old document's order, then what only the new one has. A size counts by its number, so that a row
    whose size was given by name pairs with one given by number. RecordError if a row is none.

    A row became faster or slower if a call's seconds did, beyond their noise, and did so too in units of the
    machine's own speed at that moment: a change that the machine shared is none of the code's.
    """
    try:
        before, after = _by_key(old), _by_key(new)
        return [_change(before.get(key), after.get(key)) for key in before | after]
    except KeyError as error:
        raise RecordError(f"results with a row that lacks {error}") from error
    except (AttributeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise RecordError(f"results with a row that is none: {error}") from error


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """What two documents' environments differ in, of all that can make a program faster or slower."""
    pairs = ((name, _at(old, ("environment", *path)), _at(new, ("environment", *path))) for name, path in CIRCUMSTANCES)
    return [Difference(name, before, after) for name, before, after in pairs if before != after]


def ratio_of_medians(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """The ratio of two medians with its percentile-bootstrap interval, for values that were not measured in pairs.

    Each side is resampled on its own, with a fixed seed. ValueError if a side has no values.
    """
    if not numerators or not denominators:
        raise ValueError("a ratio needs values on both sides")
    random = np.random.default_rng(0)
    middles = []
    for values in (np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)):
        picks = random.integers(0, values.size, (RESAMPLES, values.size))
        middles.append(np.median(values[picks], axis=1))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(middles[0] / middles[1], [tail, 100 - tail])
    return Interval(float(np.median(numerators) / np.median(denominators)), float(low), float(high))


def _judge(ratio: Interval, relative: Interval, machine: Interval, values: int) -> tuple[Outcome, str]:
    """The outcome, and why noise hides a change. relative: the ratio in units of the machine's speed."""
    if values < VALUES_LEAST:
        return "noise", f"only {values} of at least {VALUES_LEAST} values"
    if ratio.low <= 1 <= ratio.high:
        return "noise", f"anything from {ratio.low:.2f}x to {ratio.high:.2f}x"
    if ratio.low > 1 and relative.low > 1:
        return "slower", ""
    if ratio.high < 1 and relative.high < 1:
        return "faster", ""
    return "noise", f"plain C threads took {machine.median:.2f}x as long, too"


def _by_key(document: Mapping[str, Any]) -> dict[Key, Mapping[str, Any]]:
    names = ("kernel", "implementation", "policy", "executor", "workers", "scaling", "size_number")
    return {tuple(row[name] for name in names): row for row in document["rows"] if row["seconds"]}


def _turn(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Turn:
    either = new or old or {}
    return Turn(
        name=either["name"],
        claim=either["claim"],
        old=old["verdict"] if old else None,
        new=new["verdict"] if new else None,
        old_evidence=old["evidence"] if old else "",
        new_evidence=new["evidence"] if new else "",
    )


def _change(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Change:
    row = old or new or {}
    ratio = machine = None
    outcome: Outcome = "only old" if old else "only new"
    reason = ""
    if old and new:
        ratio = ratio_of_medians(_calls(new), _calls(old))
        machine = ratio_of_medians(_machine(new), _machine(old))
        relative = ratio_of_medians(_relative(new), _relative(old))
        outcome, reason = _judge(ratio, relative, machine, min(len(old["seconds"]), len(new["seconds"])))
    return Change(
        **{
            name: row[name] for name in ("kernel", "implementation", "policy", "executor", "workers", "scaling", "size")
        },
        outcome=outcome,
        reason=reason,
        ratio=ratio,
        machine=machine,
        old_seconds=float(np.median(_calls(old))) if old else None,
        new_seconds=float(np.median(_calls(new))) if new else None,
        old_verdict=old["verdict"] if old else None,
        new_verdict=new["verdict"] if new else None,
    )


def _calls(row: Mapping[str, Any]) -> list[float]:
    """Seconds of a call, one value a round."""
    return [seconds / row["calls"] for seconds in row["seconds"]]


def _machine(row: Mapping[str, Any]) -> list[float]:
    """Seconds of a call of the plain C threads that only compute, as many as workers."""
    return [seconds / row["machine_calls"] for seconds in row["machine_seconds"]]


def _relative(row: Mapping[str, Any]) -> list[float]:
    return [call / machine for call, machine in zip(_calls(row), _machine(row), strict=True)]


def _at(environment: Any, path: Sequence[str]) -> Any:
    for name in path:
        environment = environment.get(name) if isinstance(environment, Mapping) else None
    return environment
