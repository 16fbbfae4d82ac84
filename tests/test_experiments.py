"""The experiments: the frame, the verdicts on made-up data, a short run of each, and a negative control each."""

import json
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from documents import document
from made_up import CASES, cell, choose, gil_release, lucky, processes, python_threads, quiet, steady

from gilscope.cli import main
from gilscope.cy.experiments import loops
from gilscope.experiments import CLAIMS, Experiment, Finding, NotHere, _gil, absent, find, judged, load
from gilscope.experiments import _process as process
from gilscope.experiments._lab import Lab
from gilscope.experiments._timeline import Lanes, _drawable, recorded, timeline
from gilscope.kernels import load as kernels
from gilscope.measure import record
from gilscope.measure.compare import turns
from gilscope.measure.stats import Interval, at_least, at_most, verdict_on
from gilscope.scope import gil_enabled, releases
from gilscope.scope.recording import record as record_all
from gilscope.variants import variants_of

SHORTEST = 0.05
"""Of the usual time: the least number of rounds, whatever they take."""
EXPERIMENTS = list(load().values())
ORDERED = ("convoy", "handoff-storm", "event-loop", "pipeline")
"""Those whose point is what happens before what."""

needs_gil = pytest.mark.skipif(not gil_enabled(), reason="there is no GIL to hold or to release")


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


# The verdict.


@pytest.mark.parametrize(
    ("low", "high", "least", "most"), [(2, 3, True, False), (0, 0.5, False, True), (0.5, 2, None, None)]
)
def test_an_interval_against_a_limit(low: float, high: float, least: bool | None, most: bool | None) -> None:
    value = Interval((low + high) / 2, low, high)
    assert (at_least(value, 1), at_most(value, 1)) == (least, most)


def test_a_claim_needs_all_its_conditions() -> None:
    assert verdict_on({"a": True, "b": True}) == ("confirmed", "2 of 2 conditions hold")
    assert verdict_on({"a": True, "b": None}) == ("inconclusive", "not clear: b")
    assert verdict_on({"a": False, "b": None, "c": True}) == ("refuted", "not so: a")
    with pytest.raises(ValueError, match="at least one condition"):
        verdict_on({})


def verdict_of(name: str, data: dict[str, Any], machine: dict[str, Any] | None = None) -> str:
    return judged(load()[name], data | {"machine": machine or quiet()}, 1.0).verdict


@pytest.mark.parametrize("name", load())
def test_made_up_data_confirm_refute_and_do_not_tell(name: str) -> None:
    yes, no, noise = CASES[name]
    assert verdict_of(name, yes()) == "confirmed"
    assert verdict_of(name, no()) == "refuted"
    assert noise is None or verdict_of(name, noise()) == "inconclusive"


@pytest.mark.parametrize("name", load())
@pytest.mark.parametrize("machine", [quiet(gain=1.2), quiet(others=0.5)], ids=["gains nothing", "used by others"])
def test_on_a_busy_machine_nothing_is_said(name: str, machine: dict[str, Any]) -> None:
    for made in CASES[name][:2]:
        assert verdict_of(name, made(), machine) == "inconclusive"


@pytest.mark.parametrize("name", load())
def test_the_charts_of_made_up_data_have_intervals_and_thresholds(name: str) -> None:
    finding = judged(load()[name], CASES[name][0]() | {"machine": quiet()}, 1.0)
    first = finding.charts[0]
    assert first["limits"]
    assert first["values"]["title"]
    for series in first["series"]:
        for point in series["points"]:
            assert point["value"]["low"] <= point["value"]["median"] <= point["value"]["high"]


def test_what_was_not_timed_needs_no_quiet_machine() -> None:
    machine = quiet(others=0.9) | {"one": [], "many": []}
    assert verdict_of("lock-order", CASES["lock-order"][0](), machine) == "confirmed"


def test_requests_must_wait_on_both_sides_of_the_claim() -> None:
    web = CASES["web"][0]()["cells"]
    one_late = [[0.0, 0.1], *[[sent / 1000, 0.001] for sent in range(9)]]
    for cells in (
        web | {"def, released": web["def, held"]},  # they wait for one that releases, too
        web | {"def, held": web["def, held"] | {"beats": [one_late] * len(web["def, held"]["call"])}},
    ):
        assert verdict_of("web", {"cells": cells}) == "refuted"


def test_private_copies_are_asked_for_what_their_work_gains_on_plain_c_threads() -> None:
    made = CASES["shared-writes"][0]()
    made["cells"] |= dict.fromkeys(("private", "padded"), cell(1.55))
    assert verdict_of("shared-writes", made) == "refuted"
    assert verdict_of("shared-writes", made | {"plain": dict.fromkeys(("private", "padded"), cell(1.6))}) == "confirmed"


def test_processes_that_are_sent_their_data_for_nothing_refute_that_they_pay() -> None:
    assert verdict_of("processes", processes(steady(3e-3), steady(0.6), pickled=0.6)) == "refuted"


def test_where_no_way_gains_there_is_nothing_to_choose() -> None:
    assert verdict_of("choose", choose(steady(1.0))) == "inconclusive"


def test_a_pool_of_teams_must_lose_to_both() -> None:
    for alone in ("the pool alone", "the library alone"):
        made = CASES["oversubscription"][0]()
        for each in made["cells"]:
            each["seconds"] |= {alone: each["seconds"]["both"]}
        assert verdict_of("oversubscription", made) == "refuted"


def test_a_pool_of_teams_needs_openmp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gilscope.cy.nbody.OPENMP", False)
    with pytest.raises(NotHere, match="this build has no OpenMP"):
        load()["oversubscription"].run(Lab(0.1), {})


@needs_gil
def test_the_service_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gilscope.experiments.web.find_spec", lambda name: name != "uvicorn")
    with pytest.raises(NotHere, match=re.escape("uvicorn not installed (pip install 'gilscope[web]')")):
        load()["web"].run(Lab(0.1), {})


def test_one_quiet_round_proves_that_threads_ran_side_by_side() -> None:
    assert verdict_of("gil-release", gil_release(lucky(1.98, 1.1), steady(1.0))) == "confirmed"
    assert verdict_of("gil-release", gil_release(steady(1.5), steady(1.0))) == "refuted"


def test_a_loss_is_told() -> None:
    finding = judged(load()["python-threads"], python_threads(steady(1.0)) | {"machine": quiet()}, 1.0)
    assert "Slower than one thread: spin" in finding.evidence


# Every experiment.


@pytest.fixture(params=EXPERIMENTS, ids=lambda experiment: experiment.name)
def experiment(request: pytest.FixtureRequest) -> Experiment:
    return request.param


def test_an_experiment_says_what_a_reader_needs(experiment: Experiment) -> None:
    for text in (experiment.claim, experiment.why, experiment.refuted_by, experiment.reading):
        assert text.strip().endswith((".", "?"))
    assert experiment.places
    for place in experiment.places:
        assert place.files
    assert experiment.control.keys() <= experiment.parameters.keys()
    assert experiment.control
    assert 0 < experiment.seconds < experiment.limit
    assert (experiment.measure.__doc__ or "").partition("\n")[0].endswith(".")


def test_the_shortest_run_finds_something(experiment: Experiment) -> None:
    finding = find(experiment, scale=SHORTEST)
    assert "failed" not in finding.data, finding.data
    json.dumps(finding.to_json())
    if finding.verdict == "not measurable here":
        return
    assert finding.evidence.endswith(".")
    assert finding.charts
    timelines = [chart for chart in finding.charts if chart["kind"] == "timeline"]
    assert bool(timelines) == (experiment.name in ORDERED)
    for chart in timelines:
        assert ("running released" if gil_enabled() else "detached") in {span["state"] for span in chart["spans"]}
    again = judged(experiment, json.loads(json.dumps(finding.data)), finding.seconds)
    assert again == finding


@needs_gil
def test_the_negative_control_turns_the_verdict(experiment: Experiment) -> None:
    verdicts = []
    for scale in (SHORTEST, 0.5, 0.5):  # longer, where noise hides it or feigns the opposite
        finding = find(experiment, scale=scale, changes=experiment.control)
        if finding.verdict == "not measurable here":
            pytest.skip(finding.reason)
        assert "failed" not in finding.data, finding.data
        # Whatever the machine was like: a busy one must not hide a control that turns nothing.
        verdicts.append(verdict_on(experiment.judge(finding.data).conditions)[0])
        if finding.verdict == "refuted" or (len(verdicts) > 1 and verdicts[-1] != "confirmed"):
            return
    pytest.fail(f"the control was {', '.join(verdicts)}: {finding.evidence}")


# The compiled code of the experiments.


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


def in_two_threads(policy: str, exact: bool) -> Lanes:
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


def spent(lanes: Lanes, state: str) -> float:
    return sum(length for spans in lanes.values() for _, length, what in spans if what == state)


@needs_gil
@pytest.mark.parametrize("exact", [True, False])
def test_a_recording_tells_held_from_released(exact: bool) -> None:
    released = in_two_threads("released", exact)
    assert list(released) == ["first", "second"]
    assert spent(released, "running released") > 10 * spent(released, "holding")
    if not exact:  # what never releases is not in the ledger
        held = in_two_threads("held", exact)
        assert spent(held, "holding") > 10 * spent(held, "running released")
        assert spent(held, "waiting for the GIL") > 0.2 * spent(held, "holding")


def test_a_recording_keeps_no_more_than_is_shown() -> None:
    def work() -> tuple[float, float]:
        started = time.perf_counter()
        while time.perf_counter() - started < 0.05:
            pass
        return started + 0.01, time.perf_counter()

    (spans,) = recorded(work, {threading.current_thread().name: "it"}, 0.02).values()
    assert spans[0][0] < 1
    assert spans[-1][0] + spans[-1][1] == pytest.approx(20, abs=1e-3)


def test_what_is_too_short_to_be_seen_goes_to_the_one_before() -> None:
    pieces = [[0.0, 0.1, "a"], [0.1, 5.0, "b"], [5.1, 0.1, "a"], [5.2, 2.0, "b"], [9.0, 0.1, "a"], [9.1, 4.0, "b"]]
    assert _drawable(pieces, 1.0) == [[0.0, 0.1, "a"], [0.1, 7.1, "b"], [9.0, 0.1, "a"], [9.1, 4.0, "b"]]
    assert _drawable(pieces, 0.0) == pieces


def test_many_that_are_too_short_to_be_seen_are_what_most_of_them_are() -> None:
    storm = [[n / 2, 0.1, "a"] for n in range(100)] + [[n / 2 + 0.1, 0.4, "b"] for n in range(100)]
    assert _drawable(sorted(storm), 1.0) == [[0.0, 50.0, "b"]]


def test_where_nothing_can_be_recorded_there_is_no_timeline() -> None:
    with record_all():  # one recording in a process
        assert recorded(lambda: (0.0, 1.0), {"MainThread": "it"}, 1.0) == {}
    assert timeline({"held": {}}) == []


# The child process.


def in_child(monkeypatch: pytest.MonkeyPatch, code: str, limit: float = 1.0) -> Finding:
    """What becomes of an experiment whose measurement is this code."""
    program = (
        "import gilscope.experiments as e, dataclasses, sys\n"
        f"def measure(lab, **_):\n    {code}\n"
        "name, one = next(iter(e.load().items()))\n"
        "e.load = lambda: {name: dataclasses.replace(one, measure=measure)}\n"
        "import gilscope.experiments.__main__\n"
    )
    monkeypatch.setattr(process, "CHILD", ("-c", program))
    monkeypatch.setattr(process, "GRACE", 1.0)
    return find(replace(EXPERIMENTS[0], limit=limit))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import ctypes; ctypes.string_at(0)", "ended by SIGSEGV"),
        ("import time; time.sleep(60)", "ran past its limit of 1 s"),
        ("import signal, os; signal.signal(signal.SIGTERM, signal.SIG_IGN); os._exit(3)", "ended with status 3"),
        ("raise ValueError('of no use')", "failed: ValueError: of no use"),
    ],
)
def test_what_goes_wrong_in_the_child_is_a_finding(monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    finding = in_child(monkeypatch, code)
    assert (finding.verdict, finding.reason) == ("inconclusive", reason)
    if "status" not in reason:  # with the stack, whatever it was
        assert "in measure" in finding.data["stderr"]


def test_what_can_not_be_measured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = in_child(monkeypatch, "raise e.NotHere('no such thing')", limit=30)
    assert (finding.verdict, finding.reason) == ("not measurable here", "no such thing")


def test_what_a_child_prints_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = in_child(monkeypatch, "print('{}'); sys.stderr.write('Oh\\n'); raise e.NotHere('fine')", limit=30)
    assert finding.reason == "fine"


def test_the_lab_keeps_to_its_time_and_brackets_every_round() -> None:
    lab = Lab(0.2)
    assert list(lab.rounds())[:5] == [0, 1, 2, 3, 4]
    machine = lab.machine()
    assert len(machine["one"]) == len(machine["many"]) >= 5


# The command line, the results, the report.


def test_the_syllabus_has_every_experiment_and_says_what_is_not_there() -> None:
    assert load().keys() | absent().keys() == CLAIMS.keys()
    assert list(load()) == [name for name in CLAIMS if name in load()]
    shown = call("list", "experiments").output
    for name, claim in absent().items():
        assert f"not there: {claim}" in shown
        assert name in shown
    for experiment in EXPERIMENTS:
        assert experiment.claim in shown
    assert {item["name"] for item in json.loads(call("list", "experiments", "--json").output)} == CLAIMS.keys()


def test_the_command_line_knows_the_names_without_importing_them() -> None:
    from gilscope.cli._types import experiment_names

    assert experiment_names() == sorted(load())


def test_explain(experiment: Experiment) -> None:
    shown = call("explain", experiment.name).output
    for text in (experiment.claim, experiment.why, experiment.refuted_by, experiment.places[0].function):
        assert text in shown


def fake(monkeypatch: pytest.MonkeyPatch, verdicts: dict[str, str]) -> None:
    """Findings at once."""

    def found(experiment: Experiment, **_: Any) -> Finding:
        verdict: Any = verdicts.get(experiment.name, "confirmed")
        return Finding(experiment.name, experiment.claim, verdict, "because", "It was 2x [1, 3].", {}, (), 0.1)

    monkeypatch.setattr("gilscope.experiments.find", found)


def test_run_of_named_experiments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake(monkeypatch, {"gil-release": "inconclusive"})
    path = tmp_path / "found.json"
    done = call("run", "python-threads", "gil-release", "--quiet", "--json", str(path))
    assert done.exit_code == 0
    assert "python-threads: confirmed (because)" in done.output
    assert "It was 2x [1, 3]." in done.output
    saved = record.load(path)
    assert [finding["verdict"] for finding in saved["findings"]] == ["confirmed", "inconclusive"]
    assert saved["rows"] == []
    assert call("run", "gil-release", "--quiet").exit_code == 3
    assert json.loads(call("run", "gil-release", "--quiet", "--json", "-").stdout)["findings"]


def test_run_stopped_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stop(experiment: Experiment, **_: Any) -> Finding:
        if experiment.name == "gil-release":
            raise KeyboardInterrupt
        return Finding(experiment.name, experiment.claim, "confirmed", "", "So.", {}, (), 0.1)

    monkeypatch.setattr("gilscope.experiments.find", stop)
    path = tmp_path / "found.json"
    done = call("run", "python-threads", "gil-release", "--quiet", "--json", str(path))
    assert done.exit_code == 130
    assert done.stderr == "gilscope: interrupted after 1 of 2 experiments\n"
    assert record.load(path)["complete"] is False


def with_findings(**verdicts: str) -> dict[str, Any]:
    made = document([])
    made["findings"] = [
        {"name": name.replace("_", "-"), "claim": f"The claim of {name}.", "verdict": verdict, "reason": "because"}
        | {"evidence": f"It was {verdict}.", "data": {}, "charts": [], "seconds": 1.0}
        for name, verdict in verdicts.items()
    ]
    return made


def test_compare_lists_the_claims_that_turned(tmp_path: Path) -> None:
    old = with_findings(convoy="confirmed", memory="confirmed", web="refuted")
    new = with_findings(convoy="refuted", memory="confirmed", gil_release="confirmed")
    assert [(turn.name, turn.old, turn.new) for turn in turns(old, new)] == [
        ("convoy", "confirmed", "refuted"),
        ("web", "refuted", None),
        ("gil-release", None, "confirmed"),
    ]
    paths = [str(tmp_path / name) for name in ("old.json", "new.json")]
    record.save(old, paths[0])
    record.save(new, paths[1])
    shown = call("compare", *paths).output
    assert "claim convoy: confirmed -> refuted\n  It was refuted." in shown
    assert "claim web: refuted -> not tested" in shown
    assert "memory" not in shown
    assert [turn["name"] for turn in json.loads(call("compare", *paths, "--json").output)["claims"]] == [
        "convoy",
        "web",
        "gil-release",
    ]
    new["findings"] = [3]
    record.save(new, paths[1])
    done = call("compare", *paths)
    assert done.exit_code == 2
    assert "a finding that is none" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_child_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a child has started ends with it."""
    mark = tmp_path / "alive"
    grandchild = f"import time, pathlib; time.sleep(2); pathlib.Path({str(mark)!r}).touch()"
    code = f"import subprocess; subprocess.Popen([sys.executable, '-c', {grandchild!r}]); raise e.NotHere('fine')"
    assert in_child(monkeypatch, code, limit=30).reason == "fine"
    time.sleep(2.5)
    assert not mark.exists()
