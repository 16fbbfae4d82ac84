"""From a .pyx to the page that Cython writes about it. The sources' own folder stays as it is."""

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
from typing import Any

from gilscope.annotate import cache
from gilscope.annotate.analyse import Function, analyse, code_by_line, usual_by_line
from gilscope.sources import ext_folder

HINTS = "hints.txt"
"""What Cython said while it compiled."""
_MESSAGE = re.compile(r"(?!warning: |performance hint: )(?P<place>.+\.p(?:yx|xd|xi|y):\d+:\d+): (?P<text>.+)")


class AnnotateError(Exception):
    """Why there is no page, in one line: `file:line:column: message` where Cython names a place."""


@dataclass(frozen=True, slots=True)
class Page:
    """One source, the page that Cython wrote about it, unmodified, and what its functions do with the GIL."""

    source: Path
    name: str
    """Its name without a suffix, with the folders before it that tell it from another source of that name."""
    html: Path
    functions: tuple[Function, ...] = ()
    code: Mapping[int, str] = field(default_factory=dict, compare=False, repr=False)
    """The generated C of each line."""
    c: Path | None = None
    """The generated file, beside the page that links to it; .cpp where the source is for C++."""


@dataclass(frozen=True, slots=True)
class Options:
    """How Cython is asked: folders to search for .pxd files, directives as NAME=VALUE, and whether for C++.

    A source whose first comments say `distutils: language = c++` is compiled for C++ in any case.
    """

    include: tuple[Path, ...] = ()
    directives: tuple[str, ...] = ()
    cplus: bool = False


def annotate(sources: Sequence[Path], folder: Path) -> list[Page]:
    """Writes Cython's page for each source into the folder, as NAME.html, and returns them in the same order.

    Beside a page lies the C that it links to. This project's own sources are compiled with the directives and the
    include path of its build, any others with Cython's defaults. AnnotateError if Cython is missing or
    rejects a source.
    """
    made = annotate_each(sources, folder)
    for page in made:
        if isinstance(page, AnnotateError):
            raise page
    return [page for page in made if isinstance(page, Page)]


def annotate_each(sources: Sequence[Path], folder: Path, options: Options | None = None) -> list[Page | AnnotateError]:
    """The same, but a source that Cython rejects costs only its own page: in its place stands the error."""
    if find_spec("Cython") is None:
        raise AnnotateError("Cython is not installed: pip install 'gilscope[lab]'")
    pages = [Page(source, name, folder / f"{name}.html") for source, name in zip(sources, _names(sources), strict=True)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # each only waits for a process of its own
            return list(pool.map(lambda page: _build(page, options or Options()), pages))
    except OSError as error:
        raise AnnotateError(f"{error.filename}: {error.strerror}") from error


def _names(sources: Sequence[Path]) -> Iterator[str]:
    """For each source the end of its path that it shares with no other."""
    paths = [source.resolve().with_suffix("").parts for source in sources]
    for source, path in zip(sources, paths, strict=True):
        ends = (path[-depth:] for depth in range(1, len(path)))
        own = next((end for end in ends if sum(other[-len(end) :] == end for other in paths) == 1), None)
        if own is None:
            raise AnnotateError(f"{source}: named twice, or there is another {source.stem} beside it")
        yield "/".join(own)


def _build(page: Page, options: Options) -> Page | AnnotateError:
    if not page.source.is_file():
        return AnnotateError(f"{page.source}: no such file")
    plus = options.cplus or distutils_comments(page.source).get("language") == "c++"
    command = [sys.executable, "-m", "cython", "--annotate", *_arguments(page.source.resolve(), options)]
    command += ["--cplus"] if plus else []

    def compiled(folder: Path) -> None:
        asked = [*command, "-o", str(folder / name), str(page.source.resolve())]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AnnotateError(_reason(page.source, done.stderr))
        Path(folder, HINTS).write_text(done.stderr, encoding="utf-8")

    name = f"{page.source.stem}.{'cpp' if plus else 'c'}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = cache.kept(_key(page.source, command), compiled) if _own(page.source) else None
            if found is None:
                compiled(found := Path(folder))
        except AnnotateError as error:
            return error
        page.html.parent.mkdir(parents=True, exist_ok=True)
        for made in (found / name, (found / name).with_suffix(".html")):
            shutil.copyfile(made, page.html.parent / made.name)
        source, c, said = (
            path.read_text(encoding="utf-8", errors="replace") for path in (page.source, found / name, found / HINTS)
        )
    functions = analyse(source, usual_by_line(c, page.source.name), _hints(page.source, said))
    code = code_by_line(c, page.source.name)
    return replace(page, functions=tuple(functions), code=code, c=page.html.parent / name)


def _own(source: Path) -> bool:
    return source.resolve().is_relative_to((ext_folder() / "cy").resolve())


def _key(source: Path, command: Sequence[str]) -> str:
    """What the outcome of the command depends on: it, the versions, and whatever the source may include."""
    versions = (version("cython"), version("numpy"))
    beside = [file for file in (ext_folder() / "cy").rglob("*.p[xy]*") if file.suffix in (".pxd", ".pxi")]
    return cache.digest([str(source.resolve()), *command, *versions], [source, *beside])


def distutils_comments(source: Path) -> dict[str, Any]:
    """What the comments on top of a source say about its build: {"language": "c++", "extra_compile_args": [...]}."""
    parse = import_module("Cython.Build.Dependencies").DistutilsInfo
    found: dict[str, Any] = parse(source.read_text(encoding="utf-8", errors="replace")).values
    return found


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
    found = re.findall(r"performance hint: (.+?):(\d+):\d+: (.+)", stderr)
    return [(int(line), text) for file, line, text in found if Path(file).name == source.name]


def _reason(source: Path, stderr: str) -> str:
    """Cython's first message about a place; the lines around it quote the source."""
    for line in stderr.splitlines():
        if message := _MESSAGE.fullmatch(line.strip()):
            found = f"{message['place']}: {message['text']}"
            return found if message["place"].startswith(str(source.resolve())) else f"{source}: {found}"
    last = [line for line in stderr.splitlines() if line.strip()][-1:]
    return f"{source}: {last[0].strip() if last else 'Cython failed without a message'}"
