"""The experiments on the command line: list, explain, run, and what compare says of their verdicts."""

import json
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result
from data import experiment_of, quiet

from gilscope.cli import main
from gilscope.cli._types import experiment_names
from gilscope.experiments import Experiment, load
from gilscope.lab.turns import turns
from gilscope.results import Finding, Measured, Results, Ruling, write
from gilscope.results import load as load_results
from gilscope.results.findings import Verdict
from gilscope.sources import module_names

quick = pytest.mark.quick


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@quick
def test_list_has_every_experiment_in_the_order_of_the_syllabus() -> None:
    shown = call("list", "experiments").output
    for experiment in load().values():
        assert experiment.claim in shown
    listed = [item["name"] for item in json.loads(call("list", "experiments", "--json").output)]
    orders = {experiment.name: experiment.order for experiment in map(experiment_of, module_names("experiments"))}
    assert listed == list(load()) == sorted(orders, key=lambda name: orders[name])


@quick
def test_the_command_line_knows_the_names_without_importing_them() -> None:
    assert experiment_names() == sorted(load())


@quick
@pytest.mark.parametrize("module", module_names("experiments"))
def test_explain(module: str) -> None:
    experiment = experiment_of(module)
    shown = call("explain", experiment.name).output
    for text in (experiment.claim, experiment.why, experiment.refuted_by, experiment.places[0].function):
        assert text in shown


def finding(name: str, verdict: str) -> Finding:
    """A finding whose raw values no experiment knows, so its ruling stands."""
    assert verdict in get_args(Verdict)
    ruling = Ruling(verdict, "because", f"It was {verdict}.")  # type: ignore[arg-type]
    return Finding(name, f"The claim of {name}.", 0.1, Measured(None, quiet()), ruling)


def at_once(monkeypatch: pytest.MonkeyPatch, **verdicts: str) -> None:
    """Gives every experiment its verdict at once; "stop" is Ctrl-C."""

    def run(experiment: Experiment, **_: object) -> Finding:
        verdict = verdicts.get(experiment.name.replace("-", "_"), "confirmed")
        if verdict == "stop":
            raise KeyboardInterrupt
        return finding(experiment.name, verdict)

    monkeypatch.setattr("gilscope.experiments.run", run)


def test_run_of_named_experiments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at_once(monkeypatch, gil_release="inconclusive")
    path = tmp_path / "results.json"
    done = call("run", "python-threads", "gil-release", "--quiet", "--json", str(path))
    assert done.exit_code == 0
    assert "python-threads: confirmed (because)" in done.output
    assert "It was confirmed." in done.output
    results = load_results(path)
    assert [finding.ruling.verdict for finding in results.findings] == ["confirmed", "inconclusive"]
    assert results.rows == ()
    assert call("run", "gil-release", "--quiet").exit_code == 3
    assert json.loads(call("run", "gil-release", "--quiet", "--json", "-").stdout)["findings"]


def test_a_run_that_is_interrupted_writes_the_findings_so_far(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at_once(monkeypatch, gil_release="stop")
    path = tmp_path / "results.json"
    done = call("run", "python-threads", "gil-release", "--quiet", "--json", str(path))
    assert done.exit_code == 130
    assert done.stderr == "gilscope: interrupted after 1 of 2 experiments\n"
    results = load_results(path)
    assert not results.complete
    assert [finding.name for finding in results.findings] == ["python-threads"]


def document(**verdicts: str) -> Results:
    return Results(findings=tuple(finding(name.replace("_", "-"), verdict) for name, verdict in verdicts.items()))


@quick
def test_compare_lists_the_claims_that_turned(tmp_path: Path) -> None:
    old = document(convoy="confirmed", memory="confirmed", web="refuted")
    new = document(convoy="refuted", memory="confirmed", gil_release="confirmed")
    assert [(turn.name, turn.old, turn.new) for turn in turns(old, new)] == [
        ("convoy", "confirmed", "refuted"),
        ("web", "refuted", None),
        ("gil-release", None, "confirmed"),
    ]
    paths = [str(tmp_path / name) for name in ("old.json", "new.json")]
    write(old, paths[0])
    write(new, paths[1])
    shown = call("compare", *paths).output
    assert "claim convoy: confirmed -> refuted\n  It was refuted." in shown
    assert "claim web: refuted -> not tested" in shown
    assert "memory" not in shown
    claims = json.loads(call("compare", *paths, "--json").output)["claims"]
    assert [turn["name"] for turn in claims] == ["convoy", "web", "gil-release"]


@quick
def test_compare_names_the_place_of_a_finding_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write(document(convoy="confirmed"), path)
    text = json.loads(path.read_text())
    text["findings"][0] = 3
    path.write_text(json.dumps(text))
    done = call("compare", str(path), str(path))
    assert done.exit_code == 2
    assert "findings[0]" in done.stderr
    assert done.stderr.count("\n") == 1
