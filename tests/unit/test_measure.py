"""Pools, calibration and the measurement itself."""

import itertools
import signal
import threading
import time
from functools import partial

import pytest

from gilscope.kernels import load
from gilscope.measure import bench as bench_module
from gilscope.measure import session as session_module
from gilscope.measure.bench import WrongAnswerError, bench
from gilscope.measure.calibrate import calls_for, seconds_of, size_for
from gilscope.measure.session import Cell, Session
from gilscope.measure.verify import verify
from gilscope.pools import Serial, Team, Threads
from gilscope.variants import Variant, select, variants_of


class FakeClock:
    """A clock that only the function under test moves on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticking(monkeypatch):
    """Lets each look at the clock take 40 ms, and nothing else: the number of rounds is the same on any machine."""
    ticks = itertools.count()
    for module in (bench_module, session_module):
        monkeypatch.setattr(module, "perf_counter", lambda: next(ticks) / 25)


def test_seconds_of_takes_the_shortest_call():
    clock, costs = FakeClock(), iter([5.0, 2.0, 3.0])

    def call():
        clock.now += next(costs)

    assert seconds_of(call, (), clock, attempts=3) == 2.0


def test_references_get_a_smaller_size():
    assert size_for("capi", "medium") == "medium"
    assert size_for("numpy", "large") == "small"
    assert size_for("python", "medium") == "tiny"
    assert size_for("numpy", "tiny") == "tiny"


def test_calls_for():
    assert calls_for(0.01, 0.05) == 5
    assert calls_for(1.0, 0.05) == 1
    assert calls_for(0.0, 0.05) > 1


def test_threads_run_every_job_on_a_thread_of_its_own():
    thread_of = {}
    meeting = threading.Barrier(3, timeout=60)  # passes only if all three run at once

    def call(name):
        meeting.wait()
        thread_of[name] = threading.get_ident()

    with Threads(3) as pool:
        assert pool.round(call, [("a",), ("b",), ("c",)], 1) > 0
        first = dict(thread_of)
        pool.round(call, [("a",), ("b",), ("c",)], 2)
        assert set(thread_of.values()) == set(first.values()), "the workers are persistent"
    assert len(set(first.values())) == 3
    assert threading.get_ident() not in first.values()


def test_a_round_takes_from_the_first_start_to_the_last_end():
    calls = []
    meeting = threading.Barrier(2, timeout=60)

    def call(seconds):
        begun = time.perf_counter()
        meeting.wait()
        time.sleep(seconds)
        calls.append((begun, time.perf_counter()))

    with Threads(2) as pool:
        before = time.perf_counter()
        elapsed = pool.round(call, [(0.001,), (0.05,)], 1)
        outside = time.perf_counter() - before
    begun, ended = zip(*calls, strict=True)
    assert max(ended) - min(begun) <= elapsed <= outside


def test_an_error_in_one_worker_is_raised_and_the_pool_goes_on():
    def call(n):
        if n:
            raise ValueError("from a worker")

    with Threads(2) as pool:
        with pytest.raises(ValueError, match="from a worker"):
            pool.round(call, [(0,), (1,)], 5)
        assert pool.round(call, [(0,), (0,)], 5) > 0


def test_no_thread_is_left_behind():
    before = threading.active_count()
    with Threads(4) as pool:
        pool.round(time.sleep, [(0,)] * 4, 1)
    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_ctrl_c_stops_the_workers_after_their_current_call():
    """The signal is sent again and again: one that comes just before the main thread waits would not wake it."""
    calls, interrupts = [], []
    before = threading.active_count()

    def interrupt(*_):
        interrupts.append(len(calls))
        if len(interrupts) == 1:
            raise KeyboardInterrupt

    def call(worker):
        calls.append(worker)
        if len(calls) > 20:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.001)

    usual = signal.signal(signal.SIGINT, interrupt)
    try:
        with Threads(2) as pool, pytest.raises(KeyboardInterrupt):
            pool.round(call, [(0,), (1,)], 50_000)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert threading.active_count() == before
    assert 20 <= len(calls) < 100_000


def test_wrong_numbers_of_workers_and_jobs_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Threads(0)
    with Threads(2) as pool, pytest.raises(ValueError, match="as many jobs"):
        pool.round(time.sleep, [(0,)], 1)


def test_serial_and_team_call_as_often_as_they_are_told():
    calls = []
    Serial().round(calls.append, [(1,)], 7)
    assert calls == [1] * 7
    Team(3).round(lambda job, threads: calls.append(threads), [(1,), (2,)], 2)
    assert calls[7:] == [3] * 4


def test_bench_measures_every_cell_in_paired_rounds(ticking):
    cells = select(["spin"], ["capi", "python"])
    results = bench(cells, threads=(2,), seconds=0.5)
    assert results.complete
    rows = results.rows
    assert len(rows) == 2 * len(cells)
    rounds = results.settings.rounds
    assert rounds >= 3
    for stored in rows:
        assert len(stored.seconds) == len(stored.baseline_seconds) <= rounds
        assert stored.policy != "released" or len(stored.seconds) == rounds
        lists = ("ceiling_seconds", "ceiling_baseline_seconds", "machine_seconds", "machine_baseline_seconds")
        assert {len(getattr(stored, name)) for name in lists} == {rounds + 1}
        assert all(second > 0 for second in stored.seconds)
    assert {(r.executor, r.workers) for r in rows} == {("serial", 1), ("threads", 2)}
    assert next(r for r in rows if r.implementation == "python").size == "tiny"


def test_strong_scaling_splits_one_job(ticking):
    results = bench(select(["mandelbrot"], ["capi"], ["released"]), threads=(1, 2), seconds=0.1, scaling="strong")
    assert {r.scaling for r in results.rows} == {"strong"}


def test_a_number_as_size_is_taken_as_it_is(ticking):
    results = bench(select(["spin"], ["capi"], ["held"]), threads=(1,), size=1234, seconds=0.1)
    assert {(r.size, r.size_number) for r in results.rows} == {("1234", 1234)}


def test_an_interrupted_measurement_keeps_its_whole_rounds(monkeypatch):
    whole, rounds = Session.take, []

    def interrupted(session, *things):
        rounds.append(things)
        if len(rounds) == 6:  # bracket, spin, mandelbrot, bracket, spin, mandelbrot
            raise KeyboardInterrupt
        return whole(session, *things)

    monkeypatch.setattr(Session, "take", interrupted)
    results = bench(select(["spin", "mandelbrot"], ["capi"], ["held"]), threads=(1,), seconds=0.1)
    assert not results.complete
    assert {r.kernel: len(r.seconds) for r in results.rows} == {"spin": 2, "mandelbrot": 1}
    assert results.settings.rounds == 1


def test_a_sample_interrupted_in_the_middle_is_dropped_whole():
    def call(n):
        if n == len(session.counts):
            raise KeyboardInterrupt

    with Session((1, 2), 0.001) as session:
        cell = Cell(1, function=call, jobs={1: [(1,)], 2: [(2,), (2,)]})
        with pytest.raises(KeyboardInterrupt):
            session.take(cell)
    assert cell.seconds == cell.cpu_seconds == {}


def test_a_session_brackets_every_round_and_its_end():
    with Session((1, 2), 0.001) as session:
        cell = Cell(1, function=len, jobs={1: [((),)], 2: [((),)] * 2})
        rounds = [session.take(cell) or number for number in session.rounds(0, least=3)]
    assert rounds == [0, 1, 2]
    assert {count: len(values) for count, values in cell.seconds.items()} == {1: 3, 2: 3}
    assert {count: len(values) for count, values in session.bracket.seconds.items()} == {1: 4, 2: 4}
    assert len(cell.busy(2)) == 3


def test_a_session_makes_no_more_rounds_than_it_may():
    with Session((1,), 0.001) as session:
        assert list(session.rounds(60, least=1, most=2)) == [0, 1]


@pytest.mark.parametrize(("policies", "every"), [(["held"], 1), (["held", "released"], 4)])
def test_cells_that_do_not_release_sit_out_rounds_beside_those_that_do(policies, every, ticking):
    results = bench(select(["spin"], ["capi"], policies), threads=(1,), seconds=0.5)
    rounds = results.settings.rounds
    assert rounds > every
    for row in results.rows:
        others = row.policy != "released"
        whole = sum(n < 3 or n % every == 0 for n in range(rounds)) if others else rounds
        assert len(row.seconds) == len(row.baseline_seconds) == whole
        assert len(row.ceiling_seconds) == len(row.machine_seconds) == rounds + 1


def test_a_wrong_cell_is_not_timed():
    kernel = load()["spin"]
    wrong = Variant(kernel, "capi", "held", lambda rounds, seed: 42)
    with pytest.raises(WrongAnswerError, match="spin/capi/held"):
        bench([wrong], threads=(1,), seconds=0.1)


def test_verify_tells_right_from_wrong_from_raising():
    kernel = load()["spin"]
    right = variants_of("spin")[1]
    wrong = Variant(kernel, "capi", "held", lambda rounds, seed: 42)
    raising = Variant(kernel, "capi", "held", partial(int, "x"))
    checks = list(verify([right, wrong, raising]))
    assert [check.ok for check in checks] == [True, False, False]
    assert "its answer differs from the reference's" in checks[1].detail
    assert "Error" in checks[2].detail


def test_progress_goes_from_0_to_1(ticking):
    steps = []
    bench(
        select(["spin"], ["capi"], ["held"]),
        threads=(1,),
        seconds=0.2,
        progress=lambda part, label: steps.append((part, label)),
    )
    parts = [part for part, _ in steps]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    assert all(0 <= part <= 1 for part in parts)
