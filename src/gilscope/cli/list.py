"""gilscope list: the kernels, the cells, and the experiments."""

import json

import click

from gilscope.cli._output import console, table
from gilscope.cli._program import Command
from gilscope.cli._types import Name

LISTS = ("kernels", "cells", "experiments")


@click.command(
    "list",
    cls=Command,
    short_help="List the kernels, every cell, or the experiments.",
    examples=[
        ("gilscope list", "the kernels, and what each one teaches"),
        ("gilscope list cells", "every kernel, implementation and policy, one per line"),
        ("gilscope list experiments", "the claims that gilscope tests"),
        ("gilscope list --json", "the kernels with all details, for a program"),
    ],
)
@click.argument(
    "what",
    metavar="[kernels|cells|experiments]",
    type=Name("list", lambda: LISTS, "gilscope list --help"),
    default="kernels",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(what: str, as_json: bool) -> None:
    """List the kernels with what they compute and teach; or the cells (each kernel in each implementation under each
    policy, which says what it does with the GIL); or the experiments with their claims.

    The policy `own` marks reference code, whose use of the GIL gilscope does not control.
    """
    from gilscope.variants import select

    if as_json:
        items = {"kernels": kernels, "cells": cells, "experiments": experiments}[what]()
        click.echo(json.dumps(items, indent=1))
    elif what == "cells":
        click.echo("\n".join(str(cell) for cell in select()))
    elif what == "experiments":
        show_experiments()
    else:
        show()


def cells() -> list[dict[str, str]]:
    from gilscope.variants import select

    return [{"kernel": c.kernel.name, "implementation": c.implementation, "policy": c.policy} for c in select()]


def kernels() -> list[dict[str, object]]:
    from gilscope.kernels import load
    from gilscope.variants import native, variants_of

    return [
        {
            "kernel": name,
            "summary": kernel.summary,
            "lesson": kernel.lesson,
            "releases": kernel.releases,
            "sizes": dict(kernel.sizes),
            "size_unit": kernel.size_unit,
            "threshold": native(kernel, "capi").THRESHOLD,
            "unit": native(kernel, "capi").UNIT,
            "source": kernel.source,
            "cells": [{"implementation": c.implementation, "policy": c.policy} for c in variants_of(name)],
        }
        for name, kernel in load().items()
    ]


def experiments() -> list[dict[str, object]]:
    from gilscope.experiments import load

    return [{"name": e.name, "claim": e.claim, "seconds": e.seconds} for e in load().values()]


def show_experiments() -> None:
    from gilscope.experiments import load

    rows = table("experiment", "seconds", "claim", right=("seconds",))
    for experiment in load().values():
        rows.add_row(experiment.name, f"{experiment.seconds:g}", experiment.claim)
    console().print(rows)


def show() -> None:
    from gilscope.kernels import load

    rows = table("", "")
    rows.show_header = False
    for name, kernel in load().items():
        rows.add_row(name, kernel.summary, style="bold")
        rows.add_row("", kernel.lesson)
    console().print(rows)
