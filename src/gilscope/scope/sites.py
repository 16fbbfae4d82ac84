"""Places in the code that released or took the GIL, from the ledger of some threads: pure functions of their lanes."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from gilscope.results.looks import Quantiles, Site
from gilscope.scope import states as st
from gilscope.scope.symbols import place

_KINDS: dict[int, Literal["release", "take", "swap"]] = {st.RELEASE: "release", st.TAKE: "take", st.SWAP: "swap"}


def sites(lanes: Iterable[st.Lane]) -> list[Site]:
    """Every place of these lanes' ledgers, the busiest first. Empty where there is no ledger."""
    ledgers = [lane.events for lane in lanes if len(lane.events)]
    if not ledgers:
        return []
    events = st.wait_events(np.concatenate(ledgers))
    events = events[events["site"] != 0]  # a release before the recording began has none
    keys = np.unique(events[["kind", "site"]]).tolist()
    every = [_site(kind, address, events) for kind, address in keys]
    return sorted(every, key=lambda site: -site.count)


def quantiles(values: st.Array) -> Quantiles:
    """The median, the 99th percentile and the largest."""
    if not len(values):
        return Quantiles()
    middle, high = np.percentile(values, [50, 99])
    return Quantiles(float(middle), float(high), float(values.max()))


def _site(kind: int, address: int, events: st.Array) -> Site:
    mine = events[(events["kind"] == kind) & (events["site"] == address)]
    released = mine["released"] - mine["got"] if kind == st.TAKE else mine["wanted"] - mine["released"]
    return Site(
        kind=_KINDS[kind],
        place=place(address),
        count=len(mine),
        released_seconds=float(released.sum()) / 1e9,
        wait_seconds=quantiles((mine["got"] - mine["wanted"]) / 1e9),
    )
