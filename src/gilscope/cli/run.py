"""gilscope run: the whole lab, and its report."""

from pathlib import Path

import click

from gilscope.cli import _types as types
from gilscope.cli._measure import interrupted, measure
from gilscope.cli._program import INTERRUPTED, Command, Failure

SECONDS = {"quick": 20, "default": 90, "thorough": 300}


@click.command(
    "run",
    cls=Command,
    short_help="Measure everything and write the report.",
    examples=[
        ("gilscope run", "about 90 s, then report/index.html"),
        ("gilscope run --quick --out /tmp/report", "about 20 s, to another folder"),
        ("gilscope run --thorough --json lab.json", "about 5 min; keeps the results for 'gilscope compare'"),
    ],
)
@click.option("--quick", "length", flag_value="quick", help="About 20 s, with wider intervals.")
@click.option("--thorough", "length", flag_value="thorough", help="About 5 min, with narrower intervals.")
@types.OUT
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write the results; - for stdout.")
@click.option("--threads", metavar="N,...", type=types.THREADS, help="Numbers of threads; 1 and all CPUs if not given.")
@click.option("--quiet", is_flag=True, help="No bar and no warnings.")
def command(length: str | None, out: Path, json_to: str | None, threads: tuple[int, ...] | None, quiet: bool) -> None:
    """Measure every cell of every kernel, held and released, and write a report that opens in any browser.

    Prints the report's path and what was found, in one sentence. Ctrl-C ends the measurement early; what was
    measured until then is written all the same.
    """
    from gilscope.measure import record
    from gilscope.report import ReportError, check, headline, write
    from gilscope.variants import select

    single_file = out.suffix == ".html"
    try:
        check(out, single_file=single_file)
        quick = length == "quick"  # the chart's two ends, and calls short enough for some rounds
        cells = select(policies=("held", "released", "own")) if quick else select()
        size = "small" if quick else "medium"
        results = measure(cells, threads, seconds=SECONDS[length or "default"], quiet=quiet, size=size)
        if json_to:
            record.save(results, json_to)
        if not results["rows"]:
            raise Failure(interrupted(results), INTERRUPTED)
        page = write(results, out, single_file=single_file)
    except ReportError as error:
        raise Failure(str(error)) from error
    click.echo(f"{page}\n{headline(results)}", err=json_to == "-")
    if not results["complete"]:
        raise Failure(interrupted(results), INTERRUPTED)
