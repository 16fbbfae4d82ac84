"""Every experiment: what it tells a reader, its verdicts on test data, a short run, and its negative control.

The experiments are found by scanning their folder, and the test data of each in `data/` by its module's name.
"""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
from data import data_of, experiment_of, quiet, ruling, verdict

from gilscope.experiments import Experiment, rule, rule_on, run
from gilscope.host import gil_enabled
from gilscope.results import Bracket, Failed, Finding, Measured, Ruling
from gilscope.results.codec import decode, encode
from gilscope.results.findings import VERDICTS
from gilscope.sources import module_names
from gilscope.stats import verdict_on

SHORTEST = 0.05
"""The part of its usual time that gives an experiment the least number of rounds, whatever they take."""
MODULES = module_names("experiments")

quick = pytest.mark.quick
needs_gil = pytest.mark.skipif(not gil_enabled(), reason="there is no GIL to hold or to release")


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def experiment(module: str) -> Experiment:
    return experiment_of(module)


# What everybody who adds one is told.


@quick
def test_an_experiment_has_test_data(module: str, experiment: Experiment) -> None:
    try:
        data = data_of(module)
    except LookupError as error:
        pytest.fail(str(error), pytrace=False)
    for name in ("YES", "NO", "NOISE"):
        assert hasattr(data, name), f"{data.__file__} lacks {name}"
    assert isinstance(data.YES, experiment.data)
    assert isinstance(data.NO, experiment.data)
    assert data.NOISE is None or isinstance(data.NOISE, experiment.data)


@quick
def test_test_data_belong_to_an_experiment() -> None:
    assert module_names_of(Path(__file__).with_name("data")) <= set(MODULES)


def module_names_of(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("[!_]*.py")}


@quick
def test_an_experiment_says_what_a_reader_needs(module: str, experiment: Experiment) -> None:
    assert experiment.name == module.rstrip("_").replace("_", "-")
    for text in (experiment.claim, experiment.why, experiment.refuted_by, experiment.reading):
        assert text.strip().endswith((".", "?"))
    assert experiment.places
    for place in experiment.places:
        assert place.files
    assert experiment.control.keys() <= experiment.parameters.keys()
    assert experiment.control
    assert 0 < experiment.seconds < experiment.limit
    assert (experiment.measure.__doc__ or "").partition("\n")[0].endswith(".")


@quick
def test_the_raw_values_have_a_type(experiment: Experiment) -> None:
    assert is_dataclass(experiment.data)
    assert experiment.data.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert experiment.data.__module__ == experiment.measure.__module__


@quick
def test_each_experiment_has_its_own_place_in_the_syllabus() -> None:
    orders = [experiment_of(module).order for module in MODULES]
    assert len(set(orders)) == len(orders)


# The verdicts on test data.


@quick
def test_test_data_confirm_refute_and_do_not_tell(module: str, experiment: Experiment) -> None:
    data = data_of(module)
    assert verdict(experiment, data.YES) == "confirmed"
    assert verdict(experiment, data.NO) == "refuted"
    assert data.NOISE is None or verdict(experiment, data.NOISE) == "inconclusive"


@quick
def test_raw_values_survive_a_file(module: str, experiment: Experiment) -> None:
    data = data_of(module)
    for values in (data.YES, data.NO):
        assert decode(experiment.data, json.loads(json.dumps(encode(values))), "data") == values


def emptied(value: object) -> Iterator[object]:
    """The value with one of the lists or objects in it emptied, each in turn."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from (value | {key: less} for less in emptied(item))
        yield {}
    elif isinstance(value, list):
        for place, item in enumerate(value[:3]):
            yield from ([*value[:place], less, *value[place + 1 :]] for less in emptied(item))
        yield []


@quick
def test_incomplete_values_leave_the_stored_ruling(module: str, experiment: Experiment) -> None:
    stored = Ruling("refuted", "as it was")
    for data in emptied(encode(data_of(module).YES)):
        finding = Finding(experiment.name, experiment.claim, 1.0, Measured(data, quiet()), stored)
        assert rule(finding).verdict in VERDICTS
    assert rule(replace(finding, outcome=Measured({}, quiet()))) == stored


@quick
@pytest.mark.parametrize("bracket", [quiet(gain=1.2), quiet(others=0.5)], ids=["gains nothing", "used by others"])
def test_a_busy_machine_leaves_no_verdict(module: str, experiment: Experiment, bracket: Bracket) -> None:
    for values in (data_of(module).YES, data_of(module).NO):
        assert verdict(experiment, values, bracket) == "inconclusive"


@quick
def test_the_charts_of_test_data_have_intervals_and_thresholds(module: str, experiment: Experiment) -> None:
    first = ruling(experiment, data_of(module).YES).charts[0]
    assert first.limits
    assert first.values.title
    for series in first.series:
        for point in series.points:
            assert point.value.low <= point.value.median <= point.value.high


# The measurement itself.


def measured(finding: Finding) -> Measured | None:
    """What the child measured; None where this interpreter or machine has no means for it."""
    assert not isinstance(finding.outcome, Failed), f"{finding.outcome.reason}\n{finding.outcome.stderr}"
    return finding.outcome if isinstance(finding.outcome, Measured) else None


def test_the_shortest_run_measures(experiment: Experiment) -> None:
    finding = run(experiment, scale=SHORTEST)
    outcome = measured(finding)
    again = decode(Finding, json.loads(json.dumps(encode(finding))), "finding")
    assert again.ruling == finding.ruling
    assert rule_on(experiment, again.outcome) == finding.ruling
    if outcome is None:
        return
    assert finding.ruling.evidence.endswith(".")
    assert finding.ruling.charts
    timelines = [chart for chart in finding.ruling.charts if chart.kind == "timeline"]
    assert bool(timelines) == ("timeline" in {field.name for field in fields(experiment.data)})
    for chart in timelines:
        assert ("running released" if gil_enabled() else "detached") in {bar.state for bar in chart.spans}


@needs_gil
def test_the_negative_control_turns_the_verdict(experiment: Experiment) -> None:
    verdicts = []
    for scale in (SHORTEST, 0.5, 0.5):  # longer, where noise hides it or feigns the opposite
        finding = run(experiment, scale=scale, changes=experiment.control)
        outcome = measured(finding)
        if outcome is None:
            pytest.skip(finding.ruling.reason)
        # Whatever the machine was like: a busy one must not hide a control that turns nothing.
        values = decode(experiment.data, outcome.data, "data")
        verdicts.append(verdict_on(experiment.judge(values, outcome.bracket).conditions)[0])
        if finding.ruling.verdict == "refuted" or (len(verdicts) > 1 and verdicts[-1] != "confirmed"):
            return
    pytest.fail(f"the control was {', '.join(verdicts)}: {finding.ruling.evidence}")
