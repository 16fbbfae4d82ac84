"""gilscope run: the whole lab, and its report; or single experiments."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gilscope.cli import _types as types
from gilscope.cli._findings import show
from gilscope.cli._output import progress, warn
from gilscope.cli._program import FINE, INCONCLUSIVE, INTERRUPTED, Command, Failure

if TYPE_CHECKING:
    from gilscope.lab import Length, Run


@click.command(
    "run",
    cls=Command,
    short_help="Test every claim, measure every kernel, and write the report.",
    examples=[
        ("gilscope run", "everything, in about 90 s, to report/index.html"),
        ("gilscope run --quick --out /tmp/report", "the main claims and four kernels, to another folder"),
        ("gilscope run --thorough --json lab.json", "about 5 min; saves the results for 'gilscope compare'"),
        ("gilscope run python-threads gil-release", "two claims, on the terminal"),
        ("gilscope run gil-release --json -", "one finding with its raw data"),
    ],
)
@click.argument("experiments", metavar="[EXPERIMENT]...", nargs=-1, type=types.EXPERIMENT)
@click.option("--quick", "length", flag_value="quick", help="Test the main claims and four kernels, in about 25 s.")
@click.option("--thorough", "length", flag_value="thorough", help="Take about 5 min, for narrower intervals.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the report to this folder, or to one file if the name ends in .html. Default: report; with "
    "EXPERIMENTs, write no report.",
)
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write the results as JSON; - for stdout.")
@click.option("--threads", metavar="N,...", type=types.THREADS, help="Numbers of threads. Default: 1 and all CPUs.")
@click.option("--quiet", is_flag=True, help="Show no progress bar and no warnings.")
def command(
    experiments: tuple[str, ...],
    length: "Length | None",
    out: Path | None,
    json_to: str | None,
    threads: tuple[int, ...] | None,
    quiet: bool,
) -> int:
    """Test every claim about the GIL, measure every kernel with the GIL held and released, and write a report for the
    browser. With EXPERIMENTs, test only their claims (see 'gilscope list experiments').

    Print the report's path and headline. Ctrl-C ends the run early and keeps what was measured.

    Exit status: 0 measured, whatever the verdicts; 3 all claims that you named are inconclusive.
    """
    from gilscope.host import environment
    from gilscope.lab import plan, run
    from gilscope.report import ReportError, check
    from gilscope.results import write

    planned = plan(length or "default", tuple(dict.fromkeys(experiments)), threads)
    out = out or (None if experiments else Path("report"))
    try:
        if out:
            check(out, single_file=out.suffix == ".html")
        if not quiet:
            warn(environment())
        with progress(quiet) as report:
            done = run(planned, report)
        results = done.results
        if json_to:
            write(results, json_to)
        if not results.rows and not results.findings:
            raise Failure(done.interrupted, INTERRUPTED)
        if experiments and json_to != "-":
            show(results.findings)
        if out:
            _report(done, out, to_stderr=json_to == "-")
    except ReportError as error:
        raise Failure(str(error)) from error
    except RuntimeError as error:  # a wrong answer, or no more threads to be had
        raise Failure(str(error)) from error
    if done.interrupted:
        raise Failure(done.interrupted, INTERRUPTED)
    verdicts = {finding.ruling.verdict for finding in results.findings}
    return INCONCLUSIVE if experiments and verdicts == {"inconclusive"} else FINE


def _report(done: "Run", out: Path, *, to_stderr: bool) -> None:
    """Write the report, and print its path and its headline."""
    from gilscope.report import headline, view, write

    page = write(done.results, out, single_file=out.suffix == ".html", trace=done.trace)
    click.echo(f"{page}\n{headline(view(done.results))}", err=to_stderr)
