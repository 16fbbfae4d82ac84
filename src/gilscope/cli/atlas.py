"""gilscope atlas: what well-known functions do with the GIL."""

from pathlib import Path

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console, number, progress, table
from gilscope.cli._program import USAGE, Command, Failure
from gilscope.cli.probe import STYLES


@click.command(
    "atlas",
    cls=Command,
    short_help="What well-known functions do with the GIL.",
    examples=[
        ("gilscope atlas", "some eighty functions, and more where SciPy, pandas ... are installed: about 90 s"),
        ("gilscope atlas numpy sqlite3", "those whose group or name contains one of these words"),
        ("gilscope atlas --json 3.13.json --html atlas.html", "kept, and as a page"),
        ("gilscope atlas --against 3.13.json", "what another interpreter or version does otherwise"),
    ],
)
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write what was found; - for stdout.")
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write a page.")
@click.option("--against", metavar="FILE", help="Say what changed since this file of --json.")
@click.option("--quiet", is_flag=True, help="No bar.")
def command(words: tuple[str, ...], json_to: str | None, html: Path | None, against: str | None, quiet: bool) -> None:
    """Probe functions that everybody uses, of the standard library, NumPy, and what else is installed: each at a size
    that matters, in a process of its own."""
    from rich.text import Text

    from gilscope.measure import record
    from gilscope.scope.atlas import AtlasError, changes, document, entries, load, survey

    try:
        before = load(against) if against else None
    except AtlasError as error:
        raise Failure(str(error), USAGE) from error
    chosen = entries(words)
    if not chosen:
        raise click.UsageError(f"no entry of the atlas has any of the words {', '.join(words)}")
    with progress(quiet) as report:
        made = document(list(survey(chosen, progress=report)))
    if json_to:
        record.save(made, json_to)
    if html:
        from gilscope.report.atlas import page

        html.write_text(page(made))
    if json_to == "-":
        return
    out = console()
    rows = table(
        "function", "verdict", "released", "longest hold", "releases a call", right=("released", "longest hold")
    )
    group = ""
    for row in made["rows"]:
        if row["group"] != group:
            group = row["group"]
            rows.add_row(Text(group, style="bold"))
        verdict = Text(row["verdict"], style=STYLES.get(row["verdict"], ""))
        if "error" in row:
            rows.add_row(f"  {row['name']}", verdict, "", "", row["error"])
            continue
        per_call = row["releases_per_call"]
        rows.add_row(
            f"  {row['name']}",
            verdict,
            f"{row['released_share']['median']:.1%}",
            f"{number(row['longest_hold_ms'])} ms",
            "" if per_call is None else f"{per_call:,.1f}" if row["share_from"] == "ledger" else "not visible",
        )
    out.print(rows)
    if before is not None:
        found = changes(before, made)
        out.print(f"\n{len(found)} changed since Python {before['python']}:")
        for name, old, new in found:
            out.print(f"  {name}: {old}, now {new}")
