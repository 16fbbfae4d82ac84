"""gilscope calibrate: how far the instrument can be believed, here and now."""

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console, progress, table
from gilscope.cli._program import FAILED, Command


@click.command(
    "calibrate",
    cls=Command,
    short_help="Check the instrument against work of known shares.",
    examples=[
        ("gilscope calibrate", "about 10 s"),
        ("gilscope calibrate --seconds 60 --json -", "longer, as JSON"),
    ],
)
@click.option("--seconds", type=click.FloatRange(1, 3600), default=10.0, help="About how long to take (10).")
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write the figures; - for stdout.")
@click.option("--quiet", is_flag=True, help="No bar.")
def command(seconds: float, json_to: str | None, quiet: bool) -> int:
    """Let the sampler and the ledger watch workloads that hold and release the GIL for exact times, and print how
    far from the truth each of them was.

    Exit status: 0 all within the limits (1 point for calls of 1 ms and more, 3 points for shorter ones), 1 not.
    """
    from gilscope.measure import record
    from gilscope.scope.calibrate import calibrate

    with progress(quiet) as report:
        points = list(calibrate(seconds, progress=report))
    if json_to:
        record.save({"points": [point.to_json() for point in points]}, json_to)
    if json_to != "-":
        rows = table(
            "a call", "held", "sampler", "ledger", "error", "", right=("a call", "held", "sampler", "ledger", "error")
        )
        for point in points:
            figures = ["\N{EN DASH}" if share is None else f"{share:.2%}" for share in (point.sampler, point.ledger)]
            rows.add_row(
                f"{point.cycle * 1e3:g} ms",
                f"{point.truth:.2%}",
                *figures,
                f"{point.error * 100:.2f} points",
                "" if point.fine else "too far",
            )
        console().print(rows)
    return 0 if all(point.fine for point in points) else FAILED
