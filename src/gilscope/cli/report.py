"""gilscope report: the report again, from saved results."""

from pathlib import Path

import click

from gilscope.cli import _types as types
from gilscope.cli._program import USAGE, Command, Failure


@click.command(
    "report",
    cls=Command,
    short_help="Write the report from saved results.",
    examples=[
        ("gilscope report lab.json", "into the folder report"),
        ("gilscope report lab.json --atlas atlas.json", "with the atlas as one more page"),
        ("gilscope report lab.json --out lab.html", "into one file that can be mailed"),
    ],
)
@click.argument("results", metavar="RESULTS.json", type=click.Path(path_type=Path))
@types.OUT
@click.option("--atlas", "atlas_from", metavar="FILE", help="Put this file of 'gilscope atlas --json' in, as a page.")
def command(results: Path, out: Path, atlas_from: str | None) -> None:
    """Write the report of what 'run' or 'bench' measured and kept with --json, and print its path and headline."""
    from gilscope.measure.record import RecordError, load
    from gilscope.report import ReportError, headline, write
    from gilscope.scope import atlas

    try:
        document = load(results)
        if atlas_from:
            document["atlas"] = atlas.load(atlas_from)
        page = write(document, out, single_file=out.suffix == ".html")
    except (RecordError, atlas.AtlasError) as error:
        raise Failure(str(error), USAGE) from error
    except ReportError as error:
        raise Failure(str(error)) from error
    click.echo(f"{page}\n{headline(document)}")
