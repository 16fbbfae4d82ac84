"""gilscope probe: does this function release the GIL?"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gilscope.cli import _types as types
from gilscope.cli._output import console, interval, number, table
from gilscope.cli._program import FAILED, FINE, INCONCLUSIVE, USAGE, Command, Failure

if TYPE_CHECKING:
    from gilscope.probes.child import Task
    from gilscope.results.looks import Together
    from gilscope.results.probes import Probe

STYLES = {"releases": "green", "partly": "yellow", "holds": "red", "inconclusive": "magenta"}
VERBS = {"partly": "releases ", "inconclusive": "is ", "too short to tell": "is "}
"""What makes a sentence of a verdict that is no verb."""
ORACLE = {True: "lets another thread run", False: "lets no other thread run", None: "no GIL to release"}
SITES_MOST = 5


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
@click.option("-s", "--setup", default="", metavar="CODE", help="Run this once first; the statement can use its names.")
@click.option(
    "--args", metavar="EXPR", default="", help="The callable's arguments, as you would write them in the call."
)
@click.option(
    "--threads", metavar="N", type=click.IntRange(2, 256), default=2, help="Threads for the speed-up. Default: 2."
)
@click.option(
    "--seconds", type=click.FloatRange(0.2, 600), default=2.0, help="Approximate time to measure. Default: 2."
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 3600),
    default=30.0,
    help="Time limit in seconds; then print partial results. Default: 30.",
)
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write the result as JSON; - for stdout.")
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
    min_released: float | None,
    max_hold_ms: float | None,
    min_speedup: float | None,
) -> int:
    """Show whether a function releases the GIL, for how much of its time, and where in the code. Also show how it
    scales on several threads, how it slows another thread and an event loop, and what to change.

    The function runs many times, in a process of its own. Its output is discarded.

    Exit status: 0 passed, 1 a gate failed, 2 the function could not be called, 3 no clear answer.
    """
    from gilscope.probes.child import TargetError, run
    from gilscope.results import files

    try:
        probe = run(_task(target, setup, args, threads, seconds), timeout)
    except TargetError as error:
        raise Failure(str(error), INCONCLUSIVE if error.late else USAGE) from error
    advice = [*probe.advice, *_more_time(probe, timeout)]
    gates = Gates(min_released, max_hold_ms, min_speedup)
    failed, unsure = gates.check(probe)
    if json_to:
        files.write(probe.to_json() | {"advice": advice, "failed": failed}, json_to)
    if json_to != "-":
        show(probe, advice)
    for line in failed + unsure:
        click.echo(f"gilscope: {line}", err=True)
    if failed:
        return FAILED
    return INCONCLUSIVE if unsure or probe.verdict == "inconclusive" else FINE


def _task(target: str, setup: str, args: str, threads: int, seconds: float) -> "Task":
    from gilscope.probes.child import Task

    is_path = re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", target) is not None
    if args and not is_path:
        raise click.UsageError("--args goes with MODULE:CALLABLE; a statement names its own arguments")
    return Task(
        name="; ".join(target.splitlines()),
        setup=setup,
        statement=None if is_path else target,
        path=target if is_path else None,
        arguments=args,
        threads=threads,
        seconds=seconds,
    )


def _more_time(probe: "Probe", limit: float) -> Iterator[str]:
    """What to do where there was no time left for several callers."""
    if probe.together is None:
        # Eight long calls, and two for each thread, which take turns if they hold; and half of that again.
        enough = math.ceil(1.5 * (8 + 2 * probe.threads) * probe.call_ms / 1e3)
        yield f"no time was left to measure the speed-up within {limit:g} s; try --timeout {enough}"


@dataclass(frozen=True, slots=True)
class Gates:
    """What a probe must reach; None: anything goes. A gate fails only where the whole interval does."""

    min_released: float | None = None
    max_hold_ms: float | None = None
    min_speedup: float | None = None

    def check(self, probe: "Probe") -> tuple[list[str], list[str]]:
        """A line for each gate that failed, and one for each that has no clear answer."""
        failed: list[str] = []
        unsure: list[str] = []
        share, least, most = probe.released_share, self.min_released, self.max_hold_ms
        if least is not None and share.median < least:
            line = f"released {interval(share)} of a call, below the limit of {least:g}"
            (failed if share.high < least else unsure).append(line)
        if most is not None and probe.longest_hold_ms > most:
            line = f"held the GIL for up to {number(probe.longest_hold_ms)} ms at once, above the limit of {most:g} ms"
            (failed if probe.usual_hold_ms > most else unsure).append(line)
        if self.min_speedup is not None:
            _check_speedup(probe.together, self.min_speedup, failed, unsure)
        return failed, unsure


def _check_speedup(together: "Together | None", least: float, failed: list[str], unsure: list[str]) -> None:
    if together is None:
        unsure.append("no time was left to measure the speed-up; use a longer --timeout")
    elif together.speedup.median < least:
        line = f"speed-up {interval(together.speedup, 'x')}, below the limit of {least:g}x"
        if together.ceiling.median < least:
            ceiling = f"plain C threads reached only {together.ceiling.median:.2f}x: the machine is busy"
            unsure.append(f"{line}; but {ceiling}")
        else:
            (failed if together.speedup.high < least else unsure).append(line)


def show(probe: "Probe", advice: list[str]) -> None:
    """A sentence, a table, the sites, the advice."""
    from rich.text import Text

    out = console()
    line = Text(f"{probe.target} {VERBS.get(probe.verdict, '')}")
    line.append(probe.verdict, style=STYLES.get(probe.verdict, ""))
    out.print(line.append(f": {probe.reason}"))
    rows = table("", "", right=())
    for name, value in (*_alone(probe), *_together(probe)):
        rows.add_row(f"  {name}", value)
    rows.show_header = False
    out.print(rows)
    for site in probe.sites[:SITES_MOST]:
        out.print(f"  {site.kind} in {site.place}, {site.count:,} times in all")
    for sentence in advice:
        out.print(f"-> {sentence}")


def _alone(probe: "Probe") -> Iterator[tuple[str, str]]:
    """The rows about one caller."""
    per_call = probe.releases_per_call
    yield "time per call", f"{number(probe.call_ms)} ms"
    yield "oracle", ORACLE[probe.oracle]
    yield "released", f"{interval(probe.released_share)} of a call ({probe.share_from})"
    yield "longest hold", f"{number(probe.longest_hold_ms)} ms (median {number(probe.usual_hold_ms)} ms)"
    yield "releases per call", "not visible on this platform" if per_call is None else f"{per_call:,.2f}"


def _together(probe: "Probe") -> Iterator[tuple[str, str]]:
    """The rows about several callers."""
    if (together := probe.together) is None:
        return
    ceiling, freeze = together.ceiling.median, number(together.loop_freeze_ms)
    yield f"{probe.threads} threads", f"{interval(together.speedup, 'x')} (C threads: {ceiling:.2f}x)"
    busy = f"{together.cpus_alone:.2f} by 1 caller, {together.cpus_together:.2f} by {probe.threads} callers"
    yield "CPUs kept busy", busy
    yield "a Python thread beside it", f"keeps {interval(together.bystander_share)} of its speed"
    yield "an asyncio loop beside it", f"blocked for up to {freeze} ms"
