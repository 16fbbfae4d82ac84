"""Statistics and verdicts on made-up data: clear yes, clear no, noise."""

import pytest

from gilscope.results.document import Row
from gilscope.stats import Interval, Scaling, fastest_interval, median_interval, paired_ratio, scaling_verdict

FREE = [1.97, 1.98, 1.96, 1.99, 1.98]  # what two plain C threads gain on an idle machine


def verdict(speedups, ceilings=FREE, machine=FREE, workers=2, cpus=2.0):
    return scaling_verdict(*(rounds(gains) for gains in (speedups, ceilings, machine)), workers, cpus)[0]


def rounds(speedups):
    """Rounds of two workers whose baseline always took one second."""
    return Scaling([1.0] * len(speedups), [2 / speedup for speedup in speedups], 2)


def test_median_interval_holds_the_median():
    interval = median_interval([1.0, 2.0, 3.0, 4.0, 100.0])
    assert interval.median == 3.0
    assert interval.low <= 3.0 <= interval.high
    assert interval.high <= 100.0


def test_median_interval_is_the_same_every_time():
    values = [0.1 * (i * 7 % 11) for i in range(30)]
    assert median_interval(values) == median_interval(values)


def test_median_interval_covers_the_truth_about_as_often_as_it_says():
    import numpy as np

    draw = np.random.default_rng(7)
    hits = 0
    for _ in range(200):
        interval = median_interval(draw.normal(5.0, 1.0, 15))
        hits += interval.low <= 5.0 <= interval.high
    assert 0.85 * 200 <= hits <= 200


def test_few_values_give_their_range():
    assert median_interval([3.0, 1.0, 2.0]) == Interval(2.0, 1.0, 3.0)
    assert median_interval([4.0]) == Interval(4.0, 4.0, 4.0)


def test_no_values_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        median_interval([])


def test_pairs_cancel_what_slows_a_whole_round():
    drift = [1.0, 3.0, 0.5, 10.0, 2.0]
    ratio = paired_ratio([2 * d for d in drift], drift)
    assert ratio == Interval(2.0, 2.0, 2.0)


def test_the_fastest_rounds_give_the_speedup():
    """Five rounds of nine lost up to half their speed to somebody else; four were quiet."""
    quiet, disturbed = 1.01, 1.5
    one = [1.0, 1.01, 1.3, 1.0, 1.4, 1.02, 1.0, 1.2, 1.01]
    many = [quiet, disturbed, quiet, disturbed, disturbed, quiet, disturbed, disturbed, quiet]
    speedup = Scaling(one, many, 2).speedup()
    assert speedup.median == pytest.approx(1.98, abs=0.01)
    assert speedup.low > 1.9


def test_one_quiet_round_is_not_believed():
    """A single fast round may be luck: a good part of the resamples lacks it."""
    speedup = Scaling([1.0] * 9, [1.01, *[1.5, 1.52, 1.51, 1.49, 1.53, 1.5, 1.48, 1.51]], 2).speedup()
    assert speedup.low < 1.4
    assert speedup.high > 1.9


def test_rounds_are_resampled_whole():
    """What slows a round down slows both sides of it."""
    drift = [1.0, 3.0, 0.5, 10.0, 2.0]
    assert Scaling([2 * d for d in drift], drift, 1).speedup() == Interval(2.0, 2.0, 2.0)


def test_few_rounds_give_their_range():
    assert Scaling([1.0, 1.0], [1.0, 2.0], 2).speedup() == Interval(2.0, 1.0, 2.0)


def test_fastest_interval():
    interval = fastest_interval([1.0, 1.1, 1.02, 5.0, 1.01, 9.0])
    assert (interval.low, interval.median) == (1.0, 1.0)
    assert 1.0 < interval.high < 2.0
    assert fastest_interval([3.0, 1.0, 2.0]) == Interval(1.0, 1.0, 3.0)


def test_clear_yes_clear_no_and_between():
    assert verdict([1.95, 1.96, 1.94, 1.97, 1.95]) == "scales"
    assert verdict([1.00, 0.99, 1.01, 1.00, 0.98]) == "does not scale"
    assert verdict([1.50, 1.49, 1.51, 1.50, 1.52]) == "partly"


def test_slower_than_one_thread_does_not_scale():
    assert verdict([0.60, 0.62, 0.61, 0.59, 0.6]) == "does not scale"


def test_noise_is_inconclusive():
    assert verdict([1.0, 1.95, 1.1, 1.9, 1.5]) == "inconclusive"


def test_a_busy_machine_turns_every_verdict_inconclusive():
    busy = [1.1, 1.0, 1.2, 1.05, 1.1]
    for speedups in ([1.0] * 5, [1.1] * 5, [1.95] * 5):
        assert verdict(speedups, busy, busy) == "inconclusive"
        # The cell's own ceiling may have had luck; the machine's says that the cores were not free.
        assert verdict(speedups, FREE, busy) == "inconclusive"


def test_a_ceiling_that_moves_is_inconclusive():
    moving = [1.2, 1.98, 1.3, 1.31, 1.25]
    assert verdict([1.95] * 5, moving) == "inconclusive"
    assert verdict([1.15] * 5, moving) == "inconclusive"
    assert verdict([1.02] * 5, moving) == "does not scale"  # by any of these ceilings


def test_memory_bound_work_is_judged_by_its_own_ceiling():
    low = [1.30, 1.31, 1.29, 1.30, 1.32]
    assert verdict([1.29, 1.30, 1.28, 1.30, 1.29], low) == "scales"
    assert verdict([1.00, 0.99, 1.01, 1.00, 1.00], low) == "does not scale"


def test_more_workers_than_cpus_are_measured_against_the_cpus():
    assert verdict([1.95] * 5, FREE, FREE, workers=4, cpus=2.0) == "scales"
    assert verdict([1.95] * 5, FREE, FREE, workers=4, cpus=4.0) == "inconclusive"


@pytest.mark.parametrize("cpus", [0.5, 1.0])
def test_one_cpu_has_nothing_to_say(cpus):
    assert verdict([1.0] * 5, [1.0] * 5, [1.0] * 5, 2, cpus) == "inconclusive"


def test_too_few_rounds_are_inconclusive():
    assert verdict([1.95, 1.96], [1.98, 1.98], [1.98, 1.98]) == "inconclusive"


def row(**changes):
    fields = {
        "kernel": "spin",
        "implementation": "capi",
        "policy": "released",
        "executor": "threads",
        "workers": 2,
        "scaling": "weak",
        "size": "medium",
        "size_number": 5,
        "calls": 10,
        "work": 5,
        "unit": "rounds",
        "seconds": [1.0, 1.1, 1.0, 1.0],
        "baseline_seconds": [0.98, 1.05, 0.99, 0.97],
        "ceiling_seconds": [1.0] * 4,
        "ceiling_baseline_seconds": [0.99] * 4,
        "machine_calls": 10,
        "machine_seconds": [1.0] * 4,
        "machine_baseline_seconds": [0.99] * 4,
        "cpus": 2.0,
    }
    return Row(**fields | changes)


def test_weak_scaling_counts_the_work_of_all_workers():
    # Two workers took about as long for one job each as one worker for one job.
    assert row().speedup().median == pytest.approx(1.95, abs=0.03)
    assert row().to_json()["verdict"] == "scales"


def test_strong_scaling_compares_times_of_the_same_work():
    halved = row(scaling="strong", seconds=[0.5] * 4, ceiling_seconds=[0.5] * 4)
    assert halved.speedup().median == pytest.approx(1.96, abs=0.03)
    assert halved.to_json()["verdict"] == "scales"


def test_held_row_does_not_scale():
    assert row(seconds=[2.0, 2.1, 2.0, 1.95]).to_json()["verdict"] == "does not scale"


def test_seconds_per_call():
    assert row().to_json()["seconds_per_call"]["median"] == pytest.approx(0.1)
