"""gilscope calibrate: how far the instrument can be believed, here and now."""

from typing import TYPE_CHECKING

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console, progress, table
from gilscope.cli._program import FAILED, FINE, INCONCLUSIVE, Command, Failure

if TYPE_CHECKING:
    from gilscope.results.calibration import Calibration


@click.command(
    "calibrate",
    cls=Command,
    short_help="Check how accurate the instrument is on this machine, now.",
    examples=[
        ("gilscope calibrate", "about 10 s"),
        ("gilscope calibrate --seconds 60 --json -", "longer, as JSON"),
    ],
)
@click.option("--seconds", type=click.FloatRange(1, 3600), default=10.0, help="Approximate time to take. Default: 10.")
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write the figures as JSON; - for stdout.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
def command(seconds: float, json_to: str | None, quiet: bool) -> int:
    """Run workloads that hold and release the GIL for known times, and print how far from the truth the sampler and
    the ledger are.

    Exit status: 0 every error is within its limit (1 percentage point for calls of 1 ms and more, 3 for shorter ones),
    1 one is beyond it, 3 nothing can be recorded here.
    """
    from gilscope.results import files
    from gilscope.results.calibration import Calibration
    from gilscope.scope.calibrate import calibrate
    from gilscope.scope.recording import RecordingError

    try:
        with progress(quiet) as report:
            calibration = Calibration(tuple(calibrate(seconds, progress=report)))
    except RecordingError as error:
        raise Failure(str(error), INCONCLUSIVE) from error
    if json_to:
        files.write(calibration, json_to)
    if json_to != "-":
        show(calibration)
    return FINE if calibration.fine else FAILED


def show(calibration: "Calibration") -> None:
    """One row per workload."""
    right = ("per call", "held", "sampler", "ledger", "error")
    rows = table(*right, "", right=right)
    for point in calibration.points:
        shares = ["\N{EN DASH}" if share is None else f"{share:.2%}" for share in (point.sampler, point.ledger)]
        error = f"{point.error * 100:.2f} points"
        fine = "" if point.fine else "too far"
        rows.add_row(f"{point.cycle * 1e3:g} ms", f"{point.truth:.2%}", *shares, error, fine)
    console().print(rows)
