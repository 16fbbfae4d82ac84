"""gilscope bench: kernels on threads, beside plain C threads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gilscope.cli import _types as types
from gilscope.cli._output import VERDICT_STYLES, console, fits, indented, interval, number, progress, table, warn
from gilscope.cli._program import FINE, INCONCLUSIVE, INTERRUPTED, USAGE, Command, Failure

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from gilscope.results import Results, Row
    from gilscope.variants import Variant

SECONDS_PER_CELL, SECONDS_MOST = 3, 90


@click.command(
    "bench",
    cls=Command,
    short_help="Measure kernels on threads, beside plain C threads.",
    examples=[
        ("gilscope bench mandelbrot spin", "every cell of two kernels"),
        ("gilscope bench nbody --impl capi --policy held,released", "the cost of holding the GIL, for one of them"),
        ("gilscope bench triad --threads 1,2,4 --json triad.json", "on more threads, saved for 'gilscope compare'"),
        ("gilscope bench blur --size 4000 --scaling strong", "one large call, shared by the threads"),
    ],
)
@click.argument("kernels", metavar="[KERNEL]...", nargs=-1, type=types.KERNEL)
@click.option("--impl", metavar="I,...", type=types.IMPLEMENTATIONS, default=(), help="Only these implementations.")
@click.option("--policy", metavar="P,...", type=types.POLICIES, default=(), help="Only these policies.")
@click.option("--threads", metavar="N,...", type=types.THREADS, help="Numbers of threads; 1 is always included.")
@click.option(
    "--size",
    metavar="SIZE",
    type=types.SIZE,
    default="medium",
    help="tiny, small, medium (default) or large, reduced for slow implementations; or an exact number.",
)
@click.option(
    "--scaling",
    metavar="weak|strong",
    type=types.SCALING,
    default="weak",
    help="weak (default): each thread has its own work; strong: the threads share the work.",
)
@click.option(
    "--seconds",
    metavar="S",
    type=types.Real(0.1, 86400),
    help=f"Time limit. Default: {SECONDS_PER_CELL} per cell, at most {SECONDS_MOST}.",
)
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write the results as JSON; - for stdout.")
@click.option(
    "--pyperf", "pyperf_to", metavar="FILE", type=types.TARGET, help="Write the results for 'pyperf compare_to'."
)
@click.option("--quiet", is_flag=True, help="Show no progress bar and no warnings.")
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
    """Measure every cell (implementation and policy) of the KERNELs (all if you name none) on each number of threads,
    and print the speed-up over one thread with its 95 % interval.

    The ceiling is the speed-up of plain C threads that do the same work in the same rounds. No extension can exceed it.
    The verdict compares the two.

    Exit status: 0 measured, whatever the verdicts; 3 all verdicts are inconclusive.
    """
    from gilscope.lab import interrupted_bench
    from gilscope.measure.pyperf import to_pyperf
    from gilscope.results import write
    from gilscope.variants import select

    if json_to == pyperf_to == "-":
        raise click.UsageError("only one of --json and --pyperf can go to stdout")
    cells = select(dict.fromkeys(kernels), impl, policy)
    if not cells:
        raise click.UsageError("no cell has this kernel, implementation and policy (see 'gilscope list cells')")
    seconds = seconds or min(SECONDS_MOST, SECONDS_PER_CELL * len(cells))
    results = _measure(cells, threads, size, scaling, seconds, quiet)
    if results.rows and "-" not in (json_to, pyperf_to):
        show(results.rows)
    if json_to:
        write(results, json_to)
    if pyperf_to and results.rows:
        write(to_pyperf(results), pyperf_to)
    if not results.complete:
        raise Failure(interrupted_bench(results), INTERRUPTED)
    verdicts = {row.verdict for row in results.rows} - {"baseline"}
    return INCONCLUSIVE if verdicts == {"inconclusive"} else FINE


def _measure(
    cells: "Sequence[Variant]",
    threads: tuple[int, ...] | None,
    size: str | int,
    scaling: str,
    seconds: float,
    quiet: bool,
) -> "Results":
    """Measure, with a progress bar and warnings. Failure if that is impossible."""
    from gilscope.host import environment
    from gilscope.lab import default_threads
    from gilscope.measure.bench import bench

    circumstances = environment()
    if not quiet:
        warn(circumstances)
    threads = threads or default_threads(circumstances)
    try:
        with progress(quiet) as report:
            return bench(cells, threads=threads, size=size, scaling=scaling, seconds=seconds, progress=report)
    except RuntimeError as error:  # a wrong answer, or no more threads to be had
        raise Failure(str(error)) from error
    except (ValueError, OverflowError) as error:
        if isinstance(size, str):
            raise
        raise Failure(f"size {size}: {error}", USAGE) from error


def show(rows: "Sequence[Row]") -> None:
    """Print a table, as wide as fits, or else two lines per row."""
    from rich.text import Text

    out = console()
    for cells in (_table(rows, reasons=True), _table(rows, reasons=False)):
        if fits(out, cells):
            out.print(cells)
            return
    for row in rows:
        workers = f"{row.workers} worker{'' if row.workers == 1 else 's'}"
        out.print(f"{row.kernel}/{row.implementation}/{row.policy}, {row.size}, {workers}", style="bold")
        measured = f"{_milliseconds(row)} ms per call"
        if row.workers > 1:
            measured += f", {interval(row.speedup(), 'x')} (C threads: {row.ceiling().median:.2f}x): "
        out.print(indented(Text(measured) + _verdict(row, reasons=True)))


def _table(rows: "Sequence[Row]", *, reasons: bool) -> "Table":
    names = ("kernel", "implementation", "policy", "size", "workers", "ms per call", "speed-up", "ceiling", "verdict")
    cells = table(*names, right=("workers", "ms per call", "speed-up", "ceiling"))
    for row in rows:
        alone = row.workers == 1
        cells.add_row(
            row.kernel,
            row.implementation,
            row.policy,
            row.size,
            str(row.workers),
            _milliseconds(row),
            "" if alone else interval(row.speedup()),
            "" if alone else f"{row.ceiling().median:.2f}",
            _verdict(row, reasons=reasons),
        )
    return cells


def _milliseconds(row: "Row") -> str:
    return number(row.seconds_per_call().median * 1e3)


def _verdict(row: "Row", *, reasons: bool) -> "Text":
    from rich.text import Text

    if row.workers == 1:
        return Text()
    text = Text(row.verdict, VERDICT_STYLES.get(row.verdict, ""))
    return text.append(f" ({row.reason})", "dim") if reasons else text
