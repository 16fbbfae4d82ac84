"""The compiled code of the experiments, and what they share: intervals against limits, recordings, the lab's time."""

import threading
import time

import pytest

from gilscope.cy.experiments import loops
from gilscope.experiments import Lab, _gil
from gilscope.experiments._timeline import _drawable, recorded, timeline
from gilscope.host import gil_enabled
from gilscope.kernels import load as kernels
from gilscope.results import Stretch
from gilscope.results.states import State
from gilscope.results.timelines import Tracks
from gilscope.scope.oracle import releases
from gilscope.scope.recording import record
from gilscope.stats import Interval, at_least, at_most, verdict_on
from gilscope.variants import variants_of

needs_gil = pytest.mark.skipif(not gil_enabled(), reason="there is no GIL to hold or to release")


# The verdict.


@pytest.mark.parametrize(
    ("low", "high", "least", "most"), [(2, 3, True, False), (0, 0.5, False, True), (0.5, 2, None, None)]
)
def test_an_interval_against_a_limit(low: float, high: float, least: bool | None, most: bool | None) -> None:
    value = Interval((low + high) / 2, low, high)
    assert (at_least(value, 1), at_most(value, 1)) == (least, most)


def test_a_claim_needs_all_its_conditions() -> None:
    assert verdict_on({"a": True, "b": True}) == ("confirmed", "2 of 2 conditions are met")
    assert verdict_on({"a": True, "b": None}) == ("inconclusive", "unclear: b")
    assert verdict_on({"a": False, "b": None, "c": True}) == ("refuted", "not met: a")
    with pytest.raises(ValueError, match="at least one condition"):
        verdict_on({})


# The compiled code.


def test_storm_takes_and_calls_back_as_often_as_it_says() -> None:
    calls: list[int] = []
    assert _gil.storm(100, 10, 0) == 0
    assert _gil.storm(100, 10, 7) == 14
    assert _gil.storm(100, 10, 7, lambda: calls.append(1)) == 14
    assert len(calls) == 14


def test_storm_stops_at_what_a_callback_raises() -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyError("third")

    with pytest.raises(KeyError, match="third"):
        _gil.storm(100, 10, 1, fail)
    assert len(calls) == 3


def test_foreign_threads_come_and_go() -> None:
    threads = threading.active_count()
    assert _gil.foreign(3, 50, 10, 1) > 0
    assert threading.active_count() == threads
    for count in (0, 65):
        with pytest.raises(ValueError, match="threads must be from 1 to 64"):
            _gil.foreign(count, 1, 1, 1)


@pytest.mark.parametrize("order", [order for order in _gil.ORDERS if order != "lock first"])
def test_the_cures_let_two_threads_through(order: str) -> None:
    threads = [threading.Thread(target=_gil.locked, args=(order, 200, 1000)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(ValueError, match="no order sideways; see ORDERS"):
        _gil.locked("sideways", 1, 1)


@needs_gil
def test_the_loops_hold_and_release_as_they_say() -> None:
    rounds = 5_000_000
    assert releases(loops.released, rounds)
    assert not releases(loops.typed, rounds)
    assert (
        loops.untyped(1000, 7) == loops.typed(1000, 7) == loops.released(1000, 7) == kernels()["spin"].python(1000, 7)
    )


# The recordings below the charts.


def in_two_threads(policy: str, exact: bool) -> Tracks:
    spin = kernels()["spin"]
    rounds = 4 * spin.sizes["medium"]
    call = next(c for c in variants_of("spin") if (c.implementation, c.policy) == ("capi", policy))
    together = threading.Barrier(2)

    def run(seed: int) -> None:
        together.wait()
        call(rounds, seed)

    def work() -> tuple[float, float]:
        threads = [threading.Thread(target=run, args=(n,), name=f"T{n}") for n in range(2)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return started, time.perf_counter()

    return recorded(work, {"T0": "first", "T1": "second"}, 10.0, exact=["T0", "T1"] if exact else [])


def spent(tracks: Tracks, state: State) -> float:
    """Milliseconds that the threads spent in this state, all together."""
    return sum(track.spent().get(state, 0.0) for track in tracks.tracks)


@needs_gil
@pytest.mark.parametrize("exact", [True, False])
def test_a_recording_tells_held_from_released(exact: bool) -> None:
    released = in_two_threads("released", exact)
    assert [track.name for track in released.tracks] == ["first", "second"]
    assert spent(released, State.RELEASED) > 3 * spent(released, State.HOLDS)
    if not exact:  # what never releases is not in the ledger
        held = in_two_threads("held", exact)
        assert spent(held, State.HOLDS) > 3 * spent(held, State.RELEASED)
        assert spent(held, State.WAITS_GIL) > spent(held, State.RELEASED)


def test_a_recording_ends_where_the_timeline_ends() -> None:
    def work() -> tuple[float, float]:
        started = time.perf_counter()
        while time.perf_counter() - started < 0.05:
            pass
        return started + 0.01, time.perf_counter()

    (track,) = recorded(work, {threading.current_thread().name: "it"}, 0.02).tracks
    assert track.stretches[0].start < 1
    assert track.stretches[-1].end == pytest.approx(20, abs=1e-3)


A, B = State.HOLDS, State.RELEASED


def test_what_is_too_short_to_show_goes_to_the_stretch_before() -> None:
    stretches = [
        Stretch(0.0, 0.1, A),
        Stretch(0.1, 5.0, B),
        Stretch(5.1, 0.1, A),
        Stretch(5.2, 2.0, B),
        Stretch(9.0, 0.1, A),
        Stretch(9.1, 4.0, B),
    ]
    assert _drawable(stretches, 1.0) == (
        Stretch(0.0, 0.1, A),
        Stretch(0.1, 7.1, B),
        Stretch(9.0, 0.1, A),
        Stretch(9.1, 4.0, B),
    )
    assert _drawable(stretches, 0.0) == tuple(stretches)


def test_many_stretches_too_short_to_show_are_what_most_of_them_are() -> None:
    short = [(Stretch(n / 2, 0.1, A), Stretch(n / 2 + 0.1, 0.4, B)) for n in range(100)]
    storm = [stretch for pair in short for stretch in pair]
    assert _drawable(storm, 1.0) == (Stretch(0.0, 50.0, B),)


def test_where_nothing_can_be_recorded_there_is_no_timeline() -> None:
    with record():  # one recording in a process
        assert recorded(lambda: (0.0, 1.0), {"MainThread": "it"}, 1.0) == Tracks()
    assert timeline({"held": Tracks()}) == ()


def test_a_timeline_of_version_3_is_read_by_the_threads_names() -> None:
    tracks = Tracks.from_json({"loop": [[0.0, 30.0, "waiting for the GIL"]], "thread": []}, "timeline.held")
    assert [(track.name, track.spent()) for track in tracks.tracks] == [
        ("loop", {State.WAITS_GIL: 30.0}),
        ("thread", {}),
    ]


# The lab.


def test_the_lab_respects_its_time_and_brackets_every_round() -> None:
    with Lab(0.2) as lab:
        assert list(lab.rounds())[:5] == [0, 1, 2, 3, 4]
        bracket = lab.bracket()
    assert len(bracket.one) == len(bracket.many) >= 5
