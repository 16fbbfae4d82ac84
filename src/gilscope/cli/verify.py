"""gilscope verify: every cell against its reference."""

from typing import TYPE_CHECKING

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console, fits, progress, table
from gilscope.cli._program import FAILED, FINE, Command

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from gilscope.measure.verify import Check


@click.command(
    "verify",
    cls=Command,
    short_help="Check every cell against its reference.",
    examples=[
        ("gilscope verify", "all of them"),
        ("gilscope verify primes --impl capi", "the C core of one kernel"),
        ("GILSCOPE_VECTOR=baseline gilscope verify", "without the vector code"),
    ],
)
@click.argument("kernels", metavar="[KERNEL]...", nargs=-1, type=types.KERNEL)
@click.option("--impl", metavar="I,...", type=types.IMPLEMENTATIONS, default=(), help="Only these implementations.")
@click.option("--policy", metavar="P,...", type=types.POLICIES, default=(), help="Only these policies.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
def command(kernels: tuple[str, ...], impl: tuple[str, ...], policy: tuple[str, ...], quiet: bool) -> int:
    """Run every cell of the KERNELs (all if you name none), and compare its answer with that of the plain Python
    reference.

    Exit status: 0 all agree, 1 a cell differs.
    """
    from gilscope.measure.verify import verify
    from gilscope.variants import select

    cells = select(dict.fromkeys(kernels), impl, policy)
    if not cells:
        raise click.UsageError("no cell has this kernel, implementation and policy (see 'gilscope list cells')")
    checks = []
    with progress(quiet) as report:
        for check in verify(cells):
            checks.append(check)
            report(len(checks) / len(cells), str(check.cell))
    show(checks)
    return FINE if all(check.ok for check in checks) else FAILED


def show(checks: "list[Check]") -> None:
    out = console()
    across = _across(checks)
    out.print(across if fits(out, across) else _down(checks))
    wrong = [check for check in checks if not check.ok]
    for check in wrong:
        out.print(f"{check.cell}: {check.detail}", style="red")
    kernels = len({check.cell.kernel.name for check in checks})
    agree = f"{len(checks) - len(wrong)} of {len(checks)} cells agree with their reference"
    out.print(f"{agree} ({kernels} kernel{'' if kernels == 1 else 's'}, {sum(c.seconds for c in checks):.1f} s)")


def _across(checks: "list[Check]") -> "Table":
    """One row per kernel, one column per implementation and policy."""
    outcomes = {(check.cell.kernel.name, _column(check)): check.ok for check in checks}
    columns = list(dict.fromkeys(_column(check) for check in checks))
    rows = table("kernel", *columns)
    for kernel in dict.fromkeys(check.cell.kernel.name for check in checks):
        rows.add_row(kernel, *(_word(outcomes.get((kernel, column))) for column in columns))
    return rows


def _down(checks: "list[Check]") -> "Table":
    """One row per cell, for a narrow terminal."""
    rows = table("cell", "")
    for check in checks:
        rows.add_row(str(check.cell), _word(check.ok))
    return rows


def _column(check: "Check") -> str:
    policy = check.cell.policy
    return check.cell.implementation if policy == "own" else f"{check.cell.implementation}\n{policy}"


def _word(ok: bool | None) -> "Text":
    from rich.text import Text

    return Text("-", "dim") if ok is None else Text("ok", "green") if ok else Text("FAIL", "bold red")
