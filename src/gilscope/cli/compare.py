"""gilscope compare: what is faster or slower in the newer of two results."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gilscope.cli._output import console, fits, indented, number, table
from gilscope.cli._program import FAILED, FINE, INCONCLUSIVE, USAGE, Command, Failure
from gilscope.cli._types import Real

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from gilscope.lab.turns import Turn
    from gilscope.measure.compare import Change, Difference, Outcome

OUTCOMES: "tuple[Outcome, ...]" = ("slower", "faster", "noise", "only old", "only new")
STYLES = {"slower": "red", "faster": "green"}


@click.command(
    "compare",
    cls=Command,
    short_help="Show what is faster or slower in the newer of two results.",
    examples=[
        ("gilscope compare before.json after.json", "row by row"),
        ("gilscope compare before.json after.json --fail-if-slower 5", "a gate for CI"),
    ],
)
@click.argument("old", metavar="OLD.json", type=click.Path(path_type=Path))
@click.argument("new", metavar="NEW.json", type=click.Path(path_type=Path))
@click.option(
    "--fail-if-slower",
    "limit",
    metavar="PERCENT",
    type=Real(0, 1e6),
    help="Exit with 1 if a row's whole interval is slower by more than this, and with 3 if no two rows match.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(old: Path, new: Path, limit: float | None, as_json: bool) -> int:
    """Match the rows of two results by kernel, implementation, policy, executor, workers, scaling and size. For each
    match, say whether a call is faster or slower now, or whether noise hides the difference.

    The 99 % intervals come from the raw values of both sides. If plain C threads in the same rounds changed as much,
    the change counts as noise. Differences in circumstances come first, since another interpreter may explain
    everything; then the claims with another verdict.
    """
    from gilscope.lab.turns import turns
    from gilscope.measure.compare import compare, differences
    from gilscope.results import FormatError, load
    from gilscope.results.codec import encode

    try:
        before, after = load(old), load(new)
    except FormatError as error:
        raise Failure(str(error), USAGE) from error
    changes, turned, circumstances = compare(before, after), turns(before, after), differences(before, after)
    if as_json:
        parts = {"differences": circumstances, "claims": turned, "changes": changes}
        click.echo(json.dumps(encode(parts), indent=1))
    else:
        show(circumstances, turned, changes)
    if limit is None:
        return FINE
    if all(change.ratio is None for change in changes):
        raise Failure("no row of one file matches a row of the other", INCONCLUSIVE)
    if slow := [change for change in changes if change.slower_than(limit)]:
        raise Failure(f"{_rows(len(slow))} slower by more than {limit:g} %, first {slow[0]}", FAILED)
    return FINE


def show(differences: "list[Difference]", turned: "list[Turn]", changes: "list[Change]") -> None:
    from rich.text import Text

    out = console()
    for difference in differences:
        out.print(f"differs: {difference.name}: {_shown(difference.old)} -> {_shown(difference.new)}", style="yellow")
    if differences:
        out.print()
    for turn in turned:
        old, new = turn.old or "not tested", turn.new or "not tested"
        out.print(f"claim {turn.name}: {old} -> {new}", style="bold")
        out.print(indented(Text(turn.new_evidence or turn.old_evidence)))
    if turned:
        out.print()
    if turned and not changes:
        return
    rows = _table(changes)
    if fits(out, rows):
        out.print(rows)
    else:
        for change in changes:
            out.print(f"{change}, {change.size}", style="bold")
            out.print(indented(_change(change)))
    out.print()
    counts = Counter(change.outcome for change in changes)
    out.print(", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome]) or "no rows")
    if _other_sizes(changes):
        out.print("some rows match except for their size: measure both sides with the same --size NUMBER")


def _table(changes: "list[Change]") -> "Table":
    names = ("kernel", "implementation", "policy", "size", "workers", "old ms", "new ms", "change")
    rows = table(*names, right=("workers", "old ms", "new ms"))
    for change in changes:
        rows.add_row(
            change.kernel,
            change.implementation,
            change.policy,
            change.size,
            str(change.workers),
            "" if change.old_seconds is None else number(change.old_seconds * 1e3),
            "" if change.new_seconds is None else number(change.new_seconds * 1e3),
            _change(change),
        )
    return rows


def _other_sizes(changes: "list[Change]") -> bool:
    """Whether two rows without a match differ in nothing but their size."""
    old, new = ({(str(c), c.scaling) for c in changes if c.outcome == side} for side in ("only old", "only new"))
    return bool(old & new)


def _change(change: "Change") -> "Text":
    from rich.text import Text

    text = Text(change.outcome, STYLES.get(change.outcome, ""))
    if change.reason:
        text.append(f": {change.reason}", "dim")
    elif change.ratio is not None:
        values = [change.ratio.median, change.ratio.low, change.ratio.high]
        if change.outcome == "faster":
            values = [1 / values[0], 1 / values[2], 1 / values[1]]
        text.append(" {:.2f}x [{:.2f}, {:.2f}]".format(*values))
    if change.verdict_changed:
        text.append(f"; {change.old_verdict} -> {change.new_verdict}", "yellow")
    return text


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


def _shown(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
