"""The rows of a measurement: raw seconds, from which speed-ups and verdicts are computed on request."""

from dataclasses import dataclass, field

from gilscope.results.codec import FormatError, Json, decode_fields, encode, encode_fields
from gilscope.stats import Interval, Scaling, Verdict, fastest_interval, scaling_verdict

Seconds = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One cell on one number of workers. All tuples hold raw seconds, one value per round.

    `seconds` and `baseline_seconds` are paired by round. Ceilings are measured before each round and after the last, so
    they have more values. Cells that do not release are in some of the rounds only, so they have fewer. With `weak`
    scaling each worker makes `calls` calls on its own data, so N workers do N times the work of the baseline. With
    `strong` scaling the workers share the baseline's work.
    """

    kernel: str
    implementation: str
    policy: str
    executor: str
    """The pool: "serial", "threads", or "openmp" (one call after another, each by a team of threads)."""
    workers: int
    scaling: str
    size: str
    """The size's name, or its number as text if the user gave a number."""
    size_number: int
    calls: int
    """Calls that each worker makes in one sample."""
    work: int
    """Work of one call, in `unit`."""
    unit: str
    seconds: Seconds = field(repr=False)
    """From the first worker's start to the last one's end."""
    baseline_seconds: Seconds = field(repr=False)
    """The same cell on one worker, in the same rounds."""
    ceiling_seconds: Seconds = field(repr=False)
    """Plain C threads, as many as workers, around the cell in the same round."""
    ceiling_baseline_seconds: Seconds = field(repr=False)
    """One plain C thread, likewise."""
    machine_seconds: Seconds = field(repr=False)
    """Plain C threads, as many as workers, that only compute (the kernel spin): whether the cores were free."""
    machine_baseline_seconds: Seconds = field(repr=False)
    """One such thread, likewise."""
    machine_calls: int
    """Calls that each of these threads makes in one sample."""
    cpus: float
    """Usable CPUs: how many workers can run at once."""

    @property
    def key(self) -> tuple[str, str, str, str, int, str, int]:
        """Equal for rows of different documents that can be compared: the same cell on the same input."""
        names = self.kernel, self.implementation, self.policy, self.executor
        return (*names, self.workers, self.scaling, self.size_number)

    @property
    def rounds(self) -> int:
        return len(self.seconds)

    def speedup(self) -> Interval:
        """Work per second over that of the baseline, with its 95 % interval."""
        return self._cell().speedup()

    def ceiling(self) -> Interval:
        """The same for plain C threads that do this work: the most that the cell could reach at that moment."""
        return self._ceiling().speedup()

    def machine(self) -> Interval:
        """The same for plain C threads that only compute, always with weak scaling."""
        return self._machine().speedup()

    def call_seconds(self) -> Seconds:
        """Seconds per call, one value per round."""
        return tuple(seconds / self.calls for seconds in self.seconds)

    def machine_call_seconds(self) -> Seconds:
        """Seconds per call of plain C threads that only compute: one value per round, and one after the last."""
        return tuple(seconds / self.machine_calls for seconds in self.machine_seconds)

    def seconds_per_call(self) -> Interval:
        """Seconds per call in the fastest round."""
        return fastest_interval(self.call_seconds())

    def seconds_per_unit(self) -> Interval:
        """Seconds per unit of work in the fastest round."""
        call, work = self.seconds_per_call(), max(self.work, 1)
        return Interval(call.median / work, call.low / work, call.high / work)

    def verdict_and_reason(self) -> tuple[Verdict, str]:
        """The verdict and its reason; see gilscope.stats.scaling_verdict."""
        return scaling_verdict(self._cell(), self._ceiling(), self._machine(), self.workers, self.cpus)

    @property
    def verdict(self) -> Verdict:
        return self.verdict_and_reason()[0]

    @property
    def reason(self) -> str:
        return self.verdict_and_reason()[1]

    @property
    def conclusive(self) -> bool:
        return self.verdict != "inconclusive"

    def to_json(self) -> Json:
        """The raw values, and for other readers the derived ones, which from_json ignores."""
        verdict, reason = self.verdict_and_reason()
        derived = {
            "seconds_per_call": encode(self.seconds_per_call()),
            "speedup": encode(self.speedup()),
            "ceiling": encode(self.ceiling()),
            "machine": encode(self.machine()),
            "verdict": verdict,
            "reason": reason,
        }
        return encode_fields(self) | derived

    @classmethod
    def from_json(cls, value: Json, where: str) -> "Row":
        row = decode_fields(cls, value, where)
        for name in ("workers", "calls", "machine_calls"):
            if getattr(row, name) < 1:
                raise FormatError(f"{where}.{name}: {getattr(row, name)} is less than 1")
        if row.cpus <= 0:
            raise FormatError(f"{where}.cpus: {row.cpus} is not above 0")
        for times in ("seconds", "ceiling_seconds", "machine_seconds"):
            _check_times(row, times, times.replace("seconds", "baseline_seconds"), where)
        return row

    def _cell(self) -> Scaling:
        return Scaling(self.baseline_seconds, self.seconds, self._factor())

    def _ceiling(self) -> Scaling:
        return Scaling(self.ceiling_baseline_seconds, self.ceiling_seconds, self._factor())

    def _machine(self) -> Scaling:
        return Scaling(self.machine_baseline_seconds, self.machine_seconds, self.workers)

    def _factor(self) -> int:
        return self.workers if self.scaling == "weak" else 1


def _check_times(row: Row, name: str, baseline: str, where: str) -> None:
    """FormatError unless both tuples of a pair have the same length, and only values above 0."""
    values, base = getattr(row, name), getattr(row, baseline)
    if not values or len(values) != len(base):
        raise FormatError(f"{where}: {len(values)} values of {name} and {len(base)} of {baseline}")
    if min(*values, *base) <= 0:
        raise FormatError(f"{where}.{name}: times must be above 0")
