"""The pytest plugin's measurements of each test, and the changes since an earlier run.

The file is a JSON object of the format "gilscope.tests", version 1.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from gilscope.results import files
from gilscope.results.codec import Json, decode_fields, encode_fields
from gilscope.stats import Interval

FORMAT, VERSION = "gilscope.tests", 1
MOVED_BY = 0.05
"""A released share that moved by more than this, beyond both intervals, is a change."""


@dataclass(frozen=True, slots=True)
class Check:
    """One function that a test checked, or the test itself if it has the marker."""

    test: str
    """pytest's name of the test, with its file."""
    target: str
    verdict: str
    """Empty for a test with the marker."""
    released_share: Interval
    """The share of the time without the GIL, 0 to 1."""
    longest_hold_ms: float


@dataclass(frozen=True, slots=True)
class Change:
    """A check whose share moved."""

    test: str
    target: str
    before: Interval
    now: Interval

    @property
    def lost(self) -> bool:
        """Whether it releases the GIL for less of its time than before."""
        return self.now.median < self.before.median


@dataclass(frozen=True, slots=True)
class ChecksFile:
    """All checks of a run."""

    tests: tuple[Check, ...]

    def to_json(self) -> Json:
        return {"format": FORMAT, "version": VERSION} | encode_fields(self)

    @classmethod
    def from_json(cls, value: Json, where: str) -> "ChecksFile":
        files.check_format(value, where, FORMAT, (VERSION,), "pytest --gil-json")
        return decode_fields(cls, value, where)


def load(path: str | os.PathLike[str]) -> ChecksFile:
    """Reads what `pytest --gil-json` wrote. FormatError says in one line what is wrong with another file."""
    return ChecksFile.from_json(files.read(path), str(path))


def changes(old: ChecksFile, new: Sequence[Check]) -> list[Change]:
    """The checks of both runs whose released share moved, in the new run's order."""
    before = {(check.test, check.target): check.released_share for check in old.tests}
    pairs = ((check, before.get((check.test, check.target))) for check in new)
    return [
        Change(check.test, check.target, was, check.released_share)
        for check, was in pairs
        if was is not None and _moved(was, check.released_share)
    ]


def _moved(was: Interval, now: Interval) -> bool:
    return now.high < was.low - MOVED_BY or now.low > was.high + MOVED_BY
