"""gilscope annotate: Cython's annotated pages, and what each function does with the GIL."""

from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console, table
from gilscope.cli._program import FAILED, USAGE, Command, Failure

if TYPE_CHECKING:
    from gilscope.annotate import Page


@click.command(
    "annotate",
    cls=Command,
    short_help="Show what Cython functions do with the GIL, and Cython's own pages.",
    examples=[
        ("gilscope annotate", "this project's kernels"),
        ("gilscope annotate mine.pyx src --out pages", "your own files, folders or installed modules"),
        ("gilscope annotate mine.pyx --against old.pyx", "compare two versions line by line"),
        ("gilscope annotate src --check", "a gate for CI; its rules are in pyproject.toml, [tool.gilscope.annotate]"),
        (
            "gilscope annotate src --check --baseline known.json",
            "fail only on breaches that are not in known.json, from 'annotate src --json known.json'",
        ),
    ],
)
@click.argument("targets", metavar="[FILE.pyx|FOLDER|MODULE]...", nargs=-1)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the pages to this folder. Default: annotated; with --check, write no pages.",
)
@click.option(
    "--against", metavar="OLD.pyx", type=click.Path(path_type=Path), help="Compare the source with this version."
)
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write all figures as JSON; - for stdout.")
@click.option("--check", is_flag=True, help="Exit with 1 if a rule is broken.")
@click.option(
    "--baseline", metavar="FILE", type=click.Path(path_type=Path), help="Ignore breaches that this --json file has."
)
@click.option(
    "-I",
    "include",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Search this folder for .pxd files.",
)
@click.option("-X", "directives", metavar="NAME=VALUE", multiple=True, help="Set a Cython directive.")
@click.option("--cplus", is_flag=True, help="Compile every source as C++, even without a distutils comment.")
def command(
    targets: tuple[str, ...],
    out: Path | None,
    against: Path | None,
    json_to: str | None,
    check: bool,
    baseline: Path | None,
    include: tuple[Path, ...],
    directives: tuple[str, ...],
    cplus: bool,
) -> int:
    """Show what each Cython function does with the GIL: where it uses Python (at its boundary, inside nogil, in loops),
    where its loops take the GIL, and where it releases. Write pages to search, sort and compare, with Cython's own
    annotated pages.

    Without an argument, read this project's kernels. Cython only translates the sources to C; nothing is written to
    their folder. If Cython rejects a source, print the place and the reason, and go on with the next.

    Exit status: 0 passed, 1 a source was rejected or a rule is broken, 2 usage error.
    """
    from gilscope.annotate import AnnotateError, Options, annotate_each
    from gilscope.annotate import Page as AnnotatedPage
    from gilscope.annotate.gate import breaches, document, new_breaches, rules
    from gilscope.annotate.pages import write
    from gilscope.results import write as write_json
    from gilscope.sources import cython_sources

    try:
        limits = rules(Path.cwd())
        named = [path for target in targets for path in _sources(target)] or cython_sources()
        sources = list({path.resolve(): path for path in named}.values())
        if against and len(sources) != 1:
            raise click.UsageError("--against compares two versions of one source; name exactly one source")
        options = Options(include, directives, cplus)
        wanted = out or (None if check else Path("annotated"))
        with nullcontext(wanted) if wanted else TemporaryDirectory() as folder:
            outcomes = annotate_each(sources, Path(folder, "cython"), options)
            earlier = annotate_each([against], Path(folder, "against"), options) if against else []
        pages = [page for page in outcomes if isinstance(page, AnnotatedPage)]
        broken = list(breaches(pages, limits))
        new = new_breaches(broken, baseline) if baseline else broken
        old = next((page for page in earlier if isinstance(page, AnnotatedPage)), None)
        index = write(pages, wanted, old) if pages and wanted else None
    except AnnotateError as error:
        raise Failure(str(error), USAGE) from error
    rejected = [str(error) for error in [*outcomes, *earlier] if isinstance(error, AnnotateError)]
    if json_to:
        write_json(document(pages, broken), json_to)
    if json_to != "-" and not check:
        _show(pages)
        if index:
            click.echo(index)
    for line in rejected:
        click.echo(f"gilscope: {line}", err=True)
    if check:
        for breach in new:
            click.echo(str(breach), err=json_to == "-")
    return FAILED if rejected or (check and new) else 0


def _sources(target: str) -> list[Path]:
    """The .pyx files of a target: a file, a folder, or the name of an installed module."""
    path = Path(target)
    if path.is_dir():
        sources = sorted(path.rglob("*.pyx"))
        if not sources:
            raise click.UsageError(f"{target}: no .pyx files in this folder")
        return sources
    if path.suffix in (".pyx", ".py") or path.exists():
        return [path]
    try:
        spec = find_spec(target)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise click.UsageError(f"{target}: no such file, folder or installed module")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    beside = Path(spec.origin).parent / f"{target.rpartition('.')[2]}.pyx" if spec.origin else None
    sources = sorted(file for folder in folders for file in folder.rglob("*.pyx"))
    if beside and beside.is_file():
        sources.append(beside)
    if not sources:
        raise click.UsageError(f"{target}: installed without its .pyx files")
    return sources


def _show(pages: "list[Page]") -> None:
    numbers = ("boundary", "inside nogil", "in loops", "takes in loops")
    rows = table("function", *numbers, "releases", "hints", right=numbers)
    for page in pages:
        for function in page.functions:
            releases = ", ".join(f"line {line}" for line in function.release_lines)
            rows.add_row(
                f"{page.name}.{function.name}",
                *(str(n) for n in (function.boundary, function.inside_nogil, function.in_loop, function.takes_in_loop)),
                releases or ("may run without" if function.nogil else "never"),
                str(len(function.hints) or ""),
            )
    console().print(rows)
