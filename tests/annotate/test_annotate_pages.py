"""The pages beside Cython's: what they say, and that they work in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from browser import until

pytest.importorskip("Cython")
pytest.importorskip("jinja2")
pytest.importorskip("plotly")

from gilscope.annotate import Page, annotate
from gilscope.annotate.pages import changes, pairs, rows, write
from gilscope.cy.specimens import SPECIMENS
from gilscope.sources import ext_folder

FOLDER = ext_folder() / "cy" / "specimens"


def number(source: str, text: str) -> int:
    """The line of a specimen that has this text."""
    lines = (FOLDER / f"{source}.pyx").read_text().splitlines()
    [place] = [number for number, line in enumerate(lines, 1) if text in line]
    return place


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Page]]:
    folder = tmp_path_factory.mktemp("pages")
    pages = annotate(
        [FOLDER / "released.pyx", *(FOLDER / f"{s.name}.pyx" for s in SPECIMENS if s.name != "released")],
        folder / "cython",
    )
    [old] = annotate([FOLDER / "hidden_take.pyx"], folder / "against")
    write(pages, folder, old)
    return folder, {page.source.stem: page for page in pages}


def test_each_specimen_is_what_the_scope_measured(written: tuple[Path, dict[str, Page]]) -> None:
    _, pages = written
    for specimen in SPECIMENS:
        [total] = [function for function in pages[specimen.name].functions if function.name == "total"]
        assert bool(total.release_lines) is (specimen.releases != "never"), specimen.name
        assert bool(total.takes_in_loop) is (specimen.takes_per_round > 0), specimen.name


def test_rows_are_the_source_line_for_line(written: tuple[Path, dict[str, Page]]) -> None:
    lines_of_page = rows(written[1]["hidden_take"])
    text = (FOLDER / "hidden_take.pyx").read_text().splitlines()
    assert [row.number for row in lines_of_page] == list(range(1, len(text) + 1))
    assert all(("total" in row.html) is ("total" in line) for row, line in zip(lines_of_page, text, strict=True))
    take = lines_of_page[number("hidden_take", "add(&result, values[i])") - 1]
    assert take.marks == ("takes the GIL in a loop",)
    assert "__Pyx_ErrOccurredWithGIL" in take.c
    hinted = [row.number for row in lines_of_page if row.hints]
    assert number("hidden_take", "cdef void add") in hinted


def test_two_versions_are_aligned(written: tuple[Path, dict[str, Page]]) -> None:
    old, new = rows(written[1]["hidden_take"]), rows(written[1]["released"])
    aligned = pairs(old, new)
    assert [pair.old.number for pair in aligned if pair.old] == [row.number for row in old]
    assert [pair.new.number for pair in aligned if pair.new] == [row.number for row in new]
    for pair in aligned:
        if pair.same:
            assert pair.old
            assert pair.new
            assert pair.old.html == pair.new.html
    [total] = [c for c in changes(written[1]["hidden_take"], written[1]["released"]) if c.name == "total"]
    assert total.old
    assert total.new
    assert (total.old[4], total.new[4]) == (1, 0)
    [gone] = [c for c in changes(written[1]["hidden_take"], written[1]["released"]) if c.name == "add"]
    assert gone.new is None


def test_from_the_index_to_a_line_its_c_cythons_page_and_the_comparison(
    written: tuple[Path, dict[str, Page]],
    visit: Any,
) -> None:
    page = visit(written[0] / "index.html")
    page.locator("#functions").get_by_role("button", name="takes in loops").click()
    first = "document.querySelector('#functions tbody tr').cells"
    assert page.evaluate(f"{first}[8].textContent") == "1"
    page.locator("#functions").get_by_role("button", name="takes in loops").click()
    assert page.evaluate(f"{first}[8].textContent") == "0"
    page.get_by_role("searchbox").fill("hidden_take total")
    shown = page.locator("#functions tbody tr:visible")
    assert shown.count() == 1
    shown.get_by_role("link", name="total").click()
    until(page, "location.hash.startsWith('#L') && document.querySelector('details[open]') !== null")
    take = number("hidden_take", "add(&result, values[i])")
    line = page.locator(f"#L{take}")
    assert not line.locator("pre").is_visible()
    line.locator("summary").focus()
    page.keyboard.press("Enter")
    assert "__Pyx_ErrOccurredWithGIL" in line.locator("pre").inner_text()
    line.hover()
    line.get_by_role("link", name="Cython's page").click()
    theirs = page.frame_locator("#theirs").locator("pre.cython.line")
    until(page, "document.getElementById('ours').hash !== ''")
    assert theirs.nth(take - 1).evaluate("line => line.style.outlineStyle") == "solid"
    assert "add(&result, values[i])" in theirs.nth(take - 1).inner_text()
    theirs.nth(take - 2).click()
    assert page.frame_locator("#theirs").locator("pre.cython.code:visible").count() == 1, "its own script is forbidden"
    page.get_by_role("link", name=f"Line {take - 1}, with its figures").click()
    assert page.url.endswith(f"source/hidden_take.html#L{take - 1}")
    page.get_by_role("link", name="Comparison").click()
    assert page.locator(".compare tr.changed").count() > 0
    assert "total" in page.locator("#changes").inner_text()


def test_cythons_page_is_the_same_alone_and_in_our_frame(written: tuple[Path, dict[str, Page]], visit: Any) -> None:
    folder, pages = written
    shown = visit(folder / "index.html")
    for name, page in pages.items():
        shown.goto((folder / "framed" / f"{name}.html").as_uri())
        framed = shown.evaluate("document.getElementById('theirs').srcdoc")
        assert framed.encode() == (folder / "cython" / f"{name}.html").read_bytes()
        lines = shown.frame_locator("#theirs").locator("pre.cython.line").all_inner_texts()
        text = page.source.read_text().splitlines()
        assert [line.partition(": ")[2].strip() for line in lines] == [line.strip() for line in text]
    shown.frame_locator("#theirs").get_by_role("link", name=f"{name}.c").click()
    until(shown, "document.body.innerText.includes('Generated by Cython')")


def test_the_pages_of_a_module_of_3000_lines_are_light(tmp_path: Path, visit: Any) -> None:
    source = tmp_path / "long.pyx"
    one = "def f{0}(double[::1] row):\n    cdef double s = 0\n    for v in row:\n        s += v * {0}\n    return s\n\n"
    source.write_text("".join(one.format(i) for i in range(500)))
    [page] = annotate([source], tmp_path / "cython")
    write([page], tmp_path)
    shown = visit(tmp_path / "source" / "long.html")
    assert shown.locator(".listing .line").count() == 3000
    assert elements(shown) < 13 * 3000  # what a page takes to open goes with them
    shown = visit(tmp_path / "framed" / "long.html")
    assert shown.frame_locator("#theirs").locator("pre.cython.line").count() == 3000
    assert elements(shown) < 100  # ours around Cython's own page


def elements(shown: Any) -> int:
    count: int = shown.evaluate("document.querySelectorAll('*').length")
    return count
