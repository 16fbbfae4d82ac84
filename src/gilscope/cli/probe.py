"""gilscope probe: does this function release the GIL?"""

import math
import re
from typing import Any

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console, interval, number, table
from gilscope.cli._program import FAILED, INCONCLUSIVE, USAGE, Command, Failure

STYLES = {"releases": "green", "partly": "yellow", "holds": "red", "inconclusive": "magenta"}


@click.command(
    "probe",
    cls=Command,
    short_help="Does this function release the GIL?",
    examples=[
        ('gilscope probe -s "import zlib; d = bytes(1<<22)" "zlib.compress(d)"', "a statement, as for timeit"),
        ('gilscope probe json:dumps --args "list(range(100000))"', "a function and its arguments"),
        ('gilscope probe mine:work --args "10**6" --min-released 0.9 --max-hold-ms 5', "a gate for CI"),
    ],
)
@click.argument("target", metavar="STATEMENT|MODULE:CALLABLE")
@click.option("-s", "--setup", default="", metavar="CODE", help="Runs once, before; its names can be used.")
@click.option("--args", metavar="EXPR", default="", help="The callable's arguments, as between its parentheses.")
@click.option("--threads", metavar="N", type=click.IntRange(2, 256), default=2, help="For the speed-up (2).")
@click.option("--seconds", type=click.FloatRange(0.2, 600), default=2.0, help="About how long to measure (2).")
@click.option(
    "--timeout", type=click.FloatRange(1, 3600), default=30.0, help="Seconds until it tells what it knows (30)."
)
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write what was found; - for stdout.")
@click.option("--min-released", metavar="SHARE", type=click.FloatRange(0, 1), help="Fail below this released share.")
@click.option("--max-hold-ms", metavar="MS", type=click.FloatRange(0), help="Fail above this longest hold.")
@click.option("--min-speedup", metavar="X", type=click.FloatRange(0), help="Fail below this speed-up.")
def command(
    target: str,
    setup: str,
    args: str,
    threads: int,
    seconds: float,
    timeout: float,
    json_to: str | None,
    **gates: float | None,
) -> int:
    """Put one function under the scope: whether it releases the GIL, for how much of its time, where in the code,
    what that gains on several threads, what other threads and an event loop suffer meanwhile, and what to change.

    The function runs in a process of its own, many times. Its output is thrown away.

    Exit status: 0 fine, 1 a gate failed, 2 the function could not be called, 3 no clear answer.
    """
    from gilscope.measure import record
    from gilscope.scope.process import TargetError, run

    task: dict[str, Any] = {
        "setup": setup,
        "threads": threads,
        "seconds": seconds,
        "name": "; ".join(target.splitlines()),
    }
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", target):
        task |= {"callable": target, "args": args}
    elif args:
        raise click.UsageError("--args goes with MODULE:CALLABLE; a statement names its own arguments")
    else:
        task["statement"] = target
    try:
        found = run(task, timeout)
    except TargetError as error:
        raise Failure(str(error), INCONCLUSIVE if error.late else USAGE) from error
    if found.get("unfinished"):
        # Eight long calls, and two for each thread, which take turns if they hold; and half of that again.
        enough = math.ceil(1.5 * (8 + 2 * threads) * found["call_ms"] / 1e3)
        line = f"what several threads gain did not fit into {timeout:g} s (--timeout {enough} should be enough)"
        found["advice"].append(line)
    failed, unsure = check(found, gates)
    if json_to:
        record.save(found | {"failed": failed}, json_to)
    if json_to != "-":
        show(found)
    for line in failed + unsure:
        click.echo(f"gilscope: {line}", err=True)
    if failed:
        return FAILED
    return INCONCLUSIVE if unsure or found["verdict"] == "inconclusive" else 0


def check(found: dict[str, Any], gates: dict[str, float | None]) -> tuple[list[str], list[str]]:
    """The gates that failed, and those of which nothing can be said: a gate fails only beyond the interval."""
    failed: list[str] = []
    unsure: list[str] = []
    released, speedup, ceiling = found["released_share"], found["speedup"], found["ceiling"]
    if (least := gates["min_released"]) is not None and released["median"] < least:
        line = f"released {interval(released)} of a call, which is below {least:g}"
        (failed if released["high"] < least else unsure).append(line)
    if (most := gates["max_hold_ms"]) is not None and found["longest_hold_ms"] > most:
        line = f"held the GIL for up to {number(found['longest_hold_ms'])} ms at once, which is above {most:g}"
        (failed if found["usual_hold_ms"] > most else unsure).append(line)
    least = gates["min_speedup"]
    if least is not None and speedup is None:
        unsure.append("the speed-up was not measured: there was no time left")
    elif least is not None and speedup["median"] < least:
        line = f"sped up {interval(speedup, 'x')}, which is below {least:g}x"
        if ceiling["median"] < least:
            unsure.append(f"{line}; but plain C threads reached only {ceiling['median']:.2f}x: the machine is busy")
        else:
            (failed if speedup["high"] < least else unsure).append(line)
    return failed, unsure


def _together(found: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The rows about several callers."""
    threads = found["threads"]
    return (
        (f"{threads} threads", f"{interval(found['speedup'], 'x')} of {found['ceiling']['median']:.2f}x possible now"),
        ("CPUs kept busy", f"{found['cpus_alone']:.2f} by one caller, {found['cpus_together']:.2f} by {threads}"),
        ("a Python thread beside it", f"keeps {interval(found['bystander_share'])} of its speed"),
        ("an asyncio loop beside it", f"stands still for up to {number(found['loop_freeze_ms'])} ms"),
    )


def show(found: dict[str, Any]) -> None:
    """A sentence, a table, the sites, the advice."""
    from rich.text import Text

    from gilscope.scope.symbols import Place

    out = console()
    line = Text(f"{found['target']} ")
    line.append(found["verdict"], style=STYLES.get(found["verdict"], ""))
    out.print(line.append(f": {found['reason']}"))
    oracle = {True: "lets another thread run", False: "lets no other thread run", None: "no GIL to release"}
    rows = table("", "", right=())
    per_call = found["releases_per_call"]
    for name, value in (
        ("a call", f"{number(found['call_ms'])} ms"),
        ("oracle", oracle[found["oracle"]]),
        ("released", f"{interval(found['released_share'])} of a call ({found['share_from']})"),
        ("longest hold", f"{number(found['longest_hold_ms'])} ms (as a rule {number(found['usual_hold_ms'])} ms)"),
        ("releases a call", "not visible on this platform" if per_call is None else f"{per_call:,.2f}"),
        *(() if found["speedup"] is None else _together(found)),
    ):
        rows.add_row(f"  {name}", value)
    rows.show_header = False
    out.print(rows)
    for site in found["sites"][:5]:
        out.print(f"  {site['kind']} in {Place(**site['place'])}, {site['count']:,} times")
    for advice in found["advice"]:
        out.print(f"-> {advice}")
