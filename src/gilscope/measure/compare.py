"""Two results documents, row by row: what is faster or slower now, or whether noise hides it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gilscope.host import Environment
from gilscope.results import Results, Row
from gilscope.results.codec import Json, encode_fields
from gilscope.stats import RESAMPLES, Interval

Outcome = Literal["faster", "slower", "noise", "only old", "only new"]

CONFIDENCE = 0.99  # not 0.95: of a hundred rows that are the same, one may look changed, not five
VALUES_LEAST = 5  # three values on each side, drawn from the same distribution, look changed one time in ten


def _circumstances(environment: Environment) -> dict[str, object]:
    """The circumstances that may explain a difference by themselves."""
    python, machine, build = environment.python, environment.machine, environment.build
    return {
        "Python": python.version,
        "implementation": python.implementation,
        "free-threaded": python.free_threaded,
        "GIL enabled": python.gil_enabled,
        "debug build of Python": python.debug,
        "switch interval": python.switch_interval,
        "CPU": machine.cpu,
        "vector level": machine.vector,
        "governor": machine.governor,
        "usable CPUs": environment.cpus.usable,
        "build": build and build.mode,
        "compiler": build and build.compiler,
        "flags": build and build.flags,
        "OpenMP": build and build.openmp,
        "Cython": build and build.cython,
        "NumPy": environment.libraries.get("numpy"),
        "gilscope": environment.gilscope,
    }


@dataclass(frozen=True, slots=True)
class Change:
    """One row, before and now."""

    kernel: str
    implementation: str
    policy: str
    executor: str
    workers: int
    scaling: str
    size: str
    outcome: Outcome
    reason: str
    """Why noise hides the change; empty for the other outcomes."""
    ratio: Interval | None
    """Seconds per call, new over old, with its 99 % interval; None if one side is missing or empty."""
    machine: Interval | None
    """The same for plain C threads that only compute. Above 1, the machine itself was slower this time."""
    old_seconds: float | None
    """Median seconds of a call."""
    new_seconds: float | None
    old_verdict: str | None
    new_verdict: str | None

    @property
    def verdict_changed(self) -> bool:
        return None not in (self.old_verdict, self.new_verdict) and self.old_verdict != self.new_verdict

    def slower_than(self, percent: float) -> bool:
        """Whether the whole interval is slower by more than this."""
        return self.outcome == "slower" and self.ratio is not None and self.ratio.low > 1 + percent / 100

    def __str__(self) -> str:
        return f"{self.kernel}/{self.implementation}/{self.policy} on {self.workers}"

    def to_json(self) -> Json:
        return encode_fields(self) | {"verdict_changed": self.verdict_changed}


@dataclass(frozen=True, slots=True)
class Difference:
    """A circumstance that was not the same."""

    name: str
    old: object
    new: object


def compare(old: Results, new: Results) -> list[Change]:
    """Match the rows of two documents by kernel, implementation, policy, executor, workers, scaling and size.

    The changes are in the old document's order, then those that only the new one has. Sizes are compared as numbers,
    so a size given by name can match one given by number.

    A row is faster or slower if its seconds per call changed beyond their noise, and did so too in units of the
    machine's own speed at that moment: a change that the machine shared does not come from the code.
    """
    before, after = ({row.key: row for row in side.rows} for side in (old, new))
    return [_change(before.get(key), after.get(key)) for key in before | after]


def differences(old: Results, new: Results) -> list[Difference]:
    """The differences between two environments that can make a program faster or slower."""
    before, after = _circumstances(old.environment), _circumstances(new.environment)
    return [Difference(name, before[name], after[name]) for name in before if before[name] != after[name]]


def ratio_of_medians(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """The ratio of two medians with its percentile-bootstrap interval, for values that were not measured in pairs.

    The sides are resampled independently, with a fixed seed. ValueError if a side has no values.
    """
    if not numerators or not denominators:
        raise ValueError("a ratio needs values on both sides")
    random = np.random.default_rng(0)
    over, under = _medians(numerators, random), _medians(denominators, random)
    return _interval(float(np.median(numerators) / np.median(denominators)), over / under)


def _relative(old: Row, new: Row) -> Interval:
    """The ratio of the seconds per call in units of the machine's speed.

    A cell is not in every round, but the machine is. So all four sides are resampled independently.
    """
    random = np.random.default_rng(0)
    sides = (new.call_seconds(), old.call_seconds(), new.machine_call_seconds(), old.machine_call_seconds())
    a, b, c, d = (_medians(side, random) for side in sides)
    middle = [float(np.median(side)) for side in sides]
    return _interval(middle[0] / middle[1] / (middle[2] / middle[3]), a / b / (c / d))


def _medians(values: Sequence[float], random: np.random.Generator) -> NDArray[np.float64]:
    """The medians of RESAMPLES resamples."""
    data = np.asarray(values, np.float64)
    medians: NDArray[np.float64] = np.median(data[random.integers(0, data.size, (RESAMPLES, data.size))], axis=1)
    return medians


def _interval(median: float, resampled: NDArray[np.float64]) -> Interval:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Interval(median, float(low), float(high))


def _outcome(ratio: Interval, relative: Interval, machine: Interval, values: int) -> tuple[Outcome, str]:
    """The outcome, and for noise the reason. relative: the ratio in units of the machine's speed."""
    if values < VALUES_LEAST:
        return "noise", f"too few values: {values}, needs {VALUES_LEAST}"
    if ratio.low <= 1 <= ratio.high:
        return "noise", f"between {ratio.low:.2f}x and {ratio.high:.2f}x"
    if ratio.low > 1 and relative.low > 1:
        return "slower", ""
    if ratio.high < 1 and relative.high < 1:
        return "faster", ""
    return "noise", f"plain C threads also took {machine.median:.2f}x as long"


def _change(old: Row | None, new: Row | None) -> Change:
    row = new or old
    assert row is not None
    ratio = machine = None
    outcome: Outcome = "only old" if old else "only new"
    reason = ""
    if old and new:
        ratio = ratio_of_medians(new.call_seconds(), old.call_seconds())
        machine = ratio_of_medians(new.machine_call_seconds(), old.machine_call_seconds())
        relative = _relative(old, new)
        outcome, reason = _outcome(ratio, relative, machine, min(old.rounds, new.rounds))
    return Change(
        kernel=row.kernel,
        implementation=row.implementation,
        policy=row.policy,
        executor=row.executor,
        workers=row.workers,
        scaling=row.scaling,
        size=(old or row).size,
        outcome=outcome,
        reason=reason,
        ratio=ratio,
        machine=machine,
        old_seconds=float(np.median(old.call_seconds())) if old else None,
        new_seconds=float(np.median(new.call_seconds())) if new else None,
        old_verdict=old.verdict if old else None,
        new_verdict=new.verdict if new else None,
    )
