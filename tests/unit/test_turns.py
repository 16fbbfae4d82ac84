"""What follows from the wait ledger's turns, on made-up data."""

import numpy as np
import pytest

from gilscope.results.recordings import Circumstances
from gilscope.scope import states as st
from gilscope.scope import turns
from gilscope.scope.recording import Recording
from gilscope.scope.states import ASKED, DROP, FORCED, TOOK, WANT, Capture, Lane

MS = 1_000_000


def log(*rows):
    """Rows of (ms, kind, thread) and where they matter CPU ms and site."""
    made = np.zeros(len(rows), st.TURN)
    for row, (time, kind, tid, *rest) in zip(made, rows, strict=True):
        row["time"], row["kind"], row["tid"] = time * MS, kind, tid
        row["cpu"], row["site"] = [*(value * MS for value in rest[:1]), *rest[1:], 0, 0][:2]
    return made


def recording(turned, ended=100, threads=(1, 2, 3)):
    waits = turns.waits(turned, ended * MS)
    lanes = [
        Lane(f"t{tid}", tid, 0, np.zeros(0, np.uint8), 0.0, False, st.no_events(), 0, waits[waits["tid"] == tid])
        for tid in threads
    ]
    capture = Capture(0, ended * MS, st.no_ticks(), tuple(lanes), turns=turned)
    return Recording(capture, Circumstances(switch_interval=0.005, waits=True))


TURNS = log((1, WANT, 1), (6, ASKED, 1), (6, FORCED, 2, 6), (6.5, TOOK, 1, 0), (20, DROP, 1, 13), (21, TOOK, 2, 6))


def test_a_wait_begins_with_asking_or_with_being_forced_off_and_ends_with_the_take():
    rows = turns.waits(TURNS, 100 * MS)
    assert (rows[["tid", "wanted", "free", "got", "forced"]]).tolist() == [
        (1, MS, 6 * MS, 6.5 * MS, False),
        (2, 6 * MS, 20 * MS, 21 * MS, True),
    ]


def test_a_wait_that_is_not_over_lasts_until_the_end():
    (row,) = turns.waits(log((1, WANT, 1), (2, DROP, 2), (3, TOOK, 2)), 10 * MS)
    assert (row["wanted"], row["got"], row["last"]) == (MS, 10 * MS, 3)
    assert len(turns.waits(log(), MS)) == 0


def test_who_takes_without_having_waited_has_no_wait():
    assert len(turns.waits(log((1, TOOK, 2), (2, DROP, 2), (3, FORCED, 1), (4, TOOK, 1)), 9 * MS)) == 1


def test_a_wait_is_split_at_each_drop():
    turned = log((0, WANT, 1), (4, DROP, 2, 9, 77), (5, TOOK, 3, 1), (15, FORCED, 3, 11), (16, TOOK, 1, 0))
    wait = next(wait for wait in turns.waits(turned, 100 * MS) if wait["tid"] == 1)
    held = turns.behind(turned, wait, 100 * MS)
    assert held[["start", "end", "tid", "cpu", "forced", "site"]].tolist() == [
        (0, 4 * MS, 2, -1, False, 77),
        (5 * MS, 15 * MS, 3, 10 * MS, True, 0),
    ]


@pytest.mark.parametrize(
    ("asked", "cpu", "kind", "cause"),
    [
        (6, 30, FORCED, "long hold"),  # 24 ms after the request: it was inside a call
        (29, 30, FORCED, "slice"),
        (29, 2, FORCED, "no core"),
        (6, 30, DROP, "long hold"),
        (29, 30, DROP, "short hold"),
    ],
)
def test_a_hold_is_blamed_by_its_clock_and_by_what_became_of_the_request(asked, cpu, kind, cause):
    turned = log((0, WANT, 1), (0, TOOK, 2, 0), (asked, ASKED, 1), (30, kind, 2, cpu), (30, TOOK, 1, 0))
    (wait,) = [wait for wait in recording(turned).waits() if wait.lane == "t1"]
    assert (wait.holder, wait.cause, len(wait.behind)) == ("t2", cause, 1)
    assert wait.seconds == pytest.approx(0.03)


def test_several_holders_share_the_blame():
    turned = log((0, WANT, 1), (8, FORCED, 2, 9), (8, TOOK, 3, 1), (16, FORCED, 3, 9), (17, TOOK, 1, 0))
    wait = next(wait for wait in recording(turned).waits() if wait.lane == "t1")
    assert wait.cause == "several"
    assert {hold.holder for hold in wait.behind} == {"t2", "t3"}
    assert wait.free_seconds == pytest.approx(0.001)


def test_side_by_side():
    whole = np.array([[0, 100]])
    first, second = np.array([[0, 50]]), np.array([[50, 100]])
    none = np.zeros((0, 2), np.int64)
    assert turns.side_by_side([whole, whole], [first, second]) == 1
    assert turns.side_by_side([whole, whole], [none, none]) == 2
    assert turns.side_by_side([whole, whole], [first, none]) == 1.5
    assert turns.side_by_side([whole], [none]) is None
    assert turns.side_by_side([first, second], [none, none]) is None, "never at the same time"
    overlap = np.array([[0, 60]])
    assert turns.side_by_side([whole, whole], [overlap, second]) == 1, "while it is on its way to one of them"


def test_a_lane_that_was_seen_to_wait_holds_once_the_wait_is_over():
    waits = turns.waits(TURNS, 100 * MS)
    mine = waits[waits["tid"] == 1]
    times = np.array([0, 2, 7, 9]) * MS
    states = np.array([st.RELEASED, st.OFF, st.WAITS_GIL, st.RELEASED], np.uint8)
    assert st.settled(states, times, mine).tolist() == [st.RELEASED, st.WAITS_GIL, st.HOLDS, st.RELEASED]
