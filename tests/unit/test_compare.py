"""Comparing results: only what noise and the machine cannot explain is a change."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import documents
import numpy as np
import pytest

from gilscope.host import Environment
from gilscope.measure.compare import Change, compare, differences, ratio_of_medians
from gilscope.measure.pyperf import to_pyperf
from gilscope.results import Results, Row
from gilscope.results.codec import decode

ENVIRONMENT = decode(
    Environment,
    {
        "gilscope": "0.1.0",
        "python": {"version": "3.11.7", "implementation": "CPython", "free_threaded": False, "gil_enabled": True},
        "cpus": {"os": 2, "usable": 2},
        "machine": {"cpu": "Some CPU", "vector": "avx2", "system": "Linux"},
        "build": {"mode": "release", "flags": ["-O3"]},
    },
    "made up",
)


def noisy(middle: float, seed: int, rounds: int = 11, spread: float = 0.02) -> tuple[float, ...]:
    return tuple(middle * np.exp(np.random.default_rng(seed).normal(0, spread, rounds)))


def row(seed: int = 0, *, call: float = 0.010, machine: float = 0.012, workers: int = 1, rounds: int = 11) -> Row:
    """A row whose calls take `call` seconds and whose plain C threads take `machine` seconds."""
    seconds, spun = noisy(10 * call, seed, rounds), noisy(8 * machine, seed + 1000, rounds)
    return Row(
        kernel="spin",
        implementation="capi",
        policy="released",
        executor="serial" if workers == 1 else "threads",
        workers=workers,
        scaling="weak",
        size="medium",
        size_number=5_000_000,
        calls=10,
        work=5_000_000,
        unit="rounds",
        seconds=seconds,
        baseline_seconds=seconds,
        ceiling_seconds=seconds,
        ceiling_baseline_seconds=seconds,
        machine_seconds=spun,
        machine_baseline_seconds=spun,
        machine_calls=8,
        cpus=2,
    )


def results(*rows: Row, environment: Environment = ENVIRONMENT) -> Results:
    """As it comes back from a file."""
    return Results.from_json(json.loads(json.dumps(Results(rows=rows, environment=environment).to_json())), "file")


def one(old: Row, new: Row) -> Change:
    (change,) = compare(results(old), results(new))
    return change


def test_slower_by_a_fifth() -> None:
    change = one(row(1), row(2, call=0.012))
    assert change.outcome == "slower"
    assert change.ratio is not None
    assert change.ratio.low < 1.2 < change.ratio.high
    assert change.slower_than(10)
    assert not change.slower_than(20)


def test_faster_by_a_third() -> None:
    change = one(row(1), row(2, call=0.0067))
    assert change.outcome == "faster"
    assert not change.slower_than(0)


def test_the_same_twice_is_noise() -> None:
    change = one(row(1), row(2))
    assert (change.outcome, change.ratio is not None) == ("noise", True)
    assert change.reason.startswith("between")


@pytest.mark.slow
def test_the_same_code_seldom_looks_changed() -> None:
    changed = sum(one(row(2 * seed), row(2 * seed + 1)).outcome != "noise" for seed in range(300))
    assert changed <= 9  # an interval of 99 %: 3 expected


def test_the_interval_of_a_ratio_holds_it_99_times_in_100() -> None:
    ratios = [ratio_of_medians(noisy(1, 2 * seed), noisy(1, 2 * seed + 1)) for seed in range(300)]
    assert sum(ratio.high < 1 or ratio.low > 1 for ratio in ratios) <= 9


def test_more_calls_in_a_sample_are_not_slower() -> None:
    new = row(2)
    doubled = replace(new, calls=20, seconds=tuple(2 * value for value in new.seconds))
    assert one(row(1), doubled).outcome == "noise"


def test_what_the_machine_shared_is_no_change_of_the_code() -> None:
    change = one(row(1), row(2, call=0.015, machine=0.018))
    assert change.outcome == "noise"
    assert "plain C threads also took 1.5" in change.reason
    assert not change.slower_than(0)


def test_slower_on_a_machine_that_was_faster() -> None:
    assert one(row(1), row(2, call=0.015, machine=0.010)).outcome == "slower"


def test_four_values_are_too_few() -> None:
    change = one(row(1, rounds=4), row(2, call=0.020))
    assert change.outcome == "noise"
    assert change.reason == "too few values: 4, needs 5"


def test_rows_on_one_side_only() -> None:
    changes = compare(results(row(1), row(2, workers=2)), results(row(3), row(4, workers=4)))
    assert [(change.workers, change.outcome) for change in changes] == [(1, "noise"), (2, "only old"), (4, "only new")]
    assert changes[1].ratio is None
    assert changes[1].new_seconds is None
    assert changes[2].old_seconds is None


def test_sizes_pair_by_their_number() -> None:
    assert one(row(1), replace(row(2), size="5000000")).outcome == "noise"
    assert len(compare(results(row(1)), results(replace(row(2), size_number=1)))) == 2


def test_a_change_of_verdict_is_told() -> None:
    scales, stands = (results(documents.row(speedup=gain)) for gain in (1.97, 1.0))
    assert not compare(scales, scales)[0].verdict_changed
    (change,) = compare(scales, stands)
    assert (change.old_verdict, change.new_verdict) == ("scales", "does not scale")
    assert change.verdict_changed


def test_rows_of_a_real_bench_pair_with_themselves() -> None:
    """The machine is in each round and once more, a cell that holds in some of them: the lists differ in length."""
    real = replace(row(1), machine_seconds=noisy(0.1, 5, 13), machine_baseline_seconds=noisy(0.1, 5, 13))
    assert one(real, real).outcome == "noise"


def test_changes_are_plain_json() -> None:
    for change in compare(results(row(1)), results(row(2), row(3, workers=2))):
        assert json.loads(json.dumps(change.to_json()))["outcome"] == change.outcome


def test_differences_of_circumstances() -> None:
    assert differences(results(), results()) == []
    python = replace(ENVIRONMENT.python, version="3.14.0", free_threaded=True)
    new = results(environment=replace(ENVIRONMENT, python=python, build=replace(ENVIRONMENT.build, flags=())))
    changed = {difference.name: (difference.old, difference.new) for difference in differences(results(), new)}
    assert changed == {"Python": ("3.11.7", "3.14.0"), "free-threaded": (False, True), "flags": (("-O3",), ())}


def test_ratio_of_medians() -> None:
    ratio = ratio_of_medians(noisy(2, 1, 40), noisy(1, 2, 40))
    assert ratio.low < 2 < ratio.high
    assert ratio.median == pytest.approx(2, rel=0.02)
    assert ratio == ratio_of_medians(noisy(2, 1, 40), noisy(1, 2, 40))
    with pytest.raises(ValueError, match="values on both sides"):
        ratio_of_medians([], [1.0])


def test_pyperf_keeps_every_value() -> None:
    old = row(1)
    (benchmark,) = to_pyperf(results(old))["benchmarks"]
    assert benchmark["metadata"] == {"name": "spin/capi/released serial=1 weak size=5000000", "loops": 10}
    assert benchmark["runs"] == [{"values": [seconds / 10 for seconds in old.seconds]}]
    with pytest.raises(ValueError, match="no rows"):
        to_pyperf(results())


@pytest.mark.slow
def test_pyperf_compares_them(tmp_path: Path) -> None:
    pytest.importorskip("pyperf", reason="pyperf is not installed")
    for name, call in (("old", 0.010), ("new", 0.020)):
        suite = to_pyperf(results(row(1, call=call), row(2, call=call, workers=2)))
        (tmp_path / f"{name}.json").write_text(json.dumps(suite))
    command = [sys.executable, "-m", "pyperf", "compare_to", "old.json", "new.json", "--table"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "spin/capi/released serial=1 weak size=5000000" in done.stdout
    assert "2.00x slower" in done.stdout
