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
    short_help="What Cython functions do with the GIL, and Cython's own pages.",
    examples=[
        ("gilscope annotate", "this project's kernels"),
        ("gilscope annotate mine.pyx src --out pages", "sources of your own: files, folders, installed modules"),
        ("gilscope annotate mine.pyx --against old.pyx", "two versions, line by line"),
        ("gilscope annotate src --check", "a gate: the rules are in pyproject.toml, [tool.gilscope.annotate]"),
        (
            "gilscope annotate src --check --baseline known.json",
            "only what is new since 'annotate src --json known.json'",
        ),
    ],
)
@click.argument("targets", metavar="[FILE.pyx|FOLDER|MODULE]...", nargs=-1)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the pages go: annotated, and with --check nowhere, if not given.",
)
@click.option("--against", metavar="OLD.pyx", type=click.Path(path_type=Path), help="Compare one source with this.")
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write all figures; - for stdout.")
@click.option("--check", is_flag=True, help="Fail where a rule is broken.")
@click.option("--baseline", metavar="FILE", type=click.Path(path_type=Path), help="Breaches that are known.")
@click.option(
    "-I", "include", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="Search for .pxd here."
)
@click.option("-X", "directives", metavar="NAME=VALUE", multiple=True, help="A directive for Cython.")
@click.option("--cplus", is_flag=True, help="Compile for C++, also what does not ask for it in a distutils comment.")
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
    """For each function of each source, say what it does with the GIL: uses of Python at its boundary, inside nogil and
    in loops, takes of the GIL in loops, and where it releases. --out gets pages to search, sort and
    compare, and Cython's own beside them.

    Sources are compiled to C and no further, and their folder stays as it is. One that Cython rejects is named, with
    the place and the reason; the others are done all the same.

    Exit status: 0 fine, 1 a source was rejected or a rule is broken, 2 usage.
    """
    from gilscope.annotate import AnnotateError, Options, annotate_each
    from gilscope.annotate import Page as Made
    from gilscope.annotate.gate import breaches, document, new_breaches, rules
    from gilscope.annotate.pages import write
    from gilscope.measure import record
    from gilscope.sources import cython_sources

    try:
        limits = rules(Path.cwd())
        named = [path for target in targets for path in _sources(target)] or cython_sources()
        sources = list({path.resolve(): path for path in named}.values())
        if against and len(sources) != 1:
            raise click.UsageError("--against compares with one source; name exactly one")
        options = Options(include, directives, cplus)
        wanted = out or (None if check else Path("annotated"))
        with nullcontext(wanted) if wanted else TemporaryDirectory() as folder:
            made = annotate_each(sources, Path(folder, "cython"), options)
            before = annotate_each([against], Path(folder, "against"), options) if against else []
        pages = [page for page in made if isinstance(page, Made)]
        found = list(breaches(pages, limits))
        new = new_breaches(found, baseline) if baseline else found
        old = next((page for page in before if isinstance(page, Made)), None)
        index = write(pages, wanted, old) if pages and wanted else None
    except AnnotateError as error:
        raise Failure(str(error), USAGE) from error
    rejected = [str(page) for page in [*made, *before] if isinstance(page, AnnotateError)]
    if json_to:
        record.save(document(pages, found), json_to)
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
    """The .pyx files that a file, a folder or an installed module's name stands for."""
    path = Path(target)
    if path.is_dir():
        found = sorted(path.rglob("*.pyx"))
        if not found:
            raise click.UsageError(f"{target}: no .pyx files in this folder")
        return found
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
    found = sorted(file for folder in folders for file in folder.rglob("*.pyx"))
    if beside and beside.is_file():
        found.append(beside)
    if not found:
        raise click.UsageError(f"{target}: installed without its .pyx files")
    return found


def _show(pages: "list[Page]") -> None:
    numbers = ("boundary", "inside nogil", "in loops", "takes in loops")
    rows = table("function", *numbers, "releases", "hints", right=numbers)
    for page in pages:
        for function in page.functions:
            releases = ", ".join(f"line {line}" for line in function.releases)
            rows.add_row(
                f"{page.name}.{function.name}",
                *(str(n) for n in (function.boundary, function.inside_nogil, function.in_loop, function.takes_in_loop)),
                releases or ("may run without" if function.nogil else "never"),
                str(len(function.hints) or ""),
            )
    console().print(rows)
