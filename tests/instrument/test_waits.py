"""The wait ledger: what it says of threads that hold and release for known times, alone and beside other programs."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
from instruments import instrument

import gilscope
from gilscope.scope import states as st
from gilscope.scope import turns
from gilscope.scope.learn import learn

_waits, _ledger, cycle = instrument("_waits"), instrument("_ledger"), instrument("_workload").cycle
REASON = learn()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no wait ledger: {REASON}")

SECONDS = 0.4
CALL = 2e-3
BUSY = "while True: pass"


def held(end):
    while time.monotonic_ns() < end:
        cycle(CALL, 0, CALL)


def released(end):
    """Long calls: a thread that loses its core between two of them has the GIL, and does stop the others."""
    while time.monotonic_ns() < end:
        cycle(0, 10 * CALL, 10 * CALL)


def python(end):
    while time.monotonic_ns() < end:
        pass


def on_threads(work, count):
    """The recording, the workers' lanes, and the window in which all of them worked."""
    start, marks = threading.Barrier(count), {}

    def worker():
        start.wait()
        begin = time.monotonic_ns()
        work(begin + int(SECONDS * 1e9))
        marks[threading.get_native_id()] = begin, time.monotonic_ns()

    with gilscope.record() as recording:
        threads = [threading.Thread(target=worker, name=f"worker {number}") for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lanes = [lane for lane in recording.lanes if lane.native_id in marks]
    begins, ends = zip(*marks.values(), strict=True)
    return recording, lanes, max(begins), min(ends)


@contextmanager
def busy_processes(count):
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", BUSY]))
            stack.callback(process.kill)
        yield


@contextmanager
def one_cpu():
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usual)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


CONDITIONS = {
    "alone": lambda: busy_processes(0),
    "beside 2 busy processes": lambda: busy_processes(2),
    "one CPU": one_cpu,
}


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("work", [held, python, released], ids=lambda work: work.__name__)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_side_by_side_is_true_whatever_the_load(condition, work, count):
    with CONDITIONS[condition]():
        recording, lanes, start, end = on_threads(work, count)
    assert recording.dropped == 0
    side_by_side = recording.side_by_side(lanes, start, end)
    if work is released:
        assert side_by_side == pytest.approx(count, abs=0.025 * count)
    else:
        assert side_by_side == pytest.approx(1, abs=0.02)
        waited = [_share(lane, start, end) for lane in lanes]
        assert count - 1.05 <= sum(waited) <= count - 0.8, "one has it, the others wait; now and then it is on its way"


def _share(lane, start, end):
    pairs = np.clip(st.intervals(lane.waits), start, end)
    return (pairs[:, 1] - pairs[:, 0]).sum() / (end - start)


@pytest.mark.parametrize(("work", "truth"), [(held, 1), (released, 2)])
def test_the_summary_finds_the_threads_that_run(work, truth):
    recording, _, _, _ = on_threads(work, 2)
    assert recording.summary().side_by_side == pytest.approx(truth, abs=0.06)
    assert recording.circumstances.waits
    assert recording.circumstances.waits_missing is None


def test_waiting_is_drawn_exactly():
    recording, lanes, _, _ = on_threads(python, 2)
    for lane in lanes:
        spans = recording.capture.spans(lane)
        drawn = [(span.start, span.end) for span in spans if span.state == st.WAITS_GIL]
        first, last = spans[0].start, spans[-1].end
        exact = [(wanted, got) for wanted, got in st.intervals(lane.waits).tolist() if first < wanted and got < last]
        exact = [wait for wait in exact if wait[1] - wait[0] > st.EXACT_FROM]
        assert len(exact) >= len(drawn) - 2 > 0
        assert set(exact) <= set(drawn)
    for row in recording.states():
        assert sum(row.shares.values()) <= 1 + 1e-9


def test_while_nobody_waits_nothing_is_written():
    _waits.start(1000, _ledger.HERE)
    for _ in range(1000):
        cycle(0, 1e-9, 1e-9)
    log = _waits.stop()
    others = threading.active_count() > 1
    assert others or log == {"dropped": 0, "turns": b""}


def test_the_slots_are_put_back():
    _waits.start(1000, _ledger.HERE)
    assert (_waits.active(), _waits.patched() >= 2) == (True, True)
    with pytest.raises(RuntimeError, match="already running"):
        _waits.start(1000, _ledger.HERE)
    _waits.stop()
    assert (_waits.active(), _waits.patched()) == (False, 0)
    with pytest.raises(RuntimeError, match="no recording"):
        _waits.stop()
    with pytest.raises(ZeroDivisionError), gilscope.record():
        1 / 0  # noqa: B018
    assert (_waits.active(), _waits.patched()) == (False, 0)


def test_what_does_not_fit_is_counted():
    _waits.start(1, _ledger.HERE)
    threads = [threading.Thread(target=turn_by_turn) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = _waits.stop()
    assert len(log["turns"]) // st.TURN.itemsize <= 4096
    assert log["dropped"] > 0
    turns.waits(np.frombuffer(log["turns"], st.TURN), time.monotonic_ns())


def turn_by_turn():
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        cycle(1e-6, 1e-6, 1e-3)


def test_a_recording_without_it_says_so():
    with gilscope.record(waits=False) as recording:
        time.sleep(0.01)
    assert not recording.circumstances.waits
    assert recording.circumstances.waits_missing == "not asked for"
    assert recording.summary().side_by_side is None


def blamed(holder, seconds=0.5):
    """The waits of a thread that wants the GIL often, behind one that runs `holder`."""
    stop = threading.Event()

    def victim():
        while not stop.is_set():
            time.sleep(0.002)

    def other():
        while not stop.is_set():
            holder()

    with gilscope.record() as recording:
        threads = [threading.Thread(target=victim, name="victim"), threading.Thread(target=other, name="holder")]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        stop.set()
        for thread in threads:
            thread.join()
    waits = [wait for wait in recording.waits() if wait.lane == "victim" and wait.seconds > 3e-3]
    assert waits
    return waits


def test_a_long_call_is_told_from_bytecode():
    """A call of 30 ms does not hear the request; a loop gives way in the next round."""
    causes = [
        hold.cause for wait in blamed(lambda: cycle(0.03, 0, 0.03)) for hold in wait.behind if hold.seconds > 0.02
    ]
    assert causes
    assert set(causes) <= {"long hold", "no core"}
    causes = [hold.cause for wait in blamed(lambda: sum(range(100))) for hold in wait.behind if hold.seconds > 3e-3]
    assert causes
    assert causes.count("slice") + causes.count("no core") >= 0.8 * len(causes), causes


def test_a_release_is_blamed_where_it_is():
    """Also with the release ledger's wrapper between the library and the interpreter."""
    waits = blamed(lambda: cycle(0.02, 1e-3, 0.021))
    sites = [hold.site for wait in waits for hold in wait.behind if hold.holder == "holder" and hold.site]
    assert sites
    assert {(os.path.basename(site.library).split(".")[0], site.symbol) for site in sites} == {
        ("_workload", "workload_cycle")
    }


def in_child(code, timeout=60):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


FORK = """
    import os, threading
    import gilscope
    from gilscope.scope import _waits
    stop = False
    def spin():
        while not stop: pass
    with gilscope.record() as recording:
        threads = [threading.Thread(target=spin) for _ in range(2)]
        for thread in threads: thread.start()
        for _ in range(10):
            child = os.fork()
            if child == 0:
                clean = not _waits.active() and _waits.patched() == 0
                with gilscope.record() as own:
                    threads = [threading.Thread(target=lambda: sum(range(2_000_000))) for _ in range(2)]
                    for thread in threads: thread.start()
                    for thread in threads: thread.join()
                clean = clean and own.circumstances.waits and _waits.patched() == 0
                os._exit(0 if clean and {wait.lane for wait in own.waits()} else 3)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        stop = True
        for thread in threads: thread.join()
    assert recording.waits() and _waits.patched() == 0
"""


def test_a_forked_child_starts_clean_and_can_record():
    in_child(FORK)


STRESS = """
    import threading, time
    import gilscope
    from gilscope.scope import _ledger, _waits
    from gilscope.scope.learn import learn
    assert learn() is None
    stop = threading.Event()
    def work():
        while not stop.is_set():
            sum(range(1000)); time.sleep(0)
            inner = threading.Thread(target=sum, args=(range(1000),))
            inner.start(); inner.join()
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads: thread.start()
    seen = 0
    for _ in range(200):
        _waits.start(100_000, _ledger.HERE)
        time.sleep(0.001)
        seen += len(_waits.stop()["turns"])
        assert _waits.patched() == 0
    stop.set()
    for thread in threads: thread.join()
    assert seen > 0
"""


def test_two_hundred_recordings_around_busy_threads():
    in_child(STRESS, timeout=300)


SHUTDOWN = """
    import threading, time
    import gilscope
    def spin():
        while True: pass
    for _ in range(3):
        threading.Thread(target=spin, daemon=True).start()
    recording = gilscope.record()
    recording.__enter__()
    time.sleep(0.05)
"""


def test_the_interpreter_ends_well_while_threads_wait():
    for _ in range(3):
        in_child(SHUTDOWN)


INTERPRETERS = """
    import threading, time
    import gilscope
    try:
        import _interpreters as interpreters
        run = lambda code: interpreters.exec(interpreters.create("isolated"), code)
    except ImportError:
        import _xxsubinterpreters as interpreters
        run = lambda code: interpreters.run_string(interpreters.create(), code)
    code = "import time\\nend = time.time() + 0.3\\nwhile time.time() < end: pass"
    with gilscope.record() as recording:
        threads = [threading.Thread(target=run, args=(code,)) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    waited = sum(wait.seconds for wait in recording.waits())
    assert waited < 0.2, waited
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a GIL per interpreter is new in Python 3.12")
def test_interpreters_with_a_gil_of_their_own_pass_by():
    in_child(INTERPRETERS)
