"""From a .pyx file to Cython's annotated page. The folder of the source stays untouched."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from gilscope.annotate import cache
from gilscope.annotate.analyse import Function, analyse, code_by_line, usual_by_line
from gilscope.results.codec import Json
from gilscope.sources import ext_folder

MESSAGES = "hints.txt"
"""The file with Cython's messages, beside the C that it wrote."""
_MESSAGE = re.compile(r"(?!warning: |performance hint: )(?P<place>.+\.p(?:yx|xd|xi|y):\d+:\d+): (?P<text>.+)")


class AnnotateError(Exception):
    """Why there is no page, in one line: `file:line:column: message` if Cython names a place."""


@dataclass(frozen=True, slots=True)
class Page:
    """One source, Cython's page about it, and what its functions do with the GIL."""

    source: Path
    name: str
    """The source's name without a suffix, after as many folders as tell it from the other sources."""
    html: Path
    """Cython's page, unmodified."""
    functions: tuple[Function, ...] = ()
    """In the order of their lines."""
    code: Mapping[int, str] = field(default_factory=dict, compare=False, repr=False)
    """The generated C of each line."""
    c: Path | None = None
    """The generated file, beside the page that links to it; .cpp if the source is compiled for C++."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options for Cython."""

    include: tuple[Path, ...] = ()
    """Folders to search for .pxd files."""
    directives: tuple[str, ...] = ()
    """Compiler directives, as NAME=VALUE."""
    cplus: bool = False
    """Compile for C++. A source whose first comments say `distutils: language = c++` needs no option."""


def annotate(sources: Sequence[Path], folder: Path) -> list[Page]:
    """Write Cython's page for each source into a folder.

    This project's own sources are compiled with the directives and the include path of its build, all others with
    Cython's defaults.

    Parameters
    ----------
    sources
        .pyx or .py files. Their own folders stay untouched.
    folder
        Where NAME.html goes, and beside it the C file that it links to.

    Returns
    -------
    list of Page
        In the order of the sources.

    Raises
    ------
    AnnotateError
        Cython is missing or rejects a source, or a file cannot be read or written.
    """
    outcomes = annotate_each(sources, folder)
    for outcome in outcomes:
        if isinstance(outcome, AnnotateError):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Page)]


def annotate_each(sources: Sequence[Path], folder: Path, options: Options | None = None) -> list[Page | AnnotateError]:
    """Do the same as annotate(), but go on after a source that Cython rejects.

    Parameters
    ----------
    sources, folder
        As for annotate().
    options
        Options for Cython; its defaults if None.

    Returns
    -------
    list of Page or AnnotateError
        In the order of the sources; the error stands in the place of the page.

    Raises
    ------
    AnnotateError
        Cython is missing, two sources have the same name, or the folder cannot be written.
    """
    if find_spec("Cython") is None:
        raise AnnotateError("Cython is not installed: pip install 'gilscope[lab]'")
    pages = [Page(source, name, folder / f"{name}.html") for source, name in zip(sources, _names(sources), strict=True)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # a thread only waits for its child process
            return list(pool.map(lambda page: _build(page, options or Options()), pages))
    except OSError as error:
        raise AnnotateError(f"{error.filename}: {error.strerror}") from error


def _names(sources: Sequence[Path]) -> Iterator[str]:
    """For each source, the shortest end of its path that no other source has."""
    paths = [source.resolve().with_suffix("").parts for source in sources]
    for source, path in zip(sources, paths, strict=True):
        ends = (path[-depth:] for depth in range(1, len(path)))
        own = next((end for end in ends if sum(other[-len(end) :] == end for other in paths) == 1), None)
        if own is None:
            raise AnnotateError(f"{source}: named twice, or beside another file called {source.stem}")
        yield "/".join(own)


def _build(page: Page, options: Options) -> Page | AnnotateError:
    if not page.source.is_file():
        return AnnotateError(f"{page.source}: no such file")
    plus = options.cplus or distutils_comments(page.source).get("language") == "c++"
    command = [sys.executable, "-m", "cython", "--annotate", *_arguments(page.source.resolve(), options)]
    command += ["--cplus"] if plus else []

    def compile_into(folder: Path) -> None:
        line = [*command, "-o", str(folder / name), str(page.source.resolve())]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AnnotateError(_reason(page.source, done.stderr))
        Path(folder, MESSAGES).write_text(done.stderr, encoding="utf-8")

    name = f"{page.source.stem}.{'cpp' if plus else 'c'}"
    with tempfile.TemporaryDirectory() as temporary:
        try:
            folder = cache.entry(_key(page.source, command), compile_into) if _own(page.source) else None
            if folder is None:
                compile_into(folder := Path(temporary))
        except AnnotateError as error:
            return error
        page.html.parent.mkdir(parents=True, exist_ok=True)
        for file in (folder / name, (folder / name).with_suffix(".html")):
            shutil.copyfile(file, page.html.parent / file.name)
        source, c, messages = (
            path.read_text(encoding="utf-8", errors="replace")
            for path in (page.source, folder / name, folder / MESSAGES)
        )
    functions = analyse(source, usual_by_line(c, page.source.name), _hints(page.source, messages))
    code = code_by_line(c, page.source.name)
    return replace(page, functions=tuple(functions), code=code, c=page.html.parent / name)


def _own(source: Path) -> bool:
    return source.resolve().is_relative_to((ext_folder() / "cy").resolve())


def _key(source: Path, command: Sequence[str]) -> str:
    """A digest of all that the outcome depends on: the command, the versions, and what the source may include."""
    versions = (version("cython"), version("numpy"))
    beside = [file for file in (ext_folder() / "cy").rglob("*.p[xy]*") if file.suffix in (".pxd", ".pxi")]
    return cache.digest([str(source.resolve()), *command, *versions], [source, *beside])


def distutils_comments(source: Path) -> dict[str, Json]:
    """What the comments on top of a source say about its build: {"language": "c++", "extra_compile_args": [...]}."""
    parse = import_module("Cython.Build.Dependencies").DistutilsInfo
    return cast(dict[str, Json], parse(source.read_text(encoding="utf-8", errors="replace")).values)


def _arguments(source: Path, options: Options) -> list[str]:
    include = ["-I", str(source.parent), *(part for path in options.include for part in ("-I", str(path)))]
    cy = (ext_folder() / "cy").resolve()
    directives = options.directives
    if _own(source):
        ours = json.loads((cy / "directives.json").read_text())
        directives = (*(f"{name}={value}" for name, value in ours.items()), *directives)
        include += ["-I", str(cy)]
    return [*include, *(f"-X{directive}" for directive in directives)]


def _hints(source: Path, stderr: str) -> list[tuple[int, str]]:
    """Cython's performance hints about this source: line and text."""
    hints = re.findall(r"performance hint: (.+?):(\d+):\d+: (.+)", stderr)
    return [(int(line), text) for file, line, text in hints if Path(file).name == source.name]


def _reason(source: Path, stderr: str) -> str:
    """Cython's first message that names a place. The lines around it quote the source."""
    for line in stderr.splitlines():
        if match := _MESSAGE.fullmatch(line.strip()):
            message = f"{match['place']}: {match['text']}"
            return message if match["place"].startswith(str(source.resolve())) else f"{source}: {message}"
    last = [line for line in stderr.splitlines() if line.strip()][-1:]
    return f"{source}: {last[0].strip() if last else 'Cython failed without a message'}"
