"""The command line: a list of small commands, one module each."""

import click

from gilscope._version import __version__
from gilscope.cli import (
    annotate,
    atlas,
    bench,
    calibrate,
    compare,
    completion,
    doctor,
    explain,
    probe,
    report,
    run,
    verify,
)
from gilscope.cli import list as list_
from gilscope.cli._program import NAME, Program

COMMANDS = (run, probe, atlas, list_, explain, verify, bench, compare, doctor, calibrate, report, annotate, completion)


@click.group(
    cls=Program,
    commands=[module.command for module in COMMANDS],
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message=f"{NAME} %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """See who holds the GIL, and what that costs, on this machine.

    Start with 'gilscope run', which tests every claim and writes a report.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
