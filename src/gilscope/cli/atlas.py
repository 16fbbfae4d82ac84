"""gilscope atlas: what well-known functions do with the GIL."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console, number, progress, table
from gilscope.cli._program import USAGE, Command, Failure
from gilscope.cli.probe import STYLES

if TYPE_CHECKING:
    from rich.text import Text

    from gilscope.results.atlas import Atlas, AtlasRow


@click.command(
    "atlas",
    cls=Command,
    short_help="Show what well-known functions do with the GIL.",
    examples=[
        ("gilscope atlas", "some eighty functions, more if SciPy, pandas and others are installed; about 90 s"),
        ("gilscope atlas numpy sqlite3", "the functions whose group or name contains one of these words"),
        ("gilscope atlas --json 3.13.json --html atlas.html", "as JSON, and as a page"),
        ("gilscope atlas --against 3.13.json", "what changed since another interpreter or version"),
    ],
)
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write the atlas as JSON; - for stdout.")
@click.option(
    "--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the atlas as a page."
)
@click.option("--against", metavar="FILE", help="Show what changed since this --json file.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
def command(words: tuple[str, ...], json_to: str | None, html: Path | None, against: str | None, quiet: bool) -> None:
    """Probe well-known functions of the standard library, of NumPy and of other packages that are installed. Each runs
    on a realistic input, in a process of its own."""
    from gilscope.probes.atlas import atlas, entries, survey
    from gilscope.results import files
    from gilscope.results.atlas import load
    from gilscope.results.codec import FormatError

    try:
        before = load(against) if against else None
    except FormatError as error:
        raise Failure(str(error), USAGE) from error
    chosen = entries(words)
    if not chosen:
        raise click.UsageError(f"no entry of the atlas matches {' or '.join(words)}")
    with progress(quiet) as report:
        now = atlas(list(survey(chosen, progress=report)))
    if json_to:
        files.write(now, json_to)
    if html:
        from gilscope.report.atlas import page

        html.write_text(page(now), encoding="utf-8")
    if json_to != "-":
        show(now)
        if before is not None:
            show_changes(before, now)


def show(atlas: "Atlas") -> None:
    """One row per function, group by group."""
    from rich.text import Text

    rows = table(
        "function", "verdict", "released", "longest hold", "releases per call", right=("released", "longest hold")
    )
    group = ""
    for row in atlas.rows:
        if row.group != group:
            group = row.group
            rows.add_row(Text(group, style="bold"))
        rows.add_row(*_columns(row))
    console().print(rows)


def _columns(row: "AtlasRow") -> "tuple[str | Text, ...]":
    from rich.text import Text

    name, verdict = f"  {row.name}", Text(row.verdict, style=STYLES.get(row.verdict, ""))
    look = row.look
    if look is None:
        return name, verdict, "", "", row.error or ""
    per_call = look.releases_per_call
    releases = "" if per_call is None else f"{per_call:,.1f}" if look.share_from == "ledger" else "not visible"
    return name, verdict, f"{look.released_share.median:.1%}", f"{number(look.longest_hold_ms)} ms", releases


def show_changes(before: "Atlas", now: "Atlas") -> None:
    """What another interpreter or version does differently."""
    from gilscope.results.atlas import changes

    out, changed = console(), changes(before, now)
    out.print(f"\n{len(changed)} changed since Python {before.python}:")
    for change in changed:
        out.print(f"  {change.name}: {change.before}, now {change.now}")
