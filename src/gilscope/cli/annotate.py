"""gilscope annotate: Cython's annotated pages, and what each function does with the GIL."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console, progress, table
from gilscope.cli._program import FAILED, USAGE, Command, Failure

if TYPE_CHECKING:
    from gilscope.annotate import Options, Page
    from gilscope.annotate.gate import Breach


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
    "--format",
    "style",
    type=click.Choice(["text", "github"]),
    default="text",
    help="Print breaches as text, or as annotations of GitHub Actions.",
)
@click.option(
    "-j", "jobs", metavar="N", type=click.IntRange(1), help="Compile N sources at once. Default: one per CPU."
)
@click.option(
    "-I", "include", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="Search here for .pxd files."
)
@click.option("-X", "directives", metavar="NAME=VALUE", multiple=True, help="Pass Cython a directive.")
@click.option("-E", "environment", metavar="NAME=VALUE", multiple=True, help="Define a name for IF and DEF.")
@click.option("--module-name", metavar="NAME", help="The module's full name, as in a namespace package: one source.")
@click.option("--cplus", is_flag=True, help="Compile every source for C++, with or without a distutils comment.")
def command(
    targets: tuple[str, ...],
    out: Path | None,
    against: Path | None,
    json_to: str | None,
    check: bool,
    baseline: Path | None,
    style: str,
    jobs: int | None,
    include: tuple[Path, ...],
    directives: tuple[str, ...],
    environment: tuple[str, ...],
    module_name: str | None,
    cplus: bool,
) -> int:
    """Show what each Cython function does with the GIL: where it uses Python (at its boundary, inside nogil, in loops),
    where its loops take the GIL, and where it releases. Write pages to search, sort and compare, with Cython's own
    annotated pages.

    Without an argument, read this project's kernels. Cython only translates the sources to C; nothing is written to
    their folder. If Cython rejects a source, print the place and the reason, and go on with the next.

    Exit status: 0 passed, 1 a source was rejected or a rule is broken, 2 usage error.
    """
    from gilscope.annotate import AnnotateError, Options
    from gilscope.annotate.gate import breaches, document, new_breaches
    from gilscope.annotate.pages import write
    from gilscope.results import write as write_json

    try:
        sources = _sources(targets)
        if (against or module_name) and len(sources) != 1:
            option = "--against compares two versions" if against else "--module-name is the name"
            raise click.UsageError(f"{option} of one source; name exactly one source")
        plain = Options(include, directives, cplus, environment, module_name, jobs=jobs)
        options = _with_cplus(plain, sources)
        wanted = out or (None if check else Path("annotated"))
        with nullcontext(wanted) if wanted else TemporaryDirectory() as folder:
            pages, rejected = _annotated(sources, Path(folder, "cython"), options)
            earlier, earlier_rejected = _annotated([against], Path(folder, "against"), plain) if against else ([], [])
        broken = breaches(pages)
        new = new_breaches(broken, baseline) if baseline else broken
        index = write(pages, wanted, earlier[0] if earlier else None, broken) if pages and wanted else None
    except AnnotateError as error:
        raise Failure(str(error), USAGE) from error
    if json_to:
        write_json(document(pages, broken), json_to)
    if json_to != "-" and not check and pages:
        _show(pages)
        if earlier:
            _show_changes(earlier[0], pages[0])
        if index:
            click.echo(index)
    rejected += earlier_rejected
    for line in rejected:
        click.echo(f"gilscope: {line}", err=True)
    if check:
        _report(pages, new, style, to_stderr=json_to == "-", passed=not rejected)
    return FAILED if rejected or (check and new) else 0


def _sources(targets: tuple[str, ...]) -> list[Path]:
    """The sources of all targets, each once, without those that the rules exclude."""
    from gilscope.annotate import AnnotateError
    from gilscope.annotate.rules import rules_for
    from gilscope.annotate.targets import sources_of
    from gilscope.sources import cython_sources

    sources: dict[Path, Path] = {}
    for target in targets:
        try:
            for path in sources_of(target):
                rules = rules_for(path)
                if path == Path(target) or not rules.names(path, rules.exclude):
                    sources.setdefault(path.resolve(), path)
        except FileNotFoundError as error:
            raise Failure(str(error)) from error
        except AnnotateError as error:
            raise click.UsageError(str(error)) from error
    if targets and not sources:
        raise click.UsageError("the rules exclude every source that was named")
    return list(sources.values()) or cython_sources()


def _with_cplus(options: "Options", sources: list[Path]) -> "Options":
    from gilscope.annotate.rules import rules_for

    named = ((path, rules_for(path)) for path in sources)
    return replace(
        options, cplus_sources=tuple(path.resolve() for path, rules in named if rules.names(path, rules.cplus))
    )


def _annotated(sources: list[Path], folder: Path, options: "Options") -> "tuple[list[Page], list[str]]":
    """The pages of these sources, and why others have none; with progress on stderr."""
    from gilscope.annotate import Page as AnnotatedPage
    from gilscope.annotate import annotate_each

    done: list[Path] = []
    with progress(quiet=len(sources) < 2) as advance:

        def one_more(source: Path) -> None:
            done.append(source)
            advance(len(done) / len(sources), source.name)

        outcomes = annotate_each(sources, folder, options, one_more)
    pages = [page for page in outcomes if isinstance(page, AnnotatedPage)]
    return pages, [str(error) for error in outcomes if not isinstance(error, AnnotatedPage)]


def _report(pages: "list[Page]", new: "list[Breach]", style: str, *, to_stderr: bool, passed: bool) -> None:
    """The breaches; without any, what was looked at. Notes go to stderr."""
    from gilscope.annotate.gate import could_release, summary

    for breach in new:
        click.echo(breach.as_github() if style == "github" else str(breach), err=to_stderr)
    if pages:
        click.echo(summary(pages, len(new)), err=to_stderr or bool(new) or not passed)
        if note := could_release(pages):
            click.echo(note, err=True)


def _show(pages: "list[Page]") -> None:
    numbers = ("boundary", "inside nogil", "in loops", "outside", "takes in loops", "re-takes")
    rows = table("function", *numbers, "releases", "hints", right=numbers)
    for page in pages:
        for function in page.functions:
            figures = (
                function.boundary,
                function.inside_nogil,
                function.in_loop,
                function.outside_loops,
                function.takes_in_loop,
                function.releases_in_loop,
            )
            times = f" \N{MULTIPLICATION SIGN} {function.specialisations}" if function.specialisations > 1 else ""
            rows.add_row(
                f"{function.full_name}{times}",
                *map(str, figures),
                function.verdict(),
                str(len(function.hints) or ""),
            )
    console().print(rows)


def _show_changes(old: "Page", new: "Page") -> None:
    """What changed between two versions, function by function."""
    from gilscope.annotate.pages import COLUMNS, changes

    rows = table("changed", *COLUMNS, "releases")
    for change in changes(old, new):
        if change.differs:
            cells = [f"{a} \N{RIGHTWARDS ARROW} {b}" if a != b else str(b) for a, b in change.pairs()]
            rows.add_row(change.name, *cells)
    console().print(rows if rows.row_count else "No function has other figures than before.")
