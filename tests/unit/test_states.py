"""What follows from ticks and events, on ticks-up data."""

import numpy as np
import pytest

from gilscope.html import timeline
from gilscope.results.charts import Bar
from gilscope.results.codec import decode, encode
from gilscope.results.recordings import Circumstances, LaneShares, RecordingDocument
from gilscope.scope import states as st
from gilscope.scope import trace
from gilscope.scope.recording import Recording
from gilscope.scope.states import Capture, Lane, Span

MS = 1_000_000


def ticks(holders, step=MS):
    ticks = np.zeros(len(holders), st.TICK)
    ticks["time"] = np.arange(len(holders)) * step
    ticks["holder"] = holders
    ticks["switches"] = np.cumsum([0, *(np.diff(holders) != 0)])
    return ticks


def lane(states, events=(), name="worker", first=0):
    rows = np.zeros(len(events), st.EVENT)
    for row, (released, wanted, got) in zip(rows, events, strict=True):
        row["released"], row["wanted"], row["got"] = released, wanted, got
    return Lane(name, 7, first, np.array(states, np.uint8), 0.0, False, rows, 0)


def recording(lanes, holders, switch=0.005):
    capture = Capture(0, len(holders) * MS, ticks(holders), tuple(lanes))
    return Recording(capture, Circumstances(switch_interval=switch, internals=True, ledger=True))


def test_shares_are_parts_of_the_whole_recording():
    shares = lane([st.HOLDS, st.HOLDS, st.RELEASED]).shares(6)
    assert shares[st.HOLDS] == pytest.approx(1 / 3)
    assert shares[st.RELEASED] == pytest.approx(1 / 6)
    assert shares.sum() == pytest.approx(0.5)


def test_equal_states_become_one_span():
    spans = st.spans(lane([st.HOLDS, st.HOLDS, st.OFF]), ticks([0, 0, -1])["time"], 3 * MS)
    assert spans == [Span(0, 2 * MS, st.HOLDS), Span(2 * MS, 3 * MS, st.OFF)]


def test_a_wait_of_the_ledger_lies_on_top():
    wait = (0, int(0.5 * MS), int(1.5 * MS))
    spans = st.spans(lane([st.RELEASED, st.HOLDS, st.HOLDS], [wait]), ticks([1, 0, 0])["time"], 3 * MS)
    assert spans == [
        Span(0, int(0.5 * MS), st.RELEASED),
        Span(int(0.5 * MS), int(1.5 * MS), st.WAITS_GIL),
        Span(int(1.5 * MS), 3 * MS, st.HOLDS),
    ]


def test_for_a_thread_that_never_sleeps_the_ledger_tells_all():
    calls = [(100, 200, 300), (400, 500, 600), (MS + 100, MS + 200, MS + 250)]
    times = ticks([0, 0, 0])["time"]
    spans = st.spans(lane([st.HOLDS, st.HOLDS, st.OFF], calls), times, 3 * MS, exact=True)
    expected = [(0, 100, st.HOLDS)]
    for (released, wanted, got), until in zip(calls, (400, MS + 100, 2 * MS), strict=True):
        expected += [(released, wanted, st.RELEASED), (wanted, got, st.WAITS_GIL), (got, until, st.HOLDS)]
    drawn = [(span.start, span.end, span.state) for span in spans]
    assert _joined(drawn) == _joined([*expected, (2 * MS, 3 * MS, st.OFF)])
    held = lane([st.HOLDS, st.OFF])
    assert st.spans(held, ticks([0, -1])["time"], 2 * MS, exact=True) == st.spans(held, ticks([0, -1])["time"], 2 * MS)


def _joined(spans):
    joined = []
    for start, end, state in spans:
        if joined and joined[-1][1:] == (start, state):
            joined[-1] = (joined[-1][0], end, state)
        else:
            joined.append((start, end, state))
    return joined


def test_spans_of_a_thread_that_came_late_and_left_early():
    spans = st.spans(lane([st.RELEASED], first=2), ticks([-1] * 6)["time"], 6 * MS)
    assert spans == [Span(2 * MS, 3 * MS, st.RELEASED)]
    assert st.spans(lane([]), ticks([-1])["time"], MS) == []


def test_a_hold_ends_at_each_release_of_the_ledger():
    events = [(int(2.2 * MS), int(2.4 * MS), int(2.6 * MS))]
    holds = st.holds(0, lane([st.HOLDS] * 6, events), ticks([0] * 6), 6 * MS)
    assert holds.tolist() == [[0, int(2.2 * MS)], [int(2.6 * MS), 6 * MS]]


def test_a_hold_ends_where_another_one_has_it():
    holds = st.holds(0, lane([st.HOLDS] * 6), ticks([0, 0, 1, 1, 0, 0]), 6 * MS)
    assert holds.tolist() == [[0, int(1.5 * MS)], [int(3.5 * MS), 6 * MS]]


def test_who_never_held_has_no_hold():
    assert len(st.holds(0, lane([st.OFF] * 3), ticks([-1] * 3), 3 * MS)) == 0


def blamed(holders, other_states, other_events=(), wait=(MS // 2, MS // 2, 9 * MS), switch=0.005):
    waiter = lane([st.WAITS_GIL] * 10, [wait], name="waiter")
    recorded = recording([waiter, lane(other_states, other_events, name="other")], holders, switch)
    return recorded.waits()[0]


def test_a_long_hold_is_blamed_on_the_call_that_did_not_listen():
    wait = blamed([1] * 10, [st.HOLDS] * 10)
    assert (wait.lane, wait.holder, wait.cause) == ("waiter", "other", "long hold")
    assert wait.seconds == pytest.approx(0.0085)


def test_a_wait_of_one_switch_interval_is_a_slice():
    assert blamed([1] * 10, [st.HOLDS] * 10, wait=(MS, MS, 6 * MS)).cause == "slice"


def test_a_holder_without_a_core_is_no_long_hold():
    assert blamed([1] * 10, [st.HOLDS_ABSENT] * 10).cause == "no core"


def test_several_holders_share_the_blame():
    waiter = lane([st.WAITS_GIL] * 10, [(MS, MS, 9 * MS)], name="waiter")
    others = [lane([st.HOLDS] * 10, name=name) for name in ("b", "c")]
    assert recording([waiter, *others], [1, 1, 1, 2, 2, 2, 1, 1, 2, 0]).waits()[0].cause == "several"


def test_a_short_wait_is_nobodys_fault():
    assert blamed([1] * 10, [st.HOLDS] * 10, wait=(MS, 3 * MS, 3 * MS + 20_000)).cause == "hand-off"


def test_summary_of_nothing():
    summary = Recording().summary()
    assert summary.looks == 0
    assert summary.holding is None


def test_the_limit_is_one_over_the_held_share():
    recorded = recording([lane([st.HOLDS, st.HOLDS, st.RELEASED, st.RELEASED])], [0, 0, -1, -1])
    assert recorded.summary().holding == 0.5
    assert recorded.summary().limit == 2.0


def test_the_timeline_has_a_row_for_each_lane_and_a_colour_for_each_state():
    pytest.importorskip("plotly")
    lanes = [lane([st.HOLDS, st.RELEASED], name="a"), lane([st.OFF, st.HOLDS], name="a"), lane([st.OFF, st.OFF])]
    drawn = recording(lanes, [0, 1]).timeline("title")
    assert {bars.name: bars.marker.color for bars in drawn.data} == {
        "holding": timeline.LIGHT["held"],
        "running released": timeline.LIGHT["released"],
    }
    assert list(drawn.layout.yaxis.categoryarray) == ["a", "a (2)"]
    assert drawn.layout.title.text == "title"
    assert list(drawn.data[0].customdata) == ["a<br>holding: 1.000 ms", "a (2)<br>holding: 1.000 ms"]


def test_the_legend_of_a_timeline_is_in_the_order_of_the_states():
    pytest.importorskip("plotly")
    drawn = recording([lane([st.HOLDS_ABSENT, st.WAITS_GIL, st.HOLDS])], [0, -1, 0]).timeline()
    assert [bars.name for bars in drawn.data] == ["holding", "waiting for the GIL", "holding, off the CPU"]
    assert [bars.marker.pattern.shape for bars in drawn.data] == [None, None, "/"]


def test_a_timeline_in_a_page_names_its_colours():
    bars = [Bar("a", 0.0, 1.0, "waits", "band"), Bar("b", 1.0, 3.0, "runs", "held"), Bar("a", 3.0, 4.0, "runs", "held")]
    drawn = timeline.bars_figure(bars, hover=lambda bar: f"{bar.lane} {bar.state}")
    waits, runs = drawn["data"]
    assert (waits["name"], waits["marker"]["color"], waits["customdata"]) == ("waits", "var(--band)", ["a waits"])
    assert (runs["y"], runs["base"], runs["x"]) == (["b", "a"], [1.0, 3.0], [2.0, 1.0])
    assert drawn["layout"]["yaxis"]["categoryarray"] == ["a", "b"]
    assert waits["showlegend"]
    assert not timeline.bars_figure(bars[:1], hover=str)["data"][0]["showlegend"]


def test_states_of_one_colour_are_told_apart_by_hatching():
    bars = [Bar("a", start, start + 1, state, "held") for start, state in enumerate(("runs", "is off", "runs"))]
    runs, off = timeline.standalone(bars, ["a"], 3.0, None)["data"]
    assert runs["marker"]["color"] == off["marker"]["color"] == timeline.LIGHT["held"]
    assert ("pattern" in runs["marker"], "pattern" in off["marker"]) == (False, True)


def test_of_too_many_bars_the_shortest_are_left_out(monkeypatch):
    monkeypatch.setattr(timeline, "BARS_MOST", 2)
    bars = [Bar("a", start, start + length, "runs", "held") for start, length in ((0, 1), (2, 3), (6, 2), (9, 1))]
    (drawn,) = timeline.standalone(bars, ["a"], 10.0, None)["data"]
    assert drawn["x"] == [3, 2]


def test_the_trace_is_complete_events_in_microseconds():
    recorded = recording([lane([st.HOLDS, st.RELEASED])], [0, -1])
    events = encode(trace.trace(recorded.capture, recorded.circumstances))["traceEvents"]
    states = [event for event in events if event.get("cat") == "state"]
    assert [(event["name"], event["ts"], event["dur"]) for event in states] == [
        ("holding", 0.0, 1000.0),
        ("running released", 1000.0, 1000.0),
    ]
    assert {"ph": "M", "name": "thread_name", "args": {"name": "worker"}, "pid": 1, "tid": 7} in events


def test_a_recording_comes_back_from_its_json():
    wait = (int(0.5 * MS), int(0.5 * MS), int(2.5 * MS))
    recorded = recording([lane([st.WAITS_GIL] * 3, [wait], name="a"), lane([st.HOLDS] * 3, name="b")], [1, 1, 1])
    document = recorded.document()
    assert document.waits[0].holder == "b"
    assert decode(RecordingDocument, encode(document), "a recording") == document
    assert document.to_json()["states"][0]["waiting for the GIL"] == pytest.approx(1.0)


@pytest.mark.parametrize("gil", [True, False])
def test_the_shares_of_a_lane_come_back_in_the_words_of_its_interpreter(gil):
    shares = dict.fromkeys(st.State, 0.0) | {st.HOLDS: 0.25, st.RELEASED: 0.5}
    lane = LaneShares(lane="a", native_id=1, cpu_seconds=0.5, shares=shares, events=3, gil=gil)
    assert encode(lane)["holding" if gil else "attached"] == 0.25
    assert decode(LaneShares, encode(lane), "a lane") == lane


def test_who_did_anything_is_busy():
    idle = recording([lane([st.OFF]), lane([st.OFF], [(1, 2, 3)]), lane([st.HOLDS])], [-1])
    assert [shares.busy for shares in idle.states()] == [False, True, True]
