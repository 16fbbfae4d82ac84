"""The lesson on annotated pages: for each specimen, the figures of its page beside what the scope measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gilscope.annotate import Function, Page
from gilscope.cy.specimens import SPECIMENS
from gilscope.results import SpecimenRow


@dataclass(frozen=True, slots=True)
class Lesson:
    """A specimen: what its source seems to do, the figures of its page, and what the scope measured in a call."""

    seems: str
    does: str
    figures: tuple[int, ...]
    """Boundary, inside nogil, in loops, takes in loops."""
    release_lines: tuple[int, ...]
    """The lines that release the GIL, by the page."""
    measured: SpecimenRow
    agrees: bool | None
    """Whether page and ledger agree; None without a ledger."""


def lessons(rows: Sequence[SpecimenRow], pages: Sequence[Page]) -> list[Lesson]:
    """One lesson per specimen that was measured and has a page."""
    totals = {page.name: f for page in pages for f in page.functions if f.name == "total"}
    known = {specimen.name: specimen for specimen in SPECIMENS}
    return [
        Lesson(
            seems=known[row.name].seems,
            does=known[row.name].does,
            figures=figures(totals[row.name]),
            release_lines=tuple(totals[row.name].release_lines),
            measured=row,
            agrees=agrees(totals[row.name], row.releases, row.takes),
        )
        for row in rows
        if row.name in known and row.name in totals
    ]


def figures(total: Function) -> tuple[int, ...]:
    """The four figures that the lesson is about."""
    return total.boundary, total.inside_nogil, total.in_loop, total.takes_in_loop


def agrees(total: Function, releases: int | None, takes: int | None) -> bool | None:
    """Whether a page's figures agree with the ledger on two questions: does it release, does its loop take the GIL?"""
    if releases is None or takes is None:
        return None
    return bool(total.release_lines) is (releases > 0) and bool(total.takes_in_loop) is (takes > 0)
