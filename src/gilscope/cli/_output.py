"""The output of the commands: tables on stdout, a progress bar and warnings on stderr."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from gilscope.host import Environment
    from gilscope.stats import Interval

WIDE = 10_000
VERDICT_STYLES = {"scales": "green", "partly": "yellow", "does not scale": "red", "inconclusive": "magenta"}


def console() -> "Console":
    """A console for stdout, as wide as the terminal, or as the text if there is none. Text is printed unchanged."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise  # to Program, which ends every command

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE
    return Plain(width=width, markup=False, highlight=False, emoji=False)


def table(*columns: str, right: tuple[str, ...] = ()) -> "Table":
    """A table without lines; the columns named in `right` hold numbers."""
    from rich.table import Table

    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        rows.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return rows


def fits(out: "Console", rows: "Table") -> bool:
    """Whether the table can be printed without breaking a cell in two."""
    from rich.measure import Measurement

    return Measurement.get(out, out.options.update(max_width=WIDE), rows).maximum <= out.width


def indented(text: "Text") -> "Padding":
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, 2), expand=False)


def number(value: float) -> str:
    """Three figures, never in powers of ten."""
    for limit, text in ((100, f"{value:,.0f}"), (10, f"{value:.1f}"), (1, f"{value:.2f}"), (0.1, f"{value:.3f}")):
        if abs(value) >= limit:
            return text
    return f"{value:.5f}"


def interval(value: "Interval", unit: str = "") -> str:
    return f"{value.median:.2f}{unit} [{value.low:.2f}, {value.high:.2f}]"


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[float, str], None]]:
    """A progress bar with the time left, if stderr is a terminal. Call it with the share done and a label."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        yield lambda done, label: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    # Drawn only on request: a thread that redraws by itself would take the GIL in the middle of a measurement.
    with Progress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        task = bar.add_task("", total=1.0, left="")
        started = time.monotonic()

        def update(done: float, label: str) -> None:
            elapsed = time.monotonic() - started
            left = f"{elapsed / done - elapsed:3.0f} s left" if done > 0 else ""
            bar.update(task, completed=done, description=label, left=left, refresh=True)

        yield update


def warn(environment: "Environment") -> None:
    """Print on stderr what in these circumstances would disturb a measurement."""
    from gilscope.host import warnings

    for warning in warnings(environment):
        if warning.name != "lab":
            click.echo(f"warning: {warning.message} ({warning.remedy})", err=True)
