"""The lesson on annotated pages: what they say of each specimen is what the scope counts, and the report shows both."""

from dataclasses import replace
from pathlib import Path

import pytest
from documents import document, row

pytest.importorskip("Cython")
pytest.importorskip("jinja2")
pytest.importorskip("plotly")

from gilscope.annotate import Page, annotate
from gilscope.cy.specimens import SPECIMENS
from gilscope.lab.specimens import ROUNDS, survey
from gilscope.report import lesson, page, write
from gilscope.results import SpecimenRow, files, load
from gilscope.scope.recording import record
from gilscope.sources import specimen_sources


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Page]:
    return annotate(specimen_sources(), tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def measured() -> tuple[SpecimenRow, ...]:
    with record() as recording:
        pass
    if not recording.circumstances.ledger:
        pytest.skip("no ledger on this platform")
    return tuple(survey(0.02))


def test_the_pages_figures_are_what_the_scope_counts(measured: tuple[SpecimenRow, ...], pages: list[Page]) -> None:
    """Counts of the ledger only: no clock has a say."""
    lessons = {it.measured.name: it for it in lesson.lessons(measured, pages)}
    assert set(lessons) == {specimen.name for specimen in SPECIMENS}
    for specimen in SPECIMENS:
        it = lessons[specimen.name]
        assert it.agrees is True, it
        assert it.measured.releases == len(it.release_lines) == (specimen.releases != "never")
        assert it.measured.takes == round(specimen.takes_per_round * ROUNDS)


def test_a_page_that_says_something_else_does_not_agree(measured: tuple[SpecimenRow, ...], pages: list[Page]) -> None:
    sources = {page.name: page for page in pages}
    for name, other in (("released", "hidden_take"), ("typed_held", "released"), ("callback", "typed_held")):
        [total] = [function for function in sources[other].functions if function.name == "total"]
        [counted] = [row for row in measured if row.name == name]
        assert lesson.agrees(total, counted.releases, counted.takes) is False
        assert lesson.agrees(total, None, None) is None


def test_the_report_shows_it(
    measured: tuple[SpecimenRow, ...], pages: list[Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "annotate", lambda sources, folder: annotate([s for s in sources if s in known], folder))
    known = [page.source for page in pages]
    results = replace(document([row()]), specimens=measured)
    index = write(results, tmp_path / "report")
    text = index.read_text()
    for specimen in SPECIMENS:
        assert f'href="annotated/source/{specimen.name}.html"' in text
        assert (index.parent / f"annotated/source/{specimen.name}.html").is_file()
        assert specimen.seems in text
    assert text.count("</td><td>yes</td></tr>") == len(SPECIMENS)
    alone = page.render(results)
    assert alone.count("</td><td>yes</td></tr>") == len(SPECIMENS)
    assert "annotated/" not in alone
    files.write(results, tmp_path / "results.json")
    assert load(tmp_path / "results.json").specimens == measured


def test_without_specimens_there_is_no_lesson() -> None:
    assert 'id="specimens"' not in page.render(document([row()]))
