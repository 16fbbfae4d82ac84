"""Recordings of real threads: lanes, states, sites, waits, and the ways out."""

import json
import sys
import threading
import time

import numpy as np
import pytest
from instruments import instrument

import gilscope
from gilscope.host import gil_enabled
from gilscope.kernels import load
from gilscope.results import recordings
from gilscope.results.states import State
from gilscope.scope.recording import Recording, RecordingError
from gilscope.variants import native

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the ledger needs ELF")
_ledger, _sampler, cycle = instrument("_ledger"), instrument("_sampler"), instrument("_workload").cycle
needs_gil = pytest.mark.skipif(not gil_enabled() or not _sampler.INTERNALS, reason="no GIL that can be read")


def on_threads(work, *names):
    threads = [threading.Thread(target=work, name=name) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_lanes_have_the_names_of_their_threads():
    with gilscope.record() as recording:
        on_threads(lambda: cycle(1e-3, 1e-3, 0.05), "first", "second")
    assert {"MainThread", "first", "second"} <= {lane.name for lane in recording.lanes}
    with pytest.raises(KeyError, match="no lane 'third'; there are"):
        recording.lane("third")


@needs_gil
@pytest.mark.parametrize("binding", ["capi", "cython"])
def test_held_and_released_calls_look_as_they_are(binding):
    spin = native(load()["spin"], binding).spin
    for policy, state in (("held", State.HOLDS), ("released", State.RELEASED)):
        with gilscope.record(rate=2000) as recording:
            on_threads(lambda policy=policy: spin(100_000_000, 1, policy=policy), "worker")
        (worker,) = [row for row in recording.states() if row.lane == "worker"]
        # Beside a busy process it also waits for a core.
        ran = worker.shares[State.HOLDS] + worker.shares[State.RELEASED]
        assert ran > 0
        assert worker.shares[state] > 0.9 * ran, (policy, worker)


@needs_gil
def test_the_longest_hold_is_found():
    held = []
    with gilscope.record(rate=2000) as recording:
        time.sleep(0.02)
        on_threads(lambda: held.append(cycle(0.1, 0.05, 0.14)[0]), "holder")
        time.sleep(0.02)
    seconds, lane = recording.longest_hold()
    assert lane == "holder"
    gap = np.diff(recording.ticks["time"]).max() / 1e9  # on a busy machine, looks come late
    assert seconds == pytest.approx(held[0], abs=0.005 + 2 * gap)
    assert recording.summary().longest_hold_ms == seconds * 1e3


@needs_gil
def test_a_wait_behind_a_long_hold_is_blamed_on_it():
    """One thread holds for 60 ms at a time in one C call; the other asks for the GIL all the time."""
    ready = threading.Barrier(2)

    def holds():
        ready.wait()
        cycle(0.06, 0.001, 0.2)

    def asks():
        ready.wait()
        cycle(0, 1e-3, 0.2)

    with gilscope.record(rate=2000) as recording:
        threads = [threading.Thread(target=holds, name="holder"), threading.Thread(target=asks, name="asker")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    wait = max((wait for wait in recording.waits() if wait.lane == "asker"), key=lambda wait: wait.seconds)
    assert wait.seconds > 0.03
    assert wait.holder == "holder"
    (holder,) = [row for row in recording.states() if row.lane == "holder"]
    absent = holder.shares[State.HOLDS_ABSENT] + holder.shares[State.WAITS_CORE]
    # A holder that has no core is to blame only where the looks at it say so, too.
    assert wait.cause == "long hold" or (wait.cause == "no core" and absent > 0.1), (wait, holder)
    assert wait.site is not None
    assert "_workload" in wait.site.library


def test_sites_say_where_and_how_often():
    spin = native(load()["spin"], "capi").spin
    with gilscope.record() as recording:
        for _ in range(50):
            spin(20_000, 1, policy="released")
    (site,) = [site for site in recording.sites() if "spin" in site.place.library]
    assert (site.kind, site.count) == ("release", 50)
    assert site.released_seconds > 50 * 20_000 * 0.2e-9
    assert 0 <= site.wait_seconds.p50 <= site.wait_seconds.p99 <= site.wait_seconds.max


def test_without_a_ledger_there_are_no_sites():
    with gilscope.record(ledger=False) as recording:
        time.sleep(0.01)
    assert recording.sites() == []
    assert recording.circumstances.ledger is False


@needs_gil
def test_an_interpreter_that_is_known_has_a_wait_ledger():
    with gilscope.record() as recording:
        time.sleep(0.01)
    assert (recording.circumstances.waits, recording.circumstances.waits_missing) == (True, None)


def test_a_second_recording_is_refused_and_the_first_goes_on():
    with gilscope.record() as recording:
        with pytest.raises(RecordingError, match="already running"), gilscope.record():
            pass
        time.sleep(0.1)
    assert len(recording.ticks) > 2


def test_everything_is_put_back_on_every_way_out():
    interval, hook = sys.getswitchinterval(), threading.getprofile()
    with pytest.raises(ZeroDivisionError), gilscope.record():
        1 / 0  # noqa: B018
    assert not _sampler.active()
    assert not _ledger.active()
    assert _ledger.patched() == 0
    assert (sys.getswitchinterval(), threading.getprofile()) == (interval, hook)


def test_a_profiler_that_is_there_stays():
    def hook(frame, event, argument):
        return None

    threading.setprofile(hook)
    try:
        with gilscope.record():
            on_threads(lambda: None, "worker")
            assert threading.getprofile() is hook
        assert threading.getprofile() is hook
    finally:
        threading.setprofile(None)


@pytest.mark.parametrize("rate", [0.1, 1e6])
def test_a_rate_that_makes_no_sense_is_refused(rate):
    with pytest.raises(ValueError, match="rate"), gilscope.record(rate=rate):
        pass
    assert not _ledger.active()


def test_exports(tmp_path):
    with gilscope.record() as recording:
        on_threads(lambda: cycle(2e-3, 2e-3, 0.05), "worker")
    recording.to_json(tmp_path / "recording.json")
    recording.to_chrome_trace(tmp_path / "trace.json")
    assert json.loads((tmp_path / "recording.json").read_text())["format"] == "gilscope.recording"
    document = recordings.load(tmp_path / "recording.json")
    assert document == recording.document()
    assert any(lane.name == "worker" and lane.spans for lane in document.lanes)
    trace = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {event["cat"] for event in trace if event["ph"] == "X"} == {"state", "ledger"}
    assert all(event["dur"] >= 0 for event in trace if event["ph"] == "X")


def test_it_shows_itself(capsys):
    from rich.console import Console

    with gilscope.record() as recording:
        on_threads(lambda: cycle(2e-3, 2e-3, 0.05), "<worker>")
    Console(width=120).print(recording)
    shown = capsys.readouterr().out
    assert "<worker>" in shown
    assert " releases\n" in shown
    assert "&lt;worker&gt;" in recording._repr_html_()


def test_the_timeline_is_a_figure_of_plotly():
    pytest.importorskip("plotly")
    with gilscope.record() as recording:
        on_threads(lambda: cycle(2e-3, 2e-3, 0.05), "worker")
    drawn = recording.timeline("title")
    assert "worker" in drawn.layout.yaxis.categoryarray
    assert drawn.layout.title.text == "title"


def test_an_empty_recording_says_so():
    assert "0 threads" in repr(Recording())
    assert Recording().states() == []
    assert Recording().waits() == []
    assert np.isnan(Recording().seconds) is np.False_
