"""Findings on a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gilscope.cli._output import console, indented

if TYPE_CHECKING:
    from gilscope.results import Finding

STYLES = {"confirmed": "green", "refuted": "red", "inconclusive": "magenta", "not measurable here": "yellow"}


def show(findings: "Sequence[Finding]") -> None:
    """Print each finding with its claim, verdict and evidence."""
    from rich.text import Text

    out = console()
    for finding in findings:
        ruling = finding.ruling
        verdict = Text(ruling.verdict, STYLES[ruling.verdict])
        out.print(Text(f"{finding.name}: ", "bold") + verdict + Text(f" ({ruling.reason})", "dim"))
        out.print(indented(Text(finding.claim)))
        if ruling.evidence:
            out.print(indented(Text(ruling.evidence)))
