"""The calibration: the scope's answers about work that holds the GIL for known shares of its time.

The file is a JSON object of the format "gilscope.calibration", version 1.
"""

import os
from dataclasses import dataclass

from gilscope.results import files
from gilscope.results.codec import Json, decode_fields, encode_fields

FORMAT, VERSION = "gilscope.calibration", 1
LONG_CYCLE = 1e-3
"""Seconds; a cycle of this length or more has the tighter limit."""
ERROR_MOST_LONG, ERROR_MOST_SHORT = 0.01, 0.03
"""How far the scope's share may lie from the truth."""


@dataclass(frozen=True, slots=True)
class Point:
    """One workload: the share of its time with the GIL, in truth and by the scope."""

    cycle: float
    """Seconds of a hold and the release after it."""
    truth: float
    sampler: float | None
    """None where this interpreter's GIL cannot be read."""
    ledger: float | None
    """None without a ledger."""

    @property
    def error(self) -> float:
        """The distance of the scope's answer from the truth: the ledger's if there is one, or else the sampler's."""
        best = self.ledger if self.ledger is not None else self.sampler
        return 1.0 if best is None else abs(best - self.truth)

    @property
    def fine(self) -> bool:
        """Whether the error is within its limit."""
        return self.error <= (ERROR_MOST_LONG if self.cycle >= LONG_CYCLE else ERROR_MOST_SHORT)

    def to_json(self) -> Json:
        return encode_fields(self) | {"error": self.error, "fine": self.fine}


@dataclass(frozen=True, slots=True)
class Calibration:
    """All workloads of a calibration."""

    points: tuple[Point, ...]

    @property
    def fine(self) -> bool:
        """Whether every error is within its limit."""
        return all(point.fine for point in self.points)

    def to_json(self) -> Json:
        return {"format": FORMAT, "version": VERSION} | encode_fields(self)

    @classmethod
    def from_json(cls, value: Json, where: str) -> "Calibration":
        files.check_format(value, where, FORMAT, (VERSION,), "gilscope calibrate --json")
        return decode_fields(cls, value, where)


def load(path: str | os.PathLike[str]) -> Calibration:
    """Reads what `gilscope calibrate --json` wrote. FormatError says in one line what is wrong with another file."""
    return Calibration.from_json(files.read(path), str(path))
