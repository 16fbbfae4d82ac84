"""gilscope annotate: Cython's annotated pages."""

from pathlib import Path

import click

from gilscope.cli._program import Command, Failure


@click.command(
    "annotate",
    cls=Command,
    short_help="Build Cython's annotated pages.",
    examples=[
        ("gilscope annotate", "this project's kernels"),
        ("gilscope annotate mine.pyx --out pages", "a source of your own"),
    ],
)
@click.argument("sources", metavar="[FILE.pyx]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), default="annotated", help="Where the pages go.")
def command(sources: tuple[Path, ...], out: Path) -> None:
    """Build the page that Cython writes about each FILE, this project's own where none is named, and print its
    path.

    Nothing else is built, and the sources' own folder stays as it is.
    """
    from gilscope.annotate import AnnotateError, annotate
    from gilscope.sources import cython_sources

    try:
        pages = annotate(sources or cython_sources(), out)
    except AnnotateError as error:
        raise Failure(str(error)) from error
    for page in pages:
        click.echo(page.html)
