"""gilscope list: what there is to measure."""

import json
from typing import Any

import click

from gilscope.cli._output import console, table
from gilscope.cli._program import Command
from gilscope.cli._types import Name

LISTS = ("kernels", "cells")


@click.command(
    "list",
    cls=Command,
    short_help="List the kernels, or every cell.",
    examples=[
        ("gilscope list", "the kernels, and what each one teaches"),
        ("gilscope list cells", "every kernel, implementation and policy, one a line"),
        ("gilscope list --json", "all of it, for a program"),
    ],
)
@click.argument(
    "what", metavar="[kernels|cells]", type=Name("list", lambda: LISTS, "gilscope list --help"), default="kernels"
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(what: str, as_json: bool) -> None:
    """List the kernels with their work and their lesson, or the cells: each kernel in each implementation
    under each policy (what it does with the GIL).

    The policy `own` marks the references, which take none.
    """
    from gilscope.variants import select

    if as_json:
        click.echo(json.dumps(kernels() if what == "kernels" else cells(), indent=1))
    elif what == "cells":
        click.echo("\n".join(str(cell) for cell in select()))
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


def show() -> None:
    from gilscope.kernels import load

    made = table("", "")
    made.show_header = False
    for name, kernel in load().items():
        made.add_row(name, kernel.summary, style="bold")
        made.add_row("", kernel.lesson)
    console().print(made)
