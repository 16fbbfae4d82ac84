"""gilscope bench: kernels on threads, beside what the machine can give."""

from typing import TYPE_CHECKING, Any

import click

from gilscope.cli import _types as types
from gilscope.cli._measure import interrupted, measure
from gilscope.cli._output import VERDICT_STYLES, console, fits, indented, interval, number, table
from gilscope.cli._program import FINE, INCONCLUSIVE, INTERRUPTED, Command, Failure

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

SECONDS_A_CELL, SECONDS_MOST = 3, 90


@click.command(
    "bench",
    cls=Command,
    short_help="Measure kernels on threads, beside what the machine can give.",
    examples=[
        ("gilscope bench mandelbrot spin", "every cell of two kernels"),
        ("gilscope bench nbody --impl capi --policy held,released", "what holding the GIL costs one of them"),
        ("gilscope bench triad --threads 1,2,4 --json triad.json", "on more threads, kept for 'gilscope compare'"),
        ("gilscope bench blur --size 4000 --scaling strong", "one large call shared by the threads"),
    ],
)
@click.argument("kernels", metavar="[KERNEL]...", nargs=-1, type=types.KERNEL)
@click.option("--impl", metavar="I,...", type=types.IMPLEMENTATIONS, default=(), help="Only these implementations.")
@click.option("--policy", metavar="P,...", type=types.POLICIES, default=(), help="Only these policies.")
@click.option("--threads", metavar="N,...", type=types.THREADS, help="Numbers of threads; 1 is always among them.")
@click.option(
    "--size",
    metavar="SIZE",
    type=types.SIZE,
    default="medium",
    help="tiny, small, medium (default) or large, taken smaller for slow implementations; or a number, taken as it is.",
)
@click.option(
    "--scaling",
    metavar="weak|strong",
    type=types.SCALING,
    default="weak",
    help="weak (default): each thread does a work of its own; strong: the threads share one.",
)
@click.option(
    "--seconds",
    metavar="S",
    type=types.Real(0.1, 86400),
    help=f"How long it may take; {SECONDS_A_CELL} a cell and at most {SECONDS_MOST} where not given.",
)
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write the results; - for stdout.")
@click.option("--pyperf", "pyperf_to", metavar="FILE", type=types.TARGET, help="Write them for 'pyperf compare_to'.")
@click.option("--quiet", is_flag=True, help="No bar and no warnings.")
def command(
    kernels: tuple[str, ...],
    impl: tuple[str, ...],
    policy: tuple[str, ...],
    threads: tuple[int, ...] | None,
    size: str | int,
    scaling: str,
    seconds: float | None,
    json_to: str | None,
    pyperf_to: str | None,
    quiet: bool,
) -> int:
    """Measure every cell (implementation and policy) of the KERNELs, all of them where none is named, on
    each number of threads, and print the speed-up over one thread with its 95 % interval.

    The ceiling is what plain C threads gain on the same work at the same time: no extension can gain more.
    The verdict compares the two.

    Exits with 0 when it measured, whatever the verdicts; 3 when every one of them is inconclusive.
    """
    from gilscope.measure import record
    from gilscope.measure.pyperf import to_pyperf
    from gilscope.variants import select

    if json_to == pyperf_to == "-":
        raise click.UsageError("only one of --json and --pyperf can go to stdout")
    cells = select(dict.fromkeys(kernels), impl, policy)
    if not cells:
        raise click.UsageError("there is no such cell (see 'gilscope list cells')")
    seconds = seconds or min(SECONDS_MOST, SECONDS_A_CELL * len(cells))
    results = measure(cells, threads, seconds=seconds, quiet=quiet, size=size, scaling=scaling)
    if results["rows"] and "-" not in (json_to, pyperf_to):
        show(results["rows"])
    if json_to:
        record.save(results, json_to)
    if pyperf_to and results["rows"]:
        record.save(to_pyperf(results), pyperf_to)
    if not results["complete"]:
        raise Failure(interrupted(results), INTERRUPTED)
    verdicts = {row["verdict"] for row in results["rows"]} - {"baseline"}
    return INCONCLUSIVE if verdicts == {"inconclusive"} else FINE


def show(rows: list[dict[str, Any]]) -> None:
    """As a table, as wide as fits; where none fits, in two lines a row."""
    from rich.text import Text

    out = console()
    for made in (_table(rows, reasons=True), _table(rows, reasons=False)):
        if fits(out, made):
            out.print(made)
            return
    for row in rows:
        workers = f"{row['workers']} worker{'' if row['workers'] == 1 else 's'}"
        out.print(f"{row['kernel']}/{row['implementation']}/{row['policy']}, {row['size']}, {workers}", style="bold")
        measured = f"{_milliseconds(row)} ms a call"
        if row["workers"] > 1:
            measured += f", {interval(row['speedup'], 'x')} of {row['ceiling']['median']:.2f}x: "
        out.print(indented(Text(measured) + _verdict(row, reasons=True)))


def _table(rows: list[dict[str, Any]], *, reasons: bool) -> "Table":
    names = ("kernel", "implementation", "policy", "size", "workers", "ms per call", "speed-up", "ceiling", "verdict")
    made = table(*names, right=("workers", "ms per call", "speed-up", "ceiling"))
    for row in rows:
        alone = row["workers"] == 1
        made.add_row(
            row["kernel"],
            row["implementation"],
            row["policy"],
            row["size"],
            str(row["workers"]),
            _milliseconds(row),
            "" if alone else interval(row["speedup"]),
            "" if alone else f"{row['ceiling']['median']:.2f}",
            _verdict(row, reasons=reasons),
        )
    return made


def _milliseconds(row: dict[str, Any]) -> str:
    return number(row["seconds_per_call"]["median"] * 1e3)


def _verdict(row: dict[str, Any], *, reasons: bool) -> "Text":
    from rich.text import Text

    if row["workers"] == 1:
        return Text()
    text = Text(row["verdict"], VERDICT_STYLES.get(row["verdict"], ""))
    return text.append(f" ({row['reason']})", "dim") if reasons else text
