"""The lesson on annotated pages: what they say of each specimen is what the scope counts, and the report shows both."""

import json
from pathlib import Path
from typing import Any

import pytest
from documents import document, row

pytest.importorskip("Cython")
pytest.importorskip("jinja2")
pytest.importorskip("plotly")

from gilscope.annotate import Page, annotate
from gilscope.cy.specimens import SPECIMENS
from gilscope.measure import record
from gilscope.report import data, lesson, page, write
from gilscope.scope.recording import record as recorded
from gilscope.scope.specimens import ROUNDS, survey
from gilscope.sources import specimen_sources


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Page]:
    return annotate(specimen_sources(), tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def measured() -> list[dict[str, Any]]:
    with recorded() as recording:
        pass
    if not recording.circumstances["ledger"]:
        pytest.skip("no ledger on this platform")
    return json.loads(json.dumps(survey(0.02)))


def test_the_pages_figures_are_what_the_scope_counts(measured: list[dict[str, Any]], pages: list[Page]) -> None:
    """Counts of the ledger only: no clock has a say."""
    rows = {row.name: row for row in lesson.rows(measured, pages)}
    assert set(rows) == {specimen.name for specimen in SPECIMENS}
    for specimen in SPECIMENS:
        row = rows[specimen.name]
        assert row.agrees is True, row
        assert row.releases == len(row.releases_at) == (specimen.releases != "never")
        assert row.takes == round(specimen.takes_per_round * ROUNDS)


def test_a_page_that_says_something_else_does_not_agree(measured: list[dict[str, Any]], pages: list[Page]) -> None:
    sources = {page.name: page for page in pages}
    for name, other in (("released", "hidden_take"), ("typed_held", "released"), ("callback", "typed_held")):
        [total] = [function for function in sources[other].functions if function.name == "total"]
        [found] = [found for found in measured if found["name"] == name]
        assert lesson.agrees(total, found["releases"], found["takes"]) is False
        assert lesson.agrees(total, None, None) is None


def test_the_report_shows_it(
    measured: list[dict[str, Any]], pages: list[Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "annotate", lambda sources, folder: annotate([s for s in sources if s in known], folder))
    known = [page.source for page in pages]
    made = document([row()]) | {"specimens": measured}
    index = write(made, tmp_path / "report")
    text = index.read_text()
    for specimen in SPECIMENS:
        assert f'href="annotated/source/{specimen.name}.html"' in text
        assert (index.parent / f"annotated/source/{specimen.name}.html").is_file()
        assert specimen.seems in text
    assert text.count("</td><td>yes</td></tr>") == len(SPECIMENS)
    alone = page.render(made)
    assert alone.count("</td><td>yes</td></tr>") == len(SPECIMENS)
    assert "annotated/" not in alone
    record.save(made, tmp_path / "results.json")
    assert record.load(tmp_path / "results.json")["specimens"] == measured


def test_without_specimens_there_is_no_lesson(tmp_path: Path) -> None:
    made = document([row()])
    path = tmp_path / "old.json"
    path.write_text(json.dumps({key: value for key, value in made.items() if key != "specimens"} | {"version": 2}))
    assert record.load(path)["specimens"] == []
    assert 'id="specimens"' not in page.render(record.load(path))


def test_a_broken_specimen_is_named(measured: list[dict[str, Any]], pages: list[Page]) -> None:
    with pytest.raises(data.record.RecordError, match="a specimen of the results is not as it should be: 'takes'"):
        lesson.rows([{key: value for key, value in measured[0].items() if key != "takes"}], pages)
