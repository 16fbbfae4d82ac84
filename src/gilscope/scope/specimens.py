"""What the scope finds of the specimens: the measured half of the report's lesson on Cython's annotated pages."""

import threading
from typing import Any

import numpy as np

from gilscope.cy.specimens import SPECIMENS
from gilscope.scope import states as st
from gilscope.scope.probe import look
from gilscope.scope.recording import Recording, record
from gilscope.scope.symbols import place

ROUNDS = 100_000


def survey(seconds: float = 0.1) -> list[dict[str, Any]]:
    """A row for each specimen: one call of ROUNDS rounds, counted, and a look at it of about `seconds`.

    name; rounds; releases, takes: what the ledger saw the specimen do in that call, exactly (None without a ledger);
    call_ms, and verdict, reason, oracle, released_share, share_from as in gilscope.look(). RecordingError as for
    record().
    """
    values = np.random.default_rng(0).random(ROUNDS)
    rows = []
    for specimen in SPECIMENS:
        total = specimen.total()
        with record() as recording:
            total(values)
        releases, takes = (_count(recording, kind, specimen.name) for kind in (st.RELEASE, st.TAKE))
        found = look(total, values, seconds=seconds, name=specimen.name).to_json()
        kept = ("verdict", "reason", "oracle", "released_share", "share_from")
        rows.append(
            {"name": specimen.name, "rounds": ROUNDS, "releases": releases, "takes": takes}
            | {"call_ms": found["call_ns"] / 1e6}
            | {name: found[name] for name in kept}
        )
    return rows


def _count(recording: Recording, kind: int, name: str) -> int | None:
    """How often this thread did this from within the specimen's own library."""
    if not recording.circumstances["ledger"]:
        return None
    me = threading.get_native_id()
    events = next(lane.events for lane in recording.lanes if lane.native_id == me)
    sites, counts = np.unique(events["site"][events["kind"] == kind], return_counts=True)
    own = [f"/specimens/{name}." in place(int(site)).library for site in sites]
    return int(counts[own].sum())
