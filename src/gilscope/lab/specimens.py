"""The specimens, measured by the scope: the second half of the report's lesson on Cython's annotated pages."""

import threading

import numpy as np

from gilscope.cy.specimens import SPECIMENS, Specimen
from gilscope.probes.probe import look
from gilscope.probes.shares import lane_of
from gilscope.results.specimens import SpecimenRow
from gilscope.scope import states as st
from gilscope.scope.recording import Recording, record
from gilscope.scope.symbols import place

ROUNDS = 100_000


def survey(seconds: float = 0.1) -> tuple[SpecimenRow, ...]:
    """Count what one call of each specimen does, and take a look at it.

    Parameters
    ----------
    seconds
        The approximate length of each look.

    Raises
    ------
    RecordingError
        As for `gilscope.record`.
    """
    values = np.random.default_rng(0).random(ROUNDS)
    return tuple(_row(specimen, values, seconds) for specimen in SPECIMENS)


def _row(specimen: Specimen, values: st.Array, seconds: float) -> SpecimenRow:
    total = specimen.total()
    with record() as recording:
        total(values)
    view = look(total, values, seconds=seconds, name=specimen.name)
    return SpecimenRow(
        name=specimen.name,
        rounds=ROUNDS,
        releases=_count(recording, st.RELEASE, specimen.name),
        takes=_count(recording, st.TAKE, specimen.name),
        call_ms=view.call_ms,
        verdict=view.verdict,
        reason=view.reason,
        oracle=view.oracle,
        released_share=view.released_share,
        share_from=view.share_from,
    )


def _count(recording: Recording, kind: int, name: str) -> int | None:
    """How often this thread did this inside the specimen's own library; None without a ledger."""
    if not recording.circumstances.ledger:
        return None
    events = recording.lanes[lane_of(recording, threading.get_native_id())].events
    sites, counts = np.unique(events["site"][events["kind"] == kind], return_counts=True)
    own = [f"/specimens/{name}." in place(int(site)).library for site in sites]
    return int(counts[own].sum())
