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
        ("gilscope report lab.json --out lab.html", "into one file that can be mailed"),
    ],
)
@click.argument("results", metavar="RESULTS.json", type=click.Path(path_type=Path))
@types.OUT
def command(results: Path, out: Path) -> None:
    """Write the report of what 'run' or 'bench' measured and kept with --json, and print its path and headline."""
    from gilscope.measure.record import RecordError, load
    from gilscope.report import ReportError, headline, write

    try:
        document = load(results)
        page = write(document, out, single_file=out.suffix == ".html")
    except RecordError as error:
        raise Failure(str(error), USAGE) from error
    except ReportError as error:
        raise Failure(str(error)) from error
    click.echo(f"{page}\n{headline(document)}")
