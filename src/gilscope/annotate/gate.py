"""The gate: rules for what Cython functions may do with the GIL, and a baseline of known breaches.

In pyproject.toml, all of it optional:

    [tool.gilscope.annotate]
    takes-in-loops = false          # true allows them
    python-inside-nogil = false
    must-release = ["mine.total", "fast.*"]      # FILE.FUNCTION, with * and ?
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from gilscope.annotate.analyse import Function
from gilscope.annotate.build import AnnotateError, Page
from gilscope.results import FormatError, files
from gilscope.results.codec import Json, decode, encode_fields

FORMAT, VERSION = "gilscope.annotate", 1


@dataclass(frozen=True, slots=True)
class Rules:
    """What the functions may do, and which of them must release."""

    takes_in_loops: bool = False
    """Whether a loop may take the GIL."""
    python_inside_nogil: bool = False
    """Whether code that says nogil may use Python."""
    must_release: tuple[str, ...] = ()
    """Functions that must release the GIL: patterns of FILE.FUNCTION."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule in one place."""

    file: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.text}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same when lines move."""
        return Path(self.file).name, self.rule, self.text


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """One source, and what each of its functions does with the GIL."""

    file: str
    functions: tuple[Function, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What `gilscope annotate --json` writes: all figures, and what breaks the rules."""

    files: tuple[SourceFigures, ...]
    breaches: tuple[Breach, ...]

    def to_json(self) -> Json:
        return {"format": FORMAT, "version": VERSION} | encode_fields(self)


def rules(folder: Path) -> Rules:
    """The rules of the pyproject.toml in this folder. AnnotateError if one is unknown or of another type."""
    path = folder / "pyproject.toml"
    if not path.is_file():
        return Rules()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("gilscope", {}).get("annotate", {})
    except tomllib.TOMLDecodeError as error:
        raise AnnotateError(f"{path}: {error}") from error
    known = {"takes-in-loops": bool, "python-inside-nogil": bool, "must-release": list}
    for name, value in table.items():
        if name not in known:
            raise AnnotateError(f"{path}: [tool.gilscope.annotate] has no rule {name!r}; use {', '.join(known)}")
        if not isinstance(value, known[name]):
            raise AnnotateError(f"{path}: [tool.gilscope.annotate] {name} must be a {known[name].__name__}")
    return Rules(
        takes_in_loops=table.get("takes-in-loops", False),
        python_inside_nogil=table.get("python-inside-nogil", False),
        must_release=tuple(map(str, table.get("must-release", ()))),
    )


def breaches(pages: Sequence[Page], rules: Rules) -> Iterator[Breach]:
    """All breaches, file by file, in the order of the functions."""
    for page in pages:
        file = _shown(page.source)
        for function in page.functions:
            name = f"{page.source.stem}.{function.name}"
            for line in function.lines:
                if line.takes and line.loops and not rules.takes_in_loops:
                    yield Breach(file, line.number, "take-in-loop", f"{name} takes the GIL in a loop")
                if line.nogil and line.python and not line.boundary and not rules.python_inside_nogil:
                    yield Breach(file, line.number, "python-inside-nogil", f"{name} uses Python without the GIL")
            if any(fnmatch(name, pattern) for pattern in rules.must_release) and not function.release_lines:
                yield Breach(file, function.line, "must-release", f"{name} never releases the GIL")


def _shown(path: Path) -> str:
    """The path as seen from here, as editors and CI expect it."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def document(pages: Sequence[Page], breaches: Sequence[Breach]) -> Document:
    """The document of these pages, which also serves as a baseline."""
    return Document(tuple(SourceFigures(_shown(page.source), page.functions) for page in pages), tuple(breaches))


def new_breaches(breaches: Sequence[Breach], baseline: Path) -> list[Breach]:
    """The breaches that an earlier document does not have, even if their lines have moved since.

    AnnotateError says in one line what is wrong with the baseline.
    """
    try:
        value = files.read(baseline)
        files.check_format(value, str(baseline), FORMAT, (VERSION,), "gilscope annotate --json")
        baseline_breaches = decode(tuple[Breach, ...], value.get("breaches"), f"{baseline}: breaches")
    except FormatError as error:
        raise AnnotateError(str(error)) from error
    known = Counter(breach.key for breach in baseline_breaches)
    new = []
    for breach in breaches:
        if known[breach.key] > 0:
            known[breach.key] -= 1
        else:
            new.append(breach)
    return new
