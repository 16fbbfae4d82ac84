"""gilscope report: the report from saved results."""

from dataclasses import replace
from pathlib import Path

import click

from gilscope.cli import _types as types
from gilscope.cli._program import USAGE, Command, Failure


@click.command(
    "report",
    cls=Command,
    short_help="Write the report from saved results.",
    examples=[
        ("gilscope report lab.json", "to the folder report"),
        ("gilscope report lab.json --atlas atlas.json", "with the atlas as another page"),
        ("gilscope report lab.json --out lab.html", "to one file that you can mail"),
    ],
)
@click.argument("results", metavar="RESULTS.json", type=click.Path(path_type=Path))
@types.OUT
@click.option("--atlas", "atlas_from", metavar="FILE", help="Add a page from this file of 'gilscope atlas --json'.")
def command(results: Path, out: Path, atlas_from: str | None) -> None:
    """Write the report of results that 'run' or 'bench' saved with --json. Print its path and headline."""
    from gilscope.report import ReportError, headline, view, write
    from gilscope.results import FormatError, load
    from gilscope.results.atlas import load as load_atlas

    try:
        document = load(results)
        if atlas_from:
            document = replace(document, atlas=load_atlas(atlas_from))
        page = write(document, out, single_file=out.suffix == ".html")
    except FormatError as error:
        raise Failure(str(error), USAGE) from error
    except ReportError as error:
        raise Failure(str(error)) from error
    click.echo(f"{page}\n{headline(view(document))}")
