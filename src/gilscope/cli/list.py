"""gilscope list: what there is to measure."""

import json
from typing import Any

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
        ("gilscope list cells", "every kernel, implementation and policy, one a line"),
        ("gilscope list experiments", "the claims that are tested, and those that are not"),
        ("gilscope list --json", "all of it, for a program"),
    ],
)
@click.argument(
    "what",
    metavar="[kernels|cells|experiments]",
    type=Name("list", lambda: LISTS, "gilscope list --help"),
    default="kernels",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(what: str, as_json: bool) -> None:
    """List the kernels with their work and their lesson; the cells: each kernel in each implementation under each
    policy (what it does with the GIL); or the experiments with their claims.

    The policy `own` marks the references, which take none.
    """
    from gilscope.variants import select

    if as_json:
        made = {"kernels": kernels, "cells": cells, "experiments": experiments}[what]()
        click.echo(json.dumps(made, indent=1))
    elif what == "cells":
        click.echo("\n".join(str(cell) for cell in select()))
    elif what == "experiments":
        show_experiments()
    else:
        show()


def cells() -> list[dict[str, str]]:
    from gilscope.variants import select

    return [{"kernel": c.kernel.name, "implementation": c.implementation, "policy": c.policy} for c in select()]


def kernels() -> list[dict[str, Any]]:
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


def experiments() -> list[dict[str, Any]]:
    from gilscope.experiments import absent, load

    there = [{"name": e.name, "claim": e.claim, "seconds": e.seconds, "there": True} for e in load().values()]
    return there + [{"name": name, "claim": claim, "seconds": None, "there": False} for name, claim in absent().items()]


def show_experiments() -> None:
    made = table("experiment", "seconds", "claim", right=("seconds",))
    for item in experiments():
        if item["there"]:
            made.add_row(item["name"], f"{item['seconds']:g}", item["claim"])
        else:
            made.add_row(item["name"], "", f"not there: {item['claim']}", style="dim")
    console().print(made)


def show() -> None:
    from gilscope.kernels import load

    made = table("", "")
    made.show_header = False
    for name, kernel in load().items():
        made.add_row(name, kernel.summary, style="bold")
        made.add_row("", kernel.lesson)
    console().print(made)
