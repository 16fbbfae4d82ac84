"""The rules of a project: the table of the nearest pyproject.toml above a source, else of the one right here.

All of it is optional:

    [tool.gilscope.annotate]
    takes-in-loops = false          # true allows them
    python-inside-nogil = false
    releases-in-loops = true
    performance-hints = true
    must-release = ["mine.total", "*.Box.fill"]      # MODULE.CLASS.FUNCTION, with * and ?
    exclude = ["tests/*"]                            # paths from this file's folder
    cplus = ["src/fast.pyx"]                         # sources to compile for C++
"""

import tomllib
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from gilscope.annotate.compile import AnnotateError
from gilscope.annotate.model import Function

_KNOWN: dict[str, type] = {
    "takes-in-loops": bool,
    "python-inside-nogil": bool,
    "releases-in-loops": bool,
    "performance-hints": bool,
    "must-release": list,
    "exclude": list,
    "cplus": list,
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the functions may do, and which of them must release."""

    file: Path | None = None
    """Where they are written."""
    takes_in_loops: bool = False
    """Whether a loop may take the GIL."""
    python_inside_nogil: bool = False
    """Whether code that says nogil may use Python."""
    releases_in_loops: bool = True
    """Whether a loop may release the GIL, and take it back, on each round."""
    performance_hints: bool = True
    """Whether Cython may have a performance hint."""
    must_release: tuple[str, ...] = ()
    """Functions that must release the GIL: patterns of MODULE.CLASS.FUNCTION."""
    exclude: tuple[str, ...] = ()
    """Sources that are not looked at: patterns of paths from the folder of `file`."""
    cplus: tuple[str, ...] = ()
    """Sources that are compiled for C++: patterns likewise."""

    def names(self, source: Path, patterns: Sequence[str]) -> bool:
        """Whether one of the patterns names this source."""
        if self.file is None:
            return False
        folder, path = self.file.parent.resolve(), source.resolve()
        shown = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
        return any(fnmatch(shown, pattern) for pattern in patterns)


def rules_for(source: Path) -> Rules:
    """The rules for a source. AnnotateError if one is unknown or of another type."""
    installed = "site-packages" in source.resolve().parts  # whatever lies above a virtual environment has no say in it
    folders = () if installed else source.resolve().parents
    for folder in (*folders, Path.cwd()):
        if rules := _read(folder / "pyproject.toml"):
            return rules
    return Rules()


def matches(pattern: str, function: Function, source: Path) -> bool:
    """Whether a pattern names a function: by its module, or by as many folders of its file as the pattern has."""
    parts = source.resolve().with_suffix("").parts[1:]
    ends = (".".join(parts[at:]) for at in range(len(parts)))
    return fnmatch(function.full_name, pattern) or any(fnmatch(f"{end}.{function.name}", pattern) for end in ends)


@cache
def _read(path: Path) -> Rules | None:
    """The rules in a file; None if it is not there or has none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        if path.parent != Path.cwd() and "tool.gilscope.annotate" not in text:
            return None
        raise AnnotateError(f"{path}: {error}") from error
    table = tool.get("gilscope", {}).get("annotate")
    if table is None:
        return None
    for name, value in table.items():
        if name not in _KNOWN:
            raise AnnotateError(f"{path}: [tool.gilscope.annotate] has no rule {name!r}; use {', '.join(_KNOWN)}")
        if not isinstance(value, _KNOWN[name]):
            raise AnnotateError(f"{path}: [tool.gilscope.annotate] {name} must be a {_KNOWN[name].__name__}")
    texts = {name: tuple(map(str, value)) for name, value in table.items() if isinstance(value, list)}
    return Rules(
        file=path,
        takes_in_loops=table.get("takes-in-loops", False),
        python_inside_nogil=table.get("python-inside-nogil", False),
        releases_in_loops=table.get("releases-in-loops", True),
        performance_hints=table.get("performance-hints", True),
        must_release=texts.get("must-release", ()),
        exclude=texts.get("exclude", ()),
        cplus=texts.get("cplus", ()),
    )


def unmatched(rules: Rules, functions: Sequence[tuple[Function, Path]]) -> Iterator[str]:
    """The patterns of must-release that name no function, and no source that was left out this time either."""
    looked_at = {source.resolve() for _, source in functions}
    for pattern in rules.must_release:
        if any(matches(pattern, function, source) for function, source in functions):
            continue
        words = [word for word in pattern.split(".")[:-1] if word.isidentifier()]
        if not any(_elsewhere(rules, word, looked_at) for word in words):
            yield pattern


def _elsewhere(rules: Rules, module: str, looked_at: Set[Path]) -> bool:
    """Whether the project has a source of this name that was not looked at."""
    assert rules.file
    found = (path for suffix in (".pyx", ".py", ".pxi") for path in rules.file.parent.rglob(f"{module}{suffix}"))
    return any(path.resolve() not in looked_at for path in found)
