"""The results format: raw values and circumstances, versioned; everything else is computed from them.

A document is a JSON object:

    format        "gilscope.results"
    version       3; one of version 2 has no specimens, one of version 1 no findings either; they are read as if empty
    created       UTC, ISO 8601
    complete      false when the measurement was interrupted; the rows hold what there was
    settings      how it was measured: {"threads": [1, 2], "size": "medium", "scaling": "weak",
                  "seconds": 90, "rounds": 11, "sample_seconds": 0.04, ...}
    environment   the circumstances; see gilscope.measure.environment
    findings      one object an experiment, with its verdict and raw data; see gilscope.experiments.Finding
    specimens     one object a specimen, with what the scope found of it; see gilscope.scope.specimens.survey
    rows          one object a cell and number of workers; see Row
"""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gilscope.measure.stats import Interval, Scaling, Verdict, fastest_interval, judge

FORMAT = "gilscope.results"
VERSION = 3
READS = (1, 2, 3)


class RecordError(ValueError):
    """A file that is not a results document; the message says what is wrong with it, in one line."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cell on a number of workers. All lists are raw, in seconds, one value a round.

    `seconds` and `baseline_seconds` are paired by round. The ceilings are measured before each round and after the
    last, so their lists are longer; cells that do not release are in one round of some, so theirs are shorter.
    With `weak` scaling each worker makes `calls` calls on data of its own, so N workers do N times the
    work of the baseline; with `strong` scaling the workers share the baseline's work.
    """

    kernel: str
    implementation: str
    policy: str
    executor: str
    """What ran the calls: "serial", "threads", or "openmp" (one call after another, a team of threads inside)."""
    workers: int
    scaling: str
    size: str
    """The size's name, or its number as text where the user gave a number."""
    size_number: int
    calls: int
    """Calls a worker makes in one sample."""
    work: int
    """Work of one call, in `unit`."""
    unit: str
    seconds: list[float] = field(repr=False)
    """From the first worker's start to the last one's end."""
    baseline_seconds: list[float] = field(repr=False)
    """The same cell on one worker, in the same rounds."""
    ceiling_seconds: list[float] = field(repr=False)
    """Plain C threads, as many as workers, around the cell in the same round."""
    ceiling_baseline_seconds: list[float] = field(repr=False)
    """One plain C thread, likewise."""
    machine_seconds: list[float] = field(repr=False)
    """Plain C threads, as many as workers, that only compute (the kernel spin): whether the cores were free."""
    machine_baseline_seconds: list[float] = field(repr=False)
    """One such thread, likewise."""
    machine_calls: int
    """Calls that each of these threads makes in one sample."""
    cpus: float
    """Usable CPUs: how many workers can run at once."""

    def speedup(self) -> Interval:
        """Work done in a unit of time, over that of the baseline."""
        return self._cell().speedup()

    def ceiling(self) -> Interval:
        """The same for plain C threads that do this work: what the machine gave at that moment."""
        return self._ceiling().speedup()

    def machine(self) -> Interval:
        """The same for plain C threads that only compute; always weak scaling."""
        return self._machine().speedup()

    def seconds_per_call(self) -> Interval:
        """Of the fastest round."""
        return fastest_interval([seconds / self.calls for seconds in self.seconds])

    def verdict(self) -> tuple[Verdict, str]:
        """The verdict and its reason; see gilscope.measure.stats.judge."""
        return judge(self._cell(), self._ceiling(), self._machine(), self.workers, self.cpus)

    def to_json(self) -> dict[str, Any]:
        verdict, reason = self.verdict()
        return asdict(self) | {
            "seconds_per_call": self.seconds_per_call().to_json(),
            "speedup": self.speedup().to_json(),
            "ceiling": self.ceiling().to_json(),
            "machine": self.machine().to_json(),
            "verdict": verdict,
            "reason": reason,
        }

    def _cell(self) -> Scaling:
        return Scaling(self.baseline_seconds, self.seconds, self._factor())

    def _ceiling(self) -> Scaling:
        return Scaling(self.ceiling_baseline_seconds, self.ceiling_seconds, self._factor())

    def _machine(self) -> Scaling:
        return Scaling(self.machine_baseline_seconds, self.machine_seconds, self.workers)

    def _factor(self) -> int:
        return self.workers if self.scaling == "weak" else 1


def document(
    rows: list[Row],
    settings: dict[str, Any],
    environment: dict[str, Any],
    complete: bool = True,
    findings: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": complete,
        "settings": settings,
        "environment": environment,
        "findings": list(findings),
        "specimens": [],
        "rows": [row.to_json() for row in rows],
    }


def save(results: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Writes a document, whole or not at all; "-" means standard output. OSError as the file system says.

    A symbolic link is followed, not replaced. A pipe or a device is written to: there is nothing to replace.
    """
    text = json.dumps(results, indent=1) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
        return
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_text(text)
        return
    target = target.resolve()
    with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            temporary.chmod(0o644)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a document ("-": standard input). RecordError says what is wrong with a file that is none."""
    try:
        text = sys.stdin.read() if str(path) == "-" else Path(path).read_text()
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: not a text file") from error
    try:
        results = json.loads(text)
    except ValueError as error:
        raise RecordError(f"{path}: not JSON ({error})") from error
    if not isinstance(results, dict) or results.get("format") != FORMAT:
        raise RecordError(f"{path}: not results of gilscope (no format '{FORMAT}')")
    if results.get("version") not in READS:
        known = ", ".join(map(str, READS))
        raise RecordError(f"{path}: results of version {results.get('version')}; this gilscope reads {known}")
    if not isinstance(results.get("rows"), list):
        raise RecordError(f"{path}: results without rows")
    for part in ("findings", "specimens"):
        if not isinstance(results.setdefault(part, []), list):
            raise RecordError(f"{path}: results whose {part} are no list")
    return results
