"""The report in a real browser: opened from disk, drawn, themed, narrow, by keyboard, on paper."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from browser import Open, until
from documents import blank_pages, document, full, row

pytest.importorskip("jinja2")
pytest.importorskip("plotly")

from gilscope.html import theme
from gilscope.report import page as report_page
from gilscope.report import write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_page, "annotate", blank_pages)
        return write(full(), tmp_path_factory.mktemp("wide") / "report").parent


def drawn(page: Any) -> dict[str, int]:
    """The charts that are drawn, and how many traces each shows."""
    counts: dict[str, int] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".chart")]
            .filter((chart) => chart.querySelector("svg.main-svg"))
            .map((chart) => [chart.id, chart.querySelectorAll(".scatterlayer > .trace").length]))"""
    )
    return counts


def wanted(page: Any) -> dict[str, int]:
    """The charts that the page holds, and how many traces each has."""
    counts: dict[str, int] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".chart")].map((chart) =>
            [chart.id, JSON.parse(document.getElementById(chart.dataset.figure).textContent).data.length]))"""
    )
    return counts


def scroll_through(page: Any) -> None:
    page.evaluate(
        """async () => {
            for (let y = 0; y < document.documentElement.scrollHeight; y += 400) {
                scrollTo(0, y);
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
            }
            scrollTo(0, 0);
        }"""
    )
    until(page, "[...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('.main-svg'))")


def colour(page: Any, selector: str, name: str) -> str:
    return str(page.evaluate("([s, n]) => getComputedStyle(document.querySelector(s))[n]", [selector, name]))


def rgb(color: str) -> str:
    """As the browser gives it back."""
    return "rgb({}, {}, {})".format(*(int(color[i : i + 2], 16) for i in (1, 3, 5)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_chart_is_drawn_and_nothing_overflows(folder: Path, visit: Open, scheme: str, width: int) -> None:
    page = visit(folder / "index.html", color_scheme=scheme, viewport={"width": width, "height": 800})
    scroll_through(page)
    assert len(wanted(page)) == 21
    assert drawn(page) == wanted(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    palette = {"light": theme.LIGHT, "dark": theme.DARK}[scheme]
    assert colour(page, "body", "backgroundColor") == rgb(palette["paper"])
    assert colour(page, ".main-svg .ytick text", "fill") == rgb(palette["ink"])


def test_charts_wait_until_they_are_near(folder: Path, visit: Open) -> None:
    page = visit(folder / "index.html")
    page.wait_for_selector("#overview .main-svg")
    assert len(drawn(page)) < len(wanted(page))


def test_nothing_moves_while_it_is_drawn(folder: Path, visit: Open) -> None:
    page = visit(
        folder / "index.html",
        script="""window.shift = 0; new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({type: "layout-shift", buffered: true});""",
    )
    scroll_through(page)
    assert page.evaluate("window.shift") < 0.01


def test_theme_button_repaints_and_is_remembered(folder: Path, visit: Open) -> None:
    page = visit(folder / "index.html", color_scheme="light")
    page.wait_for_selector("#overview .main-svg")
    page.get_by_role("button", name="Dark theme").click()
    assert colour(page, "body", "backgroundColor") == rgb(theme.DARK["paper"])
    assert colour(page, "#overview .ytick text", "fill") == rgb(theme.DARK["ink"])
    page.reload()
    page.wait_for_selector("#overview .main-svg")
    assert colour(page, "#overview .ytick text", "fill") == rgb(theme.DARK["ink"])
    page.get_by_role("button", name="Light theme").click()
    assert colour(page, "#overview .ytick text", "fill") == rgb(theme.LIGHT["ink"])


def test_charts_follow_the_window(folder: Path, visit: Open) -> None:
    page = visit(folder / "index.html")
    page.wait_for_selector("#overview .main-svg")
    page.set_viewport_size({"width": 500, "height": 800})
    until(page, "document.querySelector('#overview .main-svg').clientWidth < 500")


def test_keyboard(folder: Path, visit: Open) -> None:
    page = visit(folder / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    assert colour(page, ":focus", "outlineStyle") == "solid"
    opened = "document.activeElement.parentElement.open"
    assert not page.evaluate(opened)
    page.keyboard.press("Enter")
    assert page.evaluate(opened)
    page.keyboard.press("Enter")
    assert not page.evaluate(opened)


def test_every_chart_has_words_and_a_table(folder: Path, visit: Open) -> None:
    page = visit(folder / "index.html")
    labels = page.eval_on_selector_all(".chart[role=img]", "charts => charts.map((c) => c.getAttribute('aria-label'))")
    assert len(labels) == 21
    assert all(re.search(r"\d", label) for label in labels)
    lonely = "sections => sections.filter((s) => s.querySelector('.chart') && !s.querySelector('details table')).length"
    assert page.eval_on_selector_all("main section", lonely) == 0


def test_links_lead_somewhere(folder: Path, visit: Open) -> None:
    page = visit(folder / "index.html")
    links = page.eval_on_selector_all("a[href]", "links => links.map((link) => link.href)")
    assert any("annotated/" in link for link in links)
    for link in links:
        place, _, fragment = link.partition("#")
        path = Path(place.removeprefix("file://"))
        assert path.is_file(), link
        if path.name == "index.html":
            assert page.locator(f'[id="{fragment}"]').count() == 1, link


def test_source_page(folder: Path, visit: Open) -> None:
    page = visit(folder / "source" / "ext-core-mandelbrot.h.html", viewport={"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert "mandelbrot_count" in page.inner_text(".listing")
    page.click("#L3 a")
    assert colour(page, "#L3", "backgroundColor") == rgb(theme.LIGHT["band"])


def test_paper_has_every_chart_in_the_light_theme(folder: Path, visit: Open) -> None:
    page = visit(folder / "index.html", color_scheme="dark")
    page.wait_for_selector("#overview .main-svg")
    page.emulate_media(media="print")
    until(page, "document.documentElement.classList.contains('printing')")
    assert drawn(page) == wanted(page)
    widths = "charts => charts.map((chart) => [chart.clientWidth, chart.querySelector('.main-svg').clientWidth])"
    assert all(svg == chart <= 640 for chart, svg in page.eval_on_selector_all(".chart", widths))
    assert colour(page, "body", "backgroundColor") == rgb(theme.LIGHT["paper"])
    assert colour(page, "#overview .ytick text", "fill") == rgb(theme.LIGHT["ink"])
    assert not page.locator("#contents").is_visible()
    page.emulate_media(media="screen")
    until(page, "!document.documentElement.classList.contains('printing')")
    assert colour(page, "#overview .ytick text", "fill") == rgb(theme.DARK["ink"])
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_old_browser_draws_all_at_once(folder: Path, visit: Open) -> None:
    page = visit(folder / "index.html", script="delete window.IntersectionObserver")
    assert drawn(page) == wanted(page)


def test_without_scripts_the_tables_remain(folder: Path, visit: Open) -> None:
    page = visit(folder / "index.html", java_script_enabled=False)
    assert page.locator("noscript p").is_visible()
    page.locator("summary").first.click()
    assert page.locator("details table").first.is_visible()


def test_without_the_chart_script_the_tables_open(folder: Path, visit: Open, tmp_path: Path) -> None:
    shutil.copy(folder / "index.html", tmp_path)
    page = visit(tmp_path / "index.html", expect="ERR_FILE_NOT_FOUND")
    assert page.get_by_text("need the file plotly.min.js").is_visible()
    assert page.locator("details:not([open])").count() == 0


@pytest.mark.parametrize(
    "attempt",
    ["fetch(target)", "Object.assign(new Image(), {src: target})", "import(target)"],
    ids=lambda code: code[:5],
)
def test_network_is_forbidden(folder: Path, visit: Open, attempt: str) -> None:
    page = visit(folder / "index.html", expect="127.0.0.1|Failed to fetch")
    blocked = page.evaluate(
        f"""() => new Promise((done) => {{
            const target = "http://127.0.0.1:9/";
            document.addEventListener("securitypolicyviolation", (event) => done(event.blockedURI));
            setTimeout(() => done("nothing"), 5000);
            {attempt};
        }})"""
    )
    assert blocked.startswith("http://127.0.0.1:9")


def test_many_threads_and_odd_rows(visit: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_page, "annotate", blank_pages)
    many = full((1, 2, 4, 8), ("mandelbrot", "objectsum"))
    noisy = document([row(noise=0.2), row("spin", ceiling=1.05), row("unheard-of")])
    for name, results in (("many", many), ("noisy", noisy)):
        page = visit(write(results, tmp_path / name))
        scroll_through(page)
        assert wanted(page)
        assert drawn(page) == wanted(page)


def test_single_file(visit: Open, tmp_path: Path) -> None:
    target = write(full(kernels=("mandelbrot",)), tmp_path / "one.html", single_file=True)
    page = visit(target)
    scroll_through(page)
    assert drawn(page) == wanted(page)
    page.get_by_role("link", name="C core").click()
    assert page.get_by_text("} mandelbrot_task;").is_visible()
