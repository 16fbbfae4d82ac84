"""The sampler: what it says of work whose state is known."""

import threading
import time

import numpy as np
import pytest
from instruments import instrument

from gilscope.host import gil_enabled
from gilscope.scope import states as st

_sampler, cycle = instrument("_sampler"), instrument("_workload").cycle
needs_gil = pytest.mark.skipif(not gil_enabled(), reason="no GIL to hold")
known = pytest.mark.skipif(not _sampler.INTERNALS, reason="this Python's GIL cannot be read")


def sample(work, rate=2000.0):
    _sampler.start(rate, 1_000_000)
    try:
        work()
    finally:
        seen = _sampler.stop()
    return seen


def states(seen, native_id):
    (lane,) = [np.frombuffer(states, np.uint8) for tid, _, _, states, _ in seen["lanes"] if tid == native_id]
    return lane


def shares(seen, native_id):
    lane = states(seen, native_id)
    return np.bincount(lane, minlength=6) / len(lane)


@needs_gil
@known
@pytest.mark.parametrize("held", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("period", [20e-6, 1e-3, 50e-3])
def test_shares_of_a_known_cycle(held, period):
    truth = []
    seen = sample(lambda: truth.extend(cycle(period * held, period * (1 - held), 0.6)), rate=4000.0)
    holds = np.isin(states(seen, threading.get_native_id()), (st.HOLDS, st.HOLDS_ABSENT))
    # 2,400 looks: four standard deviations of a share are at most 4 points. On a busy machine looks come in clusters,
    # and fewer of them are independent: then thirty stretches of the run differ from each other, and tell by how much.
    stretches = [float(part.mean()) for part in np.array_split(holds, 30)]
    error = 4 * np.std(stretches) / np.sqrt(len(stretches))
    assert holds.mean() == pytest.approx(truth[0] / sum(truth[:3]), abs=max(0.045, error))


@known
def test_a_thread_that_sleeps_is_off_the_cpu():
    seen = sample(lambda: time.sleep(0.2))
    share = shares(seen, threading.get_native_id())
    assert share[st.OFF] > 0.5  # it waits for a core at the ends, where others are busy
    assert share[st.HOLDS] + share[st.RELEASED] < 0.1


@needs_gil
@known
def test_a_thread_that_waits_for_the_gil_is_seen_waiting():
    """The one holds for half a second in one C call; the other wants the GIL from its start to its end."""
    ids, done = {}, []
    ready = threading.Event()

    def waits():
        ids["waits"] = threading.get_native_id()
        ready.set()
        while not done:
            pass

    def work():
        thread = threading.Thread(target=waits)
        thread.start()
        ready.wait()
        cycle(0.5, 0, 0.5)
        done.append(True)
        thread.join()

    share = shares(sample(work), ids["waits"])
    assert share[st.WAITS_GIL] > 0.5


@needs_gil
@known
def test_hand_offs_are_counted_by_the_interpreter():
    """Two threads that take turns hand the GIL over on every round."""
    start = threading.Barrier(2)

    def turns():
        start.wait()
        cycle(200e-6, 200e-6, 0.3)

    def work():
        threads = [threading.Thread(target=turns) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ticks = np.frombuffer(sample(work)["ticks"], st.TICK)
    assert st.handoffs(ticks) > 10
    alone = np.frombuffer(sample(lambda: cycle(200e-6, 200e-6, 0.3))["ticks"], st.TICK)
    assert st.handoffs(alone) < st.handoffs(ticks) / 4


def test_threads_that_start_and_end_are_lanes():
    ids = []

    def work():
        for _ in range(5):
            thread = threading.Thread(target=lambda: (ids.append(threading.get_native_id()), time.sleep(0.05)))
            thread.start()
            thread.join()

    seen = sample(work)
    lanes = {tid: ended for tid, _, _, _, ended in seen["lanes"]}
    assert set(ids) <= set(lanes)
    assert all(lanes[tid] for tid in ids[:-1])


def test_ticks_are_ordered_and_about_as_many_as_wanted():
    started = time.perf_counter()
    seen = sample(lambda: time.sleep(0.5), rate=1000.0)
    elapsed = time.perf_counter() - started
    ticks = np.frombuffer(seen["ticks"], st.TICK)
    assert (np.diff(ticks["time"]) > 0).all()
    assert 20 <= len(ticks) <= 1.2 * 1000 * elapsed  # late looks are not made up for


def test_a_budget_makes_it_look_less_often():
    counts = []
    for budget in (0.0, 0.001):
        _sampler.start(20_000.0, 1_000_000, budget)
        time.sleep(0.3)
        counts.append(len(_sampler.stop()["ticks"]) // st.TICK.itemsize)
    free, bound = counts
    assert 1 <= bound < free / 2


def test_the_limit_drops_and_counts():
    _sampler.start(2000.0, 10)
    time.sleep(0.1)
    seen = _sampler.stop()
    assert len(seen["ticks"]) == 10 * st.TICK.itemsize
    assert seen["dropped"] > 10


def test_a_second_sampler_is_refused():
    _sampler.start(100.0, 100)
    try:
        with pytest.raises(RuntimeError, match="already running"):
            _sampler.start(100.0, 100)
    finally:
        _sampler.stop()
    with pytest.raises(RuntimeError, match="no recording"):
        _sampler.stop()


@pytest.mark.parametrize(
    "asked",
    [(0.5, 10), (60_000.0, 10), (float("nan"), 10), (1000.0, 0), (1000.0, 10, -0.1), (1000.0, 10, float("nan"))],
)
def test_what_makes_no_sense_is_refused(asked):
    with pytest.raises(ValueError, match="rate"):
        _sampler.start(*asked)
    assert not _sampler.active()
