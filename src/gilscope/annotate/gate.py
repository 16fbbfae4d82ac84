"""The gate: rules for what Cython functions may do with the GIL, and a baseline of what is known.

In pyproject.toml, all of it optional:

    [tool.gilscope.annotate]
    takes-in-loops = false          # true allows them
    python-inside-nogil = false
    must-release = ["mine.total", "fast.*"]      # FILE.FUNCTION, with * and ?
"""

import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gilscope.annotate.build import AnnotateError, Page

FORMAT, VERSION = "gilscope.annotate", 1


@dataclass(frozen=True, slots=True)
class Rules:
    takes_in_loops: bool = False
    python_inside_nogil: bool = False
    must_release: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule broken in one place."""

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


def rules(folder: Path) -> Rules:
    """Those of the pyproject.toml in this folder. AnnotateError if it says what makes no sense."""
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
            raise AnnotateError(f"{path}: [tool.gilscope.annotate] has no rule {name!r}; there are {', '.join(known)}")
        if not isinstance(value, known[name]):
            raise AnnotateError(f"{path}: [tool.gilscope.annotate] {name} must be a {known[name].__name__}")
    return Rules(
        takes_in_loops=table.get("takes-in-loops", False),
        python_inside_nogil=table.get("python-inside-nogil", False),
        must_release=tuple(map(str, table.get("must-release", ()))),
    )


def breaches(pages: Sequence[Page], rules: Rules) -> Iterator[Breach]:
    """What breaks the rules, file by file, in the order of the lines."""
    for page in pages:
        file = _shown(page.source)
        for function in page.functions:
            name = f"{page.source.stem}.{function.name}"
            for line in function.lines:
                if line.takes and line.loops and not rules.takes_in_loops:
                    yield Breach(file, line.number, "take-in-loop", f"{name} takes the GIL in a loop")
                if line.nogil and line.python and not line.boundary and not rules.python_inside_nogil:
                    yield Breach(file, line.number, "python-inside-nogil", f"{name} uses Python without the GIL")
            if any(fnmatch(name, pattern) for pattern in rules.must_release) and not function.releases:
                yield Breach(file, function.line, "must-release", f"{name} never releases the GIL")


def _shown(path: Path) -> str:
    """Seen from here, as the tools that read such lines expect it."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def document(pages: Sequence[Page], found: Sequence[Breach]) -> dict[str, Any]:
    """Everything as plain values; also what a baseline is."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "files": [
            {"file": _shown(page.source), "functions": [function.to_json() for function in page.functions]}
            for page in pages
        ],
        "breaches": [
            {"file": breach.file, "line": breach.line, "rule": breach.rule, "text": breach.text} for breach in found
        ],
    }


def new_breaches(found: Sequence[Breach], baseline: Path) -> list[Breach]:
    """Those that a document written before does not have, however the lines have moved since."""
    try:
        known = json.loads(baseline.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnnotateError(f"{baseline}: {error.strerror}") from error
    except ValueError as error:
        raise AnnotateError(f"{baseline}: not JSON ({error})") from error
    if not isinstance(known, dict) or known.get("format") != FORMAT:
        raise AnnotateError(f"{baseline}: not a file that 'gilscope annotate --json' wrote")
    left = Counter(Breach(**breach).key for breach in known["breaches"])
    new = []
    for breach in found:
        if left[breach.key] > 0:
            left[breach.key] -= 1
        else:
            new.append(breach)
    return new
