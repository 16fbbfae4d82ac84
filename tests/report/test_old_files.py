"""Files of earlier versions of gilscope: they load, with the same figures and verdicts as in their own time."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from documents import blank_pages

pytest.importorskip("jinja2")
pytest.importorskip("plotly")

from gilscope.experiments import rule
from gilscope.report import headline, page, view, write
from gilscope.results import Results, load
from gilscope.results.atlas import load as load_atlas

DATA = Path(__file__).parents[1] / "data"
OLD = DATA / "results-3.json"
"""A quick run of version 3: four kernels, eight claims, eight specimens, four timelines."""


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(OLD.read_text())
    return document


def numbers(reason: str) -> list[str]:
    """The figures of a reason; its wording may change."""
    return re.findall(r"-?\d[\d.]*", reason)


def test_every_row_has_the_figures_and_the_verdict_of_its_file(stored: dict[str, Any]) -> None:
    for row, old in zip(load(OLD).rows, stored["rows"], strict=True):
        assert (row.verdict, numbers(row.reason)) == (old["verdict"], numbers(old["reason"]))
        for name in ("speedup", "ceiling", "machine", "seconds_per_call"):
            new = getattr(row, name)()
            assert (new.median, new.low, new.high) == pytest.approx(tuple(old[name].values()))


def test_every_finding_has_the_verdict_of_its_file(stored: dict[str, Any]) -> None:
    findings = load(OLD).findings
    assert [(f.name, rule(f).verdict) for f in findings] == [(f["name"], f["verdict"]) for f in stored["findings"]]
    assert all(rule(finding).charts for finding in findings)


def test_timelines_and_specimens_are_those_of_the_file(stored: dict[str, Any]) -> None:
    results = load(OLD)
    assert [timeline.milliseconds for timeline in results.timelines] == [t["milliseconds"] for t in stored["timelines"]]
    for timeline, old in zip(results.timelines, stored["timelines"], strict=True):
        new = timeline.to_json()["lanes"]
        assert new == old["lanes"]
    assert [row.takes for row in results.specimens] == [row["takes"] for row in stored["specimens"]]


def test_the_report_of_an_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: dict[str, Any]) -> None:
    monkeypatch.setattr(page, "annotate", blank_pages)
    results = load(OLD)
    text = write(results, tmp_path / "report").read_text()
    for finding in stored["findings"]:
        assert f'id="claim-{finding["name"]}"' in text
    assert text.count('class="chart"') > 20
    assert f"{len(stored['findings'])} claims tested on this machine" in headline(view(results))


@pytest.mark.parametrize(("version", "lacks"), [(2, ("specimens",)), (1, ("specimens", "findings", "timelines"))])
def test_older_versions_have_less(stored: dict[str, Any], version: int, lacks: tuple[str, ...]) -> None:
    older = {key: value for key, value in stored.items() if key not in lacks} | {"version": version}
    results = Results.from_json(older, "old")
    assert len(results.rows) == len(stored["rows"])
    assert all(getattr(results, part) == () for part in lacks)


def test_what_is_written_now_is_version_4_and_says_the_same(tmp_path: Path) -> None:
    old = load(OLD)
    new = Results.from_json(json.loads(json.dumps(old.to_json())), "new")
    assert new == old


def test_an_atlas_of_version_1() -> None:
    stored = json.loads((DATA / "atlas-1.json").read_text())
    atlas = load_atlas(DATA / "atlas-1.json")
    assert [(row.name, row.verdict) for row in atlas.rows] == [(r["name"], r["verdict"]) for r in stored["rows"]]
