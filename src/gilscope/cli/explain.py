"""gilscope explain: an experiment in words."""

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console
from gilscope.cli._program import Command


@click.command(
    "explain",
    cls=Command,
    short_help="Explain an experiment: its claim, the reason, and where in CPython it happens.",
    examples=[("gilscope explain gil-release", "before or after 'gilscope run gil-release'")],
)
@click.argument("name", metavar="EXPERIMENT", type=types.EXPERIMENT)
def command(name: str) -> None:
    """Print the claim of an EXPERIMENT, why it should hold, what would refute it, how it is measured, how to read its
    chart, and where in CPython it happens."""
    from rich.text import Text

    from gilscope.experiments import load

    experiment = load()[name]
    out = console()
    out.print(experiment.claim, style="bold")
    measured = f"{(experiment.measure.__doc__ or '').strip().partition(chr(10))[0]} {experiment.seconds:g} s."
    for title, text in (
        ("Why it should be true", experiment.why),
        ("What would refute it", experiment.refuted_by),
        ("How it is measured", measured),
        ("Parameters", ", ".join(f"{key} = {value}" for key, value in experiment.parameters.items())),
        ("How to read the chart", experiment.reading),
    ):
        if text:
            out.print(Text(f"\n{title}\n", "bold") + Text(text))
    out.print("\nWhere in CPython", style="bold")
    for place in experiment.places:
        files = "; ".join(f"{version}: {file}" for version, file in place.files.items())
        out.print(f"{place.function}: {place.what}. {files}")
