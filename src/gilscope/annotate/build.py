"""From Cython's sources to pages: one per source, and one per file that a source includes."""

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from gilscope.annotate.compile import AnnotateError, Compiled, Options, compiled
from gilscope.annotate.model import Function, Hint
from gilscope.annotate.resolve import resolve

__all__ = ["AnnotateError", "Options", "Page", "annotate", "annotate_each"]


@dataclass(frozen=True, slots=True)
class Page:
    """One file, Cython's page about it, and what its functions do with the GIL."""

    source: Path
    name: str
    """The source's name without a suffix, after as many folders as tell it from the other sources; for a file that one
    of them includes, MODULE/FILE."""
    html: Path | None
    """Cython's page, unmodified; None for a .pxd, of which Cython writes none."""
    functions: tuple[Function, ...] = ()
    """In the order of their lines."""
    code: Mapping[int, str] = field(default_factory=dict, compare=False, repr=False)
    """The generated C of each line."""
    c: Path | None = None
    """The generated file, beside the page that links to it; .cpp if the source is compiled for C++."""
    module: str = ""
    """The full name of the module that it is compiled into."""
    included: bool = False
    """Whether it is a part of another source: a file that this one includes, or its .pxd."""
    unseen: tuple[str, ...] = ()
    """Functions that are written there, but not in the tree that Cython compiles, as FILE:LINE: NAME."""


Progress = Callable[[Path], None]
"""Called with each source when it is done, from the thread that did it."""


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
        In the order of the sources; after each, the files that it includes.

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


def annotate_each(
    sources: Sequence[Path], folder: Path, options: Options | None = None, progress: Progress | None = None
) -> list[Page | AnnotateError]:
    """Do the same as annotate(), but go on after a source that Cython rejects.

    Parameters
    ----------
    sources, folder
        As for annotate().
    options
        Options for Cython; its defaults if None.
    progress
        Called with each source when it is done.

    Returns
    -------
    list of Page or AnnotateError
        In the order of the sources; the error stands in the place of the page. A source that another one includes has
        its page there, and none of its own.

    Raises
    ------
    AnnotateError
        Cython is missing, two sources have the same name, or the folder cannot be written.
    """
    options = options or Options()
    if find_spec("Cython") is None:
        raise AnnotateError("Cython is not installed: pip install 'gilscope[lab]'")
    names = dict(zip(sources, _names(sources), strict=True))

    def outcome(source: Path, temporary: Path) -> Compiled | AnnotateError:
        try:
            return compiled(source, options, temporary)
        except AnnotateError as error:
            return error
        finally:
            if progress:
                progress(source)

    with tempfile.TemporaryDirectory(prefix="gilscope-") as temporary:
        places = [Path(temporary, str(at)) for at in range(len(sources))]
        try:
            with ThreadPoolExecutor(options.jobs or os.cpu_count()) as pool:  # a thread only waits for its child
                outcomes = _without_included(list(pool.map(outcome, sources, places)), sources)
            if not outcomes or any(isinstance(one, Compiled) for one in outcomes):
                folder.mkdir(parents=True, exist_ok=True)
            return _pages(outcomes, names, folder)
        except OSError as error:
            raise AnnotateError(f"{error.filename}: {error.strerror}") from error


def _without_included(
    outcomes: Sequence[Compiled | AnnotateError], sources: Sequence[Path]
) -> list[Compiled | AnnotateError]:
    """The outcomes without those of files that another source includes: they need not compile alone."""
    included = {
        str(Path(file).resolve())
        for outcome in outcomes
        if isinstance(outcome, Compiled)
        for file, _ in outcome.facts.included
    }
    pairs = zip(sources, outcomes, strict=True)
    return [outcome for source, outcome in pairs if str(source.resolve()) not in included]


def _pages(
    outcomes: Sequence[Compiled | AnnotateError], names: Mapping[Path, str], folder: Path
) -> list[Page | AnnotateError]:
    """The pages of all sources, whose functions know each other."""
    seen = [outcome for outcome in outcomes if isinstance(outcome, Compiled)]
    hints: dict[str, dict[Hint, None]] = defaultdict(dict)
    for one in seen:
        for file, hint in one.hints:
            hints[file][hint] = None
    resolved = resolve([one.facts for one in seen], {file: tuple(of_file) for file, of_file in hints.items()})
    functions = {id(one): of_files for one, of_files in zip(seen, resolved, strict=True)}
    pages: list[Page | AnnotateError] = []
    for outcome in outcomes:
        if isinstance(outcome, AnnotateError):
            pages.append(outcome)
        else:
            pages += _of_module(outcome, functions[id(outcome)], names[outcome.source], folder)
    return pages


def _of_module(one: Compiled, functions: Mapping[str, list[Function]], name: str, folder: Path) -> Iterator[Page]:
    """The page of a source, and those of the files that it includes."""
    facts = one.facts
    html = folder / f"{name}.html"
    html.parent.mkdir(parents=True, exist_ok=True)
    c = html.parent / one.c
    shutil.copyfile(one.html, html.parent / one.html.name)
    shutil.copyfile(one.folder / one.c, c)
    unseen = tuple(f"{file}:{line}: {written}" for file, line, written in facts.unseen)
    own = tuple(functions.get(facts.source, ()))
    yield Page(one.source, name, html, own, facts.code.get(facts.source, {}), c, facts.module, unseen=unseen)
    theirs = dict(facts.included)
    for file in [*theirs, *(file for file in functions if file not in theirs)]:
        if file != facts.source:
            part = f"{name}/{_below(Path(file), one.source.resolve().parent)}"
            page = _included_page(one, theirs.get(file, ""), folder / f"{part}.html", c)
            of_file = tuple(functions.get(file, ()))
            yield Page(Path(file), part, page, of_file, facts.code.get(file, {}), c, facts.module, included=True)


def _included_page(one: Compiled, page: str, target: Path, c: Path) -> Path | None:
    """Cython's page of an included file, whose link to the C is led to where that lies."""
    if not page:
        return None
    text = (one.folder / page).read_text(encoding="utf-8", errors="surrogateescape")
    target.parent.mkdir(parents=True, exist_ok=True)
    link = os.path.relpath(c, target.parent)
    text = text.replace(f'href="{one.c}"', f'href="{link}"')
    target.write_text(text, encoding="utf-8", errors="surrogateescape")
    return target


def _below(file: Path, folder: Path) -> str:
    """The path of a file from a folder, or its name if it lies elsewhere."""
    path = file.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _names(sources: Sequence[Path]) -> Iterator[str]:
    """For each source, the shortest end of its path that no other source has."""
    paths = [source.resolve().with_suffix("").parts for source in sources]
    for source, path in zip(sources, paths, strict=True):
        ends = (path[-depth:] for depth in range(1, len(path)))
        own = next((end for end in ends if sum(other[-len(end) :] == end for other in paths) == 1), None)
        if own is None:
            raise AnnotateError(f"{source}: named twice, or beside another file called {source.stem}")
        yield "/".join(own)
