"""Findings: the raw values that an experiment measured, and the ruling on them at that time."""

from dataclasses import dataclass, field
from typing import Literal

from gilscope.results.charts import Chart
from gilscope.results.codec import Json, decode, encode
from gilscope.stats import Scaling

Verdict = Literal["confirmed", "refuted", "inconclusive", "not measurable here"]
VERDICTS: tuple[Verdict, ...] = ("confirmed", "refuted", "inconclusive", "not measurable here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """The times of plain C threads that only compute, beside a measurement: one value per round."""

    one: tuple[float, ...] = ()
    """Seconds on one thread."""
    many: tuple[float, ...] = ()
    """Seconds on `workers` threads, each with the same work."""
    workers: int = 2
    cpus: float = 1.0
    """Usable CPUs."""
    others: float | None = None
    """The share of all CPU time that other processes used meanwhile, 0 to 1; None if the system does not tell."""

    def scaling(self) -> Scaling:
        return Scaling(self.one, self.many, self.workers)


@dataclass(frozen=True, slots=True)
class Measured:
    """The outcome of an experiment that ran to its end."""

    data: Json = field(repr=False)
    """Its raw values, of the experiment's own dataclass."""
    bracket: Bracket


@dataclass(frozen=True, slots=True)
class NotMeasurable:
    """The outcome of an experiment that cannot be measured on this interpreter or machine."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The outcome of an experiment that crashed, hung or raised."""

    reason: str
    stderr: str = field(default="", repr=False)


Outcome = Measured | NotMeasurable | Failed


@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdict on a claim, with its evidence."""

    verdict: Verdict
    reason: str
    """For a clear verdict, the conditions that decided it; otherwise why there is none."""
    evidence: str = ""
    """One sentence with the figures and their intervals."""
    charts: tuple[Chart, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """An experiment, carried out.

    The ruling is that of the gilscope that measured. It stands where this installation has no such experiment, or has
    one that measures other values now; else `gilscope.experiments.rule` makes it again from the raw values.
    """

    name: str
    claim: str
    seconds: float
    """How long it took."""
    outcome: Outcome
    ruling: Ruling

    def to_json(self) -> Json:
        head = {"name": self.name, "claim": self.claim, "seconds": self.seconds}
        match self.outcome:
            case Measured(data, bracket):
                measured = {"data": encode(data), "machine": encode(bracket)}
            case NotMeasurable(reason):
                measured = {"not_here": reason}
            case Failed(reason, stderr):
                measured = {"failed": reason, "stderr": stderr}
        return head | measured | encode(self.ruling)

    @classmethod
    def from_json(cls, value: Json, where: str) -> "Finding":
        head = decode(_Head, value, where)
        return cls(head.name, head.claim, head.seconds, _outcome(value, where), decode(Ruling, value, where))


@dataclass(frozen=True, slots=True)
class _Head:
    name: str
    claim: str
    seconds: float = 0.0


def _outcome(value: Json, where: str) -> Outcome:
    if "not_here" in value:
        return NotMeasurable(decode(str, value["not_here"], f"{where}.not_here"))
    if "failed" in value:
        return Failed(decode(str, value["failed"], f"{where}.failed"), str(value.get("stderr", "")))
    data = decode(object, value.get("data", {}), f"{where}.data")
    return Measured(data, decode(Bracket, value.get("machine", {}), f"{where}.machine"))


def from_version_3(value: Json) -> Json:
    """Up to version 3 everything that was measured, and why nothing was, lay in `data`, beside the raw values."""
    if not isinstance(value, dict) or not isinstance(value.get("data"), dict):
        return value
    data = dict(value["data"])
    rest = {key: item for key, item in value.items() if key != "data"}
    if "not here" in data:
        return rest | {"not_here": data["not here"]}
    if "failed" in data:
        return rest | {"failed": data["failed"], "stderr": data.get("stderr", "")}
    return rest | {"machine": data.pop("machine", {}), "data": data}
