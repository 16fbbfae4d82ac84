"""One source through Cython, in a child process: its C, its pages, its messages, and what its tree says."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import cast

from gilscope.annotate import cache
from gilscope.annotate._tree.facts import ModuleFact
from gilscope.annotate.model import Hint
from gilscope.host import child
from gilscope.results import FormatError
from gilscope.results.codec import Json, decode
from gilscope.sources import ext_folder

_MESSAGES, _FACTS = "hints.txt", "facts.json"
_MESSAGE = re.compile(r"(?!warning: |performance hint: )(?P<place>.+\.p(?:yx|xd|xi|y):\d+:\d+): (?P<text>.+)")
_HINT = re.compile(r"performance hint: (.+?):(\d+):\d+: (.+)")
LIMIT = 1800.0
"""Seconds after which a child is ended: the largest sources known take a minute."""


class AnnotateError(Exception):
    """Why there is no page, in one line: `file:line:column: message` if Cython names a place."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options for Cython."""

    include: tuple[Path, ...] = ()
    """Folders to search for .pxd files."""
    directives: tuple[str, ...] = ()
    """Compiler directives, as NAME=VALUE."""
    cplus: bool = False
    """Compile for C++. A source whose first comments say `distutils: language = c++` needs no option."""
    environment: tuple[str, ...] = ()
    """Names for `IF` and `DEF`, as NAME=VALUE."""
    module_name: str | None = None
    """The full name of the module, where Cython cannot know it from the folders: one source only."""
    cplus_sources: tuple[Path, ...] = ()
    """Sources to compile for C++."""
    jobs: int | None = None
    """How many sources to compile at once; None for one per CPU."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What Cython made of one source."""

    source: Path
    facts: ModuleFact
    folder: Path
    """Where its files lie."""
    c: str
    """The name of the generated file there."""
    hints: tuple[tuple[str, Hint], ...]
    """Cython's performance hints, each with its file."""

    @property
    def html(self) -> Path:
        """Cython's own page."""
        return (self.folder / self.c).with_suffix(".html")


def compiled(source: Path, options: Options, temporary: Path) -> Compiled:
    """What Cython makes of a source; from the cache if nothing has changed. The folder of the source stays untouched.

    Parameters
    ----------
    source
        A .pyx or .py file.
    options
        Options for Cython.
    temporary
        An empty folder to use if the cache cannot be written.

    Raises
    ------
    AnnotateError
        Cython rejects the source, or has functions in it that cannot be seen.
    """
    if not source.is_file():
        raise AnnotateError(f"{source}: no such file")
    path = source.resolve()
    plus = options.cplus or path in options.cplus_sources or distutils_comments(source).get("language") == "c++"
    name = f"{source.stem}.{'cpp' if plus else 'c'}"
    arguments = ["--annotate", *_arguments(path, options), *(["--cplus"] if plus else [])]

    def make(folder: Path) -> Sequence[Path]:
        task = {"arguments": [*arguments, "-o", str(folder / name), str(path)], "facts": str(folder / _FACTS)}
        ending = child.run("gilscope.annotate._tree", task, LIMIT)
        if ending.answer != 0:
            raise AnnotateError(_reason(source, ending))
        (folder / _MESSAGES).write_text(ending.errors, encoding="utf-8")
        return [*map(Path, _facts(folder).files), path, path.with_suffix(".pxd")]

    folder = cache.entry(_key(path, arguments), make)
    if folder is None:
        temporary.mkdir(parents=True, exist_ok=True)
        make(temporary)
        folder = temporary
    facts = _facts(folder)
    _check(source, facts)
    messages = (folder / _MESSAGES).read_text(encoding="utf-8", errors="replace")
    return Compiled(source, facts, folder, name, tuple(_hints(facts, messages)))


def distutils_comments(source: Path) -> dict[str, Json]:
    """What the comments on top of a source say about its build: {"language": "c++", "extra_compile_args": [...]}."""
    parse = import_module("Cython.Build.Dependencies").DistutilsInfo
    return cast(dict[str, Json], parse(source.read_text(encoding="utf-8", errors="replace")).values)


def _facts(folder: Path) -> ModuleFact:
    path = folder / _FACTS
    try:
        return decode(ModuleFact, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError, FormatError) as error:
        raise AnnotateError(f"{path}: {error}") from error


def _check(source: Path, facts: ModuleFact) -> None:
    """A source that has functions, of which none can be seen, is an error and not an all-clear."""
    if facts.unseen and not facts.functions:
        file, line, name = facts.unseen[0]
        raise AnnotateError(
            f"{source}: {len(facts.unseen)} functions, such as {name} at {Path(file).name}:{line}, are written there, "
            "and none is in the tree that Cython compiles; nothing can be said of them"
        )


def _key(path: Path, arguments: Sequence[str]) -> str:
    """A digest of what the outcome depends on, beside the files that Cython reads."""
    versions = (version("cython"), version("gilscope"))
    own = sorted(Path(__file__).with_name("_tree").glob("*.py"))
    return cache.digest([str(path), str(Path.cwd()), *arguments, *versions], own)


def own(source: Path) -> bool:
    """Whether a source is one of this project's."""
    return source.resolve().is_relative_to((ext_folder() / "cy").resolve())


def _arguments(source: Path, options: Options) -> list[str]:
    include = ["-I", str(source.parent), *(part for path in options.include for part in ("-I", str(path)))]
    cy = (ext_folder() / "cy").resolve()
    directives = options.directives
    if own(source):
        ours = json.loads((cy / "directives.json").read_text())
        directives = (*(f"{name}={value}" for name, value in ours.items()), *directives)
        include += ["-I", str(cy)]
    named = ["--module-name", options.module_name] if options.module_name else []
    return [
        *include,
        *named,
        *(f"-X{directive}" for directive in directives),
        *(f"-E{pair}" for pair in options.environment),
    ]


def _hints(facts: ModuleFact, messages: str) -> list[tuple[str, Hint]]:
    """Cython's performance hints about the files of this module."""
    hints = []
    for shown, line, text in _HINT.findall(messages):
        path = str(Path(shown).resolve())
        file = next((file for file in facts.code if str(Path(file).resolve()) == path), None)
        file = file or next((file for file in facts.code if f"/{file}".endswith(f"/{shown}")), None)
        if file:
            hints.append((file, Hint(int(line), text)))
    return hints


def _reason(source: Path, ending: child.Ending) -> str:
    """Cython's first message that names a place. The lines around it quote the source."""
    if ending.late:
        return f"{source}: Cython has not ended after {LIMIT:.0f} s"
    for line in ending.errors.splitlines():
        if match := _MESSAGE.fullmatch(line.strip()):
            message = f"{match['place']}: {match['text']}"
            return message if match["place"].startswith(str(source.resolve())) else f"{source}: {message}"
    last = [line for line in ending.errors.splitlines() if line.strip()][-1:]
    return f"{source}: {last[0].strip() if last else f'Cython failed without a message ({ending.reason()})'}"
