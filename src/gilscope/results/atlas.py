"""The atlas: what well-known functions do with the GIL, on one interpreter and its package versions.

The file is a JSON object of the format "gilscope.atlas", version 1.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gilscope.results import files
from gilscope.results.codec import Json, decode_fields, encode_fields
from gilscope.results.looks import Look
from gilscope.results.verdicts import ProbeVerdict

FORMAT, VERSION = "gilscope.atlas", 1
CHANGED = 0.1
"""A released share that moved by more than this, beyond both intervals, is a change."""


@dataclass(frozen=True, slots=True)
class AtlasRow:
    """One function: a look at it, or the error that prevented it."""

    group: str
    name: str
    statement: str
    look: Look | None
    error: str | None = None

    @property
    def verdict(self) -> ProbeVerdict:
        return self.look.verdict if self.look else "inconclusive"

    def to_json(self) -> Json:
        head = {"group": self.group, "name": self.name, "statement": self.statement}
        if self.look is None:
            return head | {"verdict": self.verdict, "error": self.error}
        return self.look.to_json() | head

    @classmethod
    def from_json(cls, value: Json, where: str) -> "AtlasRow":
        head = decode_fields(_Head, value, where)
        look = None if head.error is not None else decode_fields(Look, value, where)
        return cls(head.group, head.name, head.statement, look, head.error)


@dataclass(frozen=True, slots=True)
class _Head:
    group: str
    name: str
    statement: str
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Atlas:
    """All functions that were probed."""

    python: str
    gil: bool
    machine: str
    """Its architecture."""
    versions: Mapping[str, str]
    """By distribution."""
    rows: tuple[AtlasRow, ...]

    def to_json(self) -> Json:
        return {"format": FORMAT, "version": VERSION} | encode_fields(self)

    @classmethod
    def from_json(cls, value: Json, where: str) -> "Atlas":
        files.check_format(value, where, FORMAT, (VERSION,), "gilscope atlas --json")
        return decode_fields(cls, value, where)


def load(path: str | os.PathLike[str]) -> Atlas:
    """Reads what `gilscope atlas --json` wrote. FormatError says in one line what is wrong with another file."""
    return Atlas.from_json(files.read(path), str(path))


@dataclass(frozen=True, slots=True)
class Change:
    """A function with another verdict, or clearly another share, than before."""

    name: str
    before: str
    now: str


def changes(old: Atlas, new: Atlas) -> Sequence[Change]:
    """The functions of both that changed, in the new one's order."""
    before = {row.name: row.look for row in old.rows}
    pairs = ((row.name, before.get(row.name), row.look) for row in new.rows)
    return [
        Change(name, _summary(was), _summary(now)) for name, was, now in pairs if was and now and _changed(was, now)
    ]


def _changed(was: Look, now: Look) -> bool:
    a, b = was.released_share, now.released_share
    moved = a.low > b.high + CHANGED or b.low > a.high + CHANGED
    clear = "inconclusive" not in (was.verdict, now.verdict)
    return moved or (clear and was.verdict != now.verdict)


def _summary(look: Look) -> str:
    return f"{look.verdict} {look.released_share.median:.0%}"
