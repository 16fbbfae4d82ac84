"""A results document: `gilscope run` and `gilscope bench` write it, everything else reads it.

The file is a JSON object of raw values and circumstances. Derived values (a row's speed-up, a finding's verdict) are
there for other readers only: gilscope computes them again when it reads the file.

    format        "gilscope.results"
    version       4
    created       UTC, ISO 8601
    complete      false if the measurement was interrupted; the document then holds what was measured
    settings      how it was measured; see Settings
    environment   the circumstances; see gilscope.host.Environment
    rows          one per cell and number of workers; see gilscope.results.Row
    findings      one per experiment; see gilscope.results.Finding
    specimens     one per specimen; see gilscope.results.SpecimenRow
    timelines     one per binding and policy; see gilscope.results.Timeline
    atlas         what well-known functions do with the GIL; see gilscope.results.Atlas. Optional

The formats' history:

    4   a finding's raw values, its bracket and its failure are apart (`data`, `machine`, `not_here`, `failed`)
    3   specimens
    2   findings
    1   rows only
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gilscope.host import Environment
from gilscope.results import files
from gilscope.results.atlas import Atlas
from gilscope.results.codec import FormatError, Json, decode, encode_fields
from gilscope.results.findings import Finding, from_version_3
from gilscope.results.rows import Row
from gilscope.results.specimens import SpecimenRow
from gilscope.results.timelines import Timeline

FORMAT = "gilscope.results"
VERSION = 4
READS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a document was measured. Settings that do not apply are None."""

    threads: tuple[int, ...] | None = None
    size: str | None = None
    scaling: str | None = None
    seconds: float | None = None
    """The time limit for the rows."""
    sample_seconds: float | None = None
    """The intended length of a sample."""
    rounds: int | None = None
    """Complete interleaved rounds."""
    experiments: tuple[str, ...] | None = None
    """The experiments of a run without rows."""
    length: str | None = None
    """"quick", "default" or "thorough"."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A results document.

    Attributes
    ----------
    settings, environment
        How it was measured, and under which circumstances.
    complete
        False if the measurement was interrupted.
    created
        UTC, ISO 8601.
    findings
        One per experiment.
    specimens
        One per specimen.
    rows
        One per cell and number of workers.
    timelines
        One per binding and policy.
    atlas
        What well-known functions do with the GIL, if it was added.
    """

    settings: Settings = field(default_factory=Settings)
    environment: Environment = field(default_factory=Environment)
    complete: bool = True
    created: str = field(default_factory=_now)
    findings: tuple[Finding, ...] = ()
    specimens: tuple[SpecimenRow, ...] = ()
    rows: tuple[Row, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    atlas: Atlas | None = None

    def to_json(self) -> Json:
        settings = {name: value for name, value in encode_fields(self.settings).items() if value is not None}
        parts = encode_fields(self) | {"settings": settings}
        if self.atlas is None:
            del parts["atlas"]
        return {"format": FORMAT, "version": VERSION, "created": self.created, "complete": self.complete} | parts

    @classmethod
    def from_json(cls, value: Json, where: str) -> "Results":
        """Read a document of any version. FormatError says in one line what is wrong, and where."""
        version = files.check_format(value, where, FORMAT, READS, "gilscope run --json")
        try:
            return cls._decode(value, where, version)
        except FormatError as error:
            raise FormatError(f"{error}; write the file again with 'run --json' or 'bench --json'") from error

    @classmethod
    def _decode(cls, value: Json, where: str, version: int) -> "Results":
        if not isinstance(value.get("rows"), list):
            raise FormatError(f"{where} lacks the list 'rows'")
        findings = value.get("findings", [])
        if version <= 3 and isinstance(findings, list):
            findings = [from_version_3(finding) for finding in findings]

        def part(name: str) -> str:
            return f"{where}: {name}"

        atlas = value.get("atlas")
        rows = [row for row in value["rows"] if not (isinstance(row, dict) and row.get("seconds") == [])]
        return cls(
            settings=decode(Settings, value.get("settings", {}), part("settings")),
            environment=decode(Environment, value.get("environment", {}), part("environment")),
            complete=decode(bool, value.get("complete", True), part("complete")),
            created=decode(str, value.get("created", ""), part("created")),
            findings=decode(tuple[Finding, ...], findings, part("findings")),
            specimens=decode(tuple[SpecimenRow, ...], value.get("specimens", []), part("specimens")),
            rows=decode(tuple[Row, ...], rows, part("rows")),
            timelines=decode(tuple[Timeline, ...], value.get("timelines", []), part("timelines")),
            atlas=None if atlas is None else decode(Atlas, atlas, part("atlas")),
        )


def load(path: str | os.PathLike[str]) -> Results:
    """Reads a results document of any version.

    Parameters
    ----------
    path
        The file; "-" means standard input.

    Returns
    -------
    Results
        The document, with raw values only: verdicts and speed-ups are computed from them.

    Raises
    ------
    FormatError
        The file is missing, damaged, of another format, or of a later version; the message says where, in one line.
    """
    return Results.from_json(files.read(path), str(path))
