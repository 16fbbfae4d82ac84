"""gilscope run: the whole lab, and its report; or single experiments."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gilscope.cli import _types as types
from gilscope.cli._investigate import investigate, show
from gilscope.cli._measure import interrupted, measure
from gilscope.cli._output import warn
from gilscope.cli._program import FINE, INCONCLUSIVE, INTERRUPTED, Command, Failure

if TYPE_CHECKING:
    from gilscope.scope.shots import Shot

# What the kernels' bench gets, in seconds; of their usual time the experiments; and each specimen, in seconds.
BENCH = {"quick": 6, "default": 35, "thorough": 150}
SCALE = {"quick": 0.2, "default": 1.0, "thorough": 3.0}
SPECIMEN = {"quick": 0.05, "default": 0.1, "thorough": 0.3}
QUICK_KERNELS = ("spin", "mandelbrot", "triad", "objectsum")
"""Of the quick run, one of a kind: no memory, uneven rows, nothing but memory, and nothing to release."""
QUICK_CLAIMS = (
    "python-threads",
    "gil-release",
    "switch-interval",
    "granularity",
    "convoy",
    "handoff-storm",
    "event-loop",
    "lost-updates",
)
"""Of the quick run: what everybody should have seen once."""


@click.command(
    "run",
    cls=Command,
    short_help="Test every claim, measure every kernel, and write the report.",
    examples=[
        ("gilscope run", "about 90 s, then report/index.html"),
        ("gilscope run --quick --out /tmp/report", "the main claims and four kernels, to another folder"),
        ("gilscope run --thorough --json lab.json", "about 5 min; keeps the results for 'gilscope compare'"),
        ("gilscope run python-threads gil-release", "two claims only, on the terminal"),
        ("gilscope run gil-release --json -", "the finding with its raw data"),
    ],
)
@click.argument("experiments", metavar="[EXPERIMENT]...", nargs=-1, type=types.EXPERIMENT)
@click.option("--quick", "length", flag_value="quick", help="About 25 s: the main claims and four kernels.")
@click.option("--thorough", "length", flag_value="thorough", help="About 5 min, with narrower intervals.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the report goes: a folder (report; of named EXPERIMENTs there is none if not given), or one "
    "self-contained file where the name ends in .html.",
)
@click.option("--json", "json_to", metavar="FILE", type=types.TARGET, help="Write the results; - for stdout.")
@click.option("--threads", metavar="N,...", type=types.THREADS, help="Numbers of threads; 1 and all CPUs if not given.")
@click.option("--quiet", is_flag=True, help="No bar and no warnings.")
def command(
    experiments: tuple[str, ...],
    length: str | None,
    out: Path | None,
    json_to: str | None,
    threads: tuple[int, ...] | None,
    quiet: bool,
) -> int:
    """Test every claim about the GIL, measure every cell of every kernel, held and released, and write a report that
    opens in any browser. Where EXPERIMENTs are named, test only their claims (see 'gilscope list experiments').

    Prints the report's path and what was found. Ctrl-C ends it early; what was measured until then is written all
    the same.

    Exits with 0 when it measured, whatever the verdicts; with 3 when every claim that was named is inconclusive.
    """
    from gilscope.experiments import load
    from gilscope.measure import environment, record
    from gilscope.report import ReportError, check, headline, write
    from gilscope.scope.shots import trace

    names = tuple(dict.fromkeys(experiments)) or (QUICK_CLAIMS if length == "quick" else tuple(load()))
    out = out or (None if experiments else Path("report"))
    single_file = out is not None and out.suffix == ".html"
    length = length or "default"
    try:
        if out:
            check(out, single_file=single_file)
        circumstances = environment.environment()
        if not quiet:
            warn(circumstances)
        taken: list[Shot] = []
        findings, whole = investigate(names, scale=SCALE[length], quiet=quiet)
        if experiments or not whole:
            settings: dict[str, Any] = {"experiments": list(names), "length": length}
            results = record.document([], settings, circumstances, whole)
        else:
            taken, specimens = _recorded(SPECIMEN[length])
            results = _bench(length, threads, quiet) | {"specimens": specimens}
            if taken:
                results |= {"timelines": [shot.to_json() for shot in taken]}
        results["findings"] = [finding.to_json() for finding in findings]
        if json_to:
            record.save(results, json_to)
        if not results["rows"] and not findings:
            raise Failure(_interrupted(results), INTERRUPTED)
        if experiments and json_to != "-":
            show(results["findings"])
        if out:
            page = write(results | ({"trace": trace(taken)} if taken else {}), out, single_file=single_file)
            click.echo(f"{page}\n{headline(results)}", err=json_to == "-")
    except ReportError as error:
        raise Failure(str(error)) from error
    if not results["complete"]:
        raise Failure(_interrupted(results), INTERRUPTED)
    return INCONCLUSIVE if experiments and {f.verdict for f in findings} == {"inconclusive"} else FINE


def _bench(length: str, threads: tuple[int, ...] | None, quiet: bool) -> dict[str, Any]:
    from gilscope.variants import select

    # Calls short enough for many rounds; and of the quick run, the two ends of the chart alone.
    cells = select(QUICK_KERNELS, policies=("held", "released", "own")) if length == "quick" else select()
    size = "medium" if length == "thorough" else "small"
    return measure(cells, threads, seconds=BENCH[length], quiet=quiet, warned=True, size=size)


def _recorded(seconds: float) -> "tuple[list[Shot], list[dict[str, Any]]]":
    """The recordings for the timelines, and what the scope finds of the specimens; none where nothing is recorded."""
    from gilscope.scope.recording import RecordingError
    from gilscope.scope.shots import shots
    from gilscope.scope.specimens import survey

    try:
        return shots(), survey(seconds)
    except RecordingError:
        return [], []


def _interrupted(results: dict[str, Any]) -> str:
    if "experiments" not in results["settings"]:
        return interrupted(results)
    return f"interrupted after {len(results['findings'])} of {len(results['settings']['experiments'])} experiments"
