"""The lesson on annotated pages: for each specimen, what its page's figures say beside what the scope measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gilscope.annotate import Function, Page
from gilscope.annotate.pages import figures
from gilscope.cy.specimens import SPECIMENS
from gilscope.measure.record import RecordError
from gilscope.measure.stats import Interval


@dataclass(frozen=True, slots=True)
class Row:
    """A specimen: the figures of its page, what the scope measured of a call, and whether they agree."""

    name: str
    seems: str
    does: str
    figures: tuple[int, ...]
    """Boundary, inside nogil, in loops, takes in loops."""
    releases_at: tuple[int, ...]
    """The lines that let go, by the page."""
    rounds: int
    verdict: str
    released_share: Interval
    call_seconds: float
    releases: int | None
    """In a call, by the ledger; None where there is none."""
    takes: int | None
    agrees: bool | None
    """None without a ledger: the oracle misses those that take the GIL back at once."""


def rows(measured: Sequence[Mapping[str, Any]], pages: Sequence[Page]) -> list[Row]:
    """Those that were measured and have a page. RecordError if what was measured is not as the format says."""
    totals = {page.name: f for page in pages for f in page.functions if f.name == "total"}
    known = {specimen.name: specimen for specimen in SPECIMENS}
    try:
        return [
            Row(
                name=found["name"],
                seems=known[found["name"]].seems,
                does=known[found["name"]].does,
                figures=figures(totals[found["name"]]),
                releases_at=tuple(totals[found["name"]].releases),
                rounds=found["rounds"],
                verdict=found["verdict"],
                released_share=Interval(**found["released_share"]),
                call_seconds=found["call_ms"] / 1e3,
                releases=found["releases"],
                takes=found["takes"],
                agrees=agrees(totals[found["name"]], found["releases"], found["takes"]),
            )
            for found in measured
            if found["name"] in known and found["name"] in totals
        ]
    except (KeyError, TypeError) as error:
        raise RecordError(f"a specimen of the results is not as it should be: {error}") from error


def agrees(total: Function, releases: int | None, takes: int | None) -> bool | None:
    """Whether a page's figures say what the ledger counted in a call: it releases or not, its loop takes or not."""
    if releases is None or takes is None:
        return None
    return bool(total.releases) is (releases > 0) and bool(total.takes_in_loop) is (takes > 0)
