"""The wait ledger's turns, and what follows from them: pure functions.

A *turn* is one step in passing on the GIL: a thread begins to wait, releases, is forced off, or takes it. While nobody
waits there are none.
"""

from collections.abc import Sequence

import numpy as np

from gilscope.scope.states import ASKED, DROP, FORCED, TOOK, WAIT, WANT, Array, intervals, union

HELD = np.dtype(
    [("start", "i8"), ("end", "i8"), ("tid", "i4"), ("asked", "i8"), ("cpu", "i8"), ("forced", "?"), ("site", "u8")]
)
"""What a wait lay behind: a thread that had the GIL, [start, end) in ns; when it was asked for it, or `end` if it
was not; its CPU time meanwhile, or -1 where it had the GIL before anybody waited; how and where it released."""


def waits(turns: Array, ended: int) -> Array:
    """Every wait for the GIL, in the order of their ends; one that is not over yet lasts until `ended`.

    A thread that was forced off waits from that moment: it may lose its core before it can ask.
    """
    order = np.argsort(turns["tid"], kind="stable")
    order = order[np.isin(turns["kind"][order], (WANT, FORCED, TOOK))]
    mine = turns[order]
    begins = np.isin(mine["kind"], (WANT, FORCED))
    same = np.append(mine["tid"][1:] == mine["tid"][:-1], False)
    over = np.append(mine["kind"][1:] == TOOK, False) & same
    first = np.flatnonzero(begins & (over | ~same))
    rows = np.zeros(len(first), WAIT)
    rows["tid"], rows["wanted"], rows["forced"] = mine["tid"][first], mine["time"][first], mine["kind"][first] == FORCED
    rows["first"] = order[first]
    rows["last"] = np.where(over[first], np.append(order, 0)[first + 1], len(turns))
    times = np.append(turns["time"], ended)
    rows["got"] = times[rows["last"]]
    let_go = np.isin(turns["kind"], (DROP, FORCED))
    freed = np.append(np.maximum.accumulate(np.where(let_go, turns["time"], 0)), ended)  # the last drop so far
    rows["free"] = np.clip(freed[rows["last"]], rows["wanted"], rows["got"])
    return rows[np.argsort(rows["got"], kind="stable")]


def behind(turns: Array, wait: Array, ended: int) -> Array:
    """Who had the GIL during this wait, one after another: rows of dtype HELD.

    Parameters
    ----------
    turns
        All of the recording.
    wait
        One row of `waits(turns)`.
    """
    first, last = int(wait["first"]), int(wait["last"])
    inside = turns[first + 1 : last]
    taken = inside["kind"] == TOOK
    let_go = np.flatnonzero(np.isin(inside["kind"], (DROP, FORCED)))
    since = np.maximum.accumulate(np.where(taken, inside["time"], int(wait["wanted"])))
    before = np.maximum.accumulate(np.where(taken, np.arange(len(inside)), -1))  # the take that a drop belongs to
    cpu = np.where(before >= 0, inside["cpu"] - inside["cpu"][before], -1)
    rows = np.zeros(len(let_go), HELD)
    rows["start"], rows["end"], rows["tid"] = since[let_go], inside["time"][let_go], inside["tid"][let_go]
    rows["cpu"], rows["asked"] = cpu[let_go], _asked(inside, before[let_go], let_go)
    rows["forced"], rows["site"] = inside["kind"][let_go] == FORCED, inside["site"][let_go]
    if last == len(turns) and len(inside) and taken[-1]:  # the recording ended before this hold did
        open_end = np.array([(int(inside["time"][-1]), ended, int(inside["tid"][-1]), ended, -1, False, 0)], HELD)
        rows = np.concatenate([rows, open_end])
    return rows


def _asked(inside: Array, took: Array, let_go: Array) -> Array:
    """When the holder was first asked between these turns, or when it released the GIL."""
    asks = np.flatnonzero(inside["kind"] == ASKED)
    first = np.append(asks, len(inside))[np.searchsorted(asks, took)]
    asked: Array = inside["time"][np.minimum(first, let_go)]
    return asked


def side_by_side(active: Sequence[Array], wants: Sequence[Array]) -> float | None:
    """How many threads ran side by side, as far as the GIL goes: over the time in which at least two wanted to run, how
    many of them it did not stop.

    1 where they take turns, their number where it stops nobody. Neither other programs nor too few cores move it: a
    thread that waits for a core is not stopped by the GIL. The time in which all wait for it at once is left out: then
    it is free, and on its way.

    Parameters
    ----------
    active
        For each thread the intervals, shape (n, 2) in ns, in which it did not sleep or wait for something else.
    wants
        For each thread the intervals in which it waited for the GIL.

    Returns
    -------
    float or None
        None where no two threads wanted to run at the same time.
    """
    stopped = [union(each) for each in wants]
    awake = [union(np.concatenate([mine, waits])) for mine, waits in zip(active, stopped, strict=True)]
    times, running, waiting = _counts(awake, stopped)
    lengths = np.diff(times)
    counted = (running >= 2) & (waiting < running)
    total = int(lengths[counted].sum())
    return float(((running - waiting)[counted] * lengths[counted]).sum() / total) if total else None


def side_by_side_between(waits: Sequence[Array], start: int, end: int) -> float | None:
    """The same for threads that never sleep between two times, from their waits: rows of dtype WAIT."""
    awake = [np.array([[start, end]], np.int64)] * len(waits)
    return side_by_side(awake, [np.clip(intervals(each), start, end) for each in waits])


def _counts(running: Sequence[Array], waiting: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Times at which anything changes, and between each two of them how many run and how many wait."""
    none = np.zeros((0, 2), np.int64)
    ran, waited = np.concatenate([none, *running]), np.concatenate([none, *waiting])
    times = np.unique(np.concatenate([ran, waited]))
    begun = [np.searchsorted(np.sort(column), times[:-1], side="right") for column in (*ran.T, *waited.T)]
    return times, begun[0] - begun[1], begun[2] - begun[3]
