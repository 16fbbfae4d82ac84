"""The experiments, with a bar, and what they found, on a terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gilscope.cli._output import console, indented, progress

if TYPE_CHECKING:
    from gilscope.experiments import Finding

STYLES = {"confirmed": "green", "refuted": "red", "inconclusive": "magenta", "not measurable here": "yellow"}


def investigate(names: Sequence[str], *, scale: float, quiet: bool) -> "tuple[list[Finding], bool]":
    """Does these experiments, and says whether it could do all of them: Ctrl-C ends it early."""
    from gilscope.experiments import find, load

    found: list[Finding] = []
    chosen = [load()[name] for name in names]
    whole = sum(experiment.seconds for experiment in chosen)
    with progress(quiet) as report:
        try:
            for experiment in chosen:
                done = sum(experiment.seconds for experiment in chosen[: len(found)])
                report(done / whole, f"testing: {experiment.name}")
                found.append(find(experiment, scale=scale))
        except KeyboardInterrupt:
            return found, False
    return found, True


def show(findings: Sequence[Mapping[str, Any]]) -> None:
    """Each with its claim, verdict and evidence."""
    from rich.text import Text

    out = console()
    for finding in findings:
        verdict = Text(finding["verdict"], STYLES.get(finding["verdict"], ""))
        out.print(Text(f"{finding['name']}: ", "bold") + verdict + Text(f" ({finding['reason']})", "dim"))
        out.print(indented(Text(finding["claim"])))
        if finding["evidence"]:
            out.print(indented(Text(finding["evidence"])))
