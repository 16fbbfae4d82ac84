"""The report: its data, its charts, its files."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from documents import ENVIRONMENT, blank_pages, document, full, row

from gilscope.host import Environment
from gilscope.host.load import Load
from gilscope.html.text import duration, singular
from gilscope.report import ReportError, check, view, write
from gilscope.report import headline as sentence_of
from gilscope.results import Finding, Results, Row
from gilscope.results import load as load_results
from gilscope.results.charts import Axis, Bar, Chart, Limit, Point, Series
from gilscope.results.findings import Bracket, Measured, Ruling, Verdict
from gilscope.stats import Interval

pytest.importorskip("jinja2")
pytest.importorskip("plotly")

from plotly import graph_objects

from gilscope.experiments import load
from gilscope.html import charts, theme
from gilscope.html.figure import Picture
from gilscope.report import files, page, speedups

WITHOUT_GIL = replace(ENVIRONMENT, python=replace(ENVIRONMENT.python, gil_enabled=False, free_threaded=True))


def headline(results: Results) -> str:
    return sentence_of(view(results))


@pytest.fixture
def no_cython(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages at once: Cython has its own tests."""
    monkeypatch.setattr(page, "annotate", blank_pages)


def pair(kernel: str = "mandelbrot", released: float = 1.97, held: float = 1.0, **others: Any) -> list[Row]:
    return [
        row(kernel, binding, policy, 2, speedup=speedup, **others)
        for binding in ("capi", "cython")
        for policy, speedup in (("released", released), ("held", held))
    ]


def one_quiet_round(measured: Row) -> Row:
    """All rounds but the first lost a third to somebody else: by itself, such a cell says nothing."""
    if measured.policy == "held":
        return measured
    first, *others = measured.seconds
    return replace(measured, seconds=(first, *(1.5 * seconds for seconds in others)))


# The sentence on top.


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (
            lambda: full(),
            r"On this machine, 2 threads ran the released kernels 1\.9\dx as fast as one "
            r"\(C threads: 1\.9\dx\); held, 1\.00x\.",
        ),
        (
            lambda: document(pair()),
            r"On this machine, 2 threads ran the released kernel mandelbrot 1\.97x as fast as one "
            r"\(C threads: 1\.99x\); held, 1\.00x\.",
        ),
        (
            lambda: document(pair(released=1.05)),
            r".* released kernel mandelbrot 1\.05x as fast as one \(C threads: 1\.99x\); held, 1\.00x\.",
        ),
        (
            lambda: document([r for r in pair("objectsum") if r.policy == "held"]),
            r"On this machine, 2 threads ran the held kernel objectsum 1\.00x as fast as one "
            r"\(C threads: 1\.99x\); no released kernel was measured\.",
        ),
        (
            lambda: document(pair(held=1.96), WITHOUT_GIL),
            r"On this machine, without a GIL, 2 threads ran the detached kernel mandelbrot 1\.97x as fast as one "
            r"\(C threads: 1\.99x\); attached, 1\.96x\.",
        ),
        (
            lambda: document(pair(released=1.0, held=0.98, ceiling=1.01, cpus=1)),
            r"Python may use only 1 CPU here, so threads cannot run side by side\. "
            r"Speed-up on 2 threads: released 1\.00x, held 0\.98x\.",
        ),
        (
            lambda: document(pair(machine=1.4)),
            r"Inconclusive for 2 of 2 released cells \(first mandelbrot in C: the machine is busy: 2 plain C threads "
            r"reached only 1\.40x\)\. Measure again, longer or on a quieter machine\.",
        ),
        (
            lambda: document([*pair(), *pair("spin"), *pair("nbody", ceiling=1.05)]),
            r"On this machine, 2 threads ran the released kernels 1\.97x .*; held, 1\.00x\. "
            r"2 of 6 released cells are inconclusive on their own\.",
        ),
        (
            lambda: document([one_quiet_round(row) for name in ("spin", "nbody", "blur") for row in pair(name)]),
            r"On this machine, 2 threads ran the released kernels 1\.9\dx .*; held, 1\.00x\. "
            r"6 of 6 released cells are inconclusive on their own\.",
        ),
        (
            lambda: document(pair(rounds=4), complete=False),
            r"Interrupted after 4 rounds\. On this machine, 2 threads ran the released kernel mandelbrot .*",
        ),
        (lambda: document([], complete=False), r"Interrupted in the first round: nothing was measured\."),
        (lambda: document([]), r"Nothing was measured\."),
        (
            lambda: document([row(workers=1)]),
            r"Measured on one thread only\. For a speed-up, measure on two or more \(--threads 1,2\)\.",
        ),
        (
            lambda: document([row(implementation="python", policy="own")]),
            r"No C or Cython kernel was measured, so the results say nothing about the GIL\.",
        ),
    ],
)
def test_headline(build: Callable[[], Results], sentence: str) -> None:
    text = headline(build())
    assert re.fullmatch(sentence, text), text


def test_headline_is_about_the_most_threads_that_have_a_cpu() -> None:
    for cpus in (2, 4):
        rows = [row(workers=n, speedup=s, ceiling=s, cpus=cpus) for n, s in ((1, 1.0), (2, 1.98), (4, 2.0))]
        assert f"{cpus} threads" in headline(document(rows))


# The view.


def test_sections_follow_the_document_and_cells_the_charts() -> None:
    shown = view(full(kernels=("nbody", "mandelbrot")))
    assert [section.name for section in shown.sections] == ["nbody", "mandelbrot"]
    cells = [(cell.policy, cell.name) for cell in shown.sections[0].on(2)]
    assert cells == [
        ("released", "C"),
        ("released", "Cython"),
        ("released", "OpenMP"),
        ("auto", "C"),
        ("auto", "Cython"),
        ("held", "C"),
        ("held", "Cython"),
        ("own", "NumPy"),
        ("own", "Python"),
    ]


def test_words_of_a_kernel_come_from_its_spec() -> None:
    known, unknown = view(document([*pair("mandelbrot"), *pair("unheard-of")])).sections
    assert "escape counts" in known.summary
    assert known.lesson
    assert "does not have" in unknown.summary


def test_ranked_by_gain_with_what_cannot_release_last() -> None:
    shown = view(full(kernels=("triad", "objectsum", "spin")))
    assert [section.name for section in shown.ranked()] == ["spin", "triad", "objectsum"]


def test_opinions_put_equal_verdicts_together() -> None:
    [section] = view(document(pair())).sections
    assert [(j.policy, j.verdict) for j in section.opinions] == [("released", "scales"), ("held", "does not scale")]
    assert re.fullmatch(r"C \d+%, Cython \d+% of the possible gain", section.opinions[0].reasons)
    [section] = view(document(pair(machine=1.4))).sections
    assert section.opinions[0].reasons.startswith("the machine is busy")


def test_times_compare_one_cell_per_implementation_slowest_first() -> None:
    [section] = view(full(kernels=("mandelbrot",))).sections
    assert [cell.name for cell in section.times()] == ["Python", "NumPy", "Cython", "C"]
    assert section.times()[0].seconds_per_unit.median == pytest.approx(62e-9, rel=0.05)


def test_environment_is_grouped_and_readable() -> None:
    groups = dict(view(document(pair())).environment)
    assert dict(groups["python"])["GIL enabled"] == "yes"
    assert dict(groups["python"])["switch interval"] == "5.00 ms"
    assert dict(groups["CPUs"])["quota"] == "\N{EN DASH}"
    assert dict(groups["load"])["busy"] == "1.0%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.5, "2.50 s"),
        (0.0123, "12.3 ms"),
        (4.56e-5, "45.6 µs"),
        (1.234e-7, "123 ns"),
        (3.1e-11, "0.0310 ns"),
        (0, "0 ns"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("many", "one"), [("pixel-iterations", "pixel-iteration"), ("entries", "entry"), ("work", "work")]
)
def test_singular(many: str, one: str) -> None:
    assert singular(many) == one


# The charts.


def painted(value: Any) -> Any:
    """A figure with the light theme's colours, as the page's script paints it. KeyError for an unknown name."""
    if isinstance(value, str) and value.startswith("var(--"):
        return theme.LIGHT[value[6:-1]]
    if isinstance(value, list):
        return [painted(item) for item in value]
    if isinstance(value, dict):
        return {key: painted(item) for key, item in value.items()}
    return value


def all_charts(results: Results) -> list[Picture]:
    shown = view(results)
    pictures = [speedups.overview(shown)]
    for section in shown.sections:
        pictures += [speedups.speedup(section, shown), speedups.times(section)]
    return [chart for chart in pictures if chart]


@pytest.mark.parametrize("threads", [(1, 2), (1, 2, 4, 8)])
@pytest.mark.slow
def test_figures_are_plotlys(threads: tuple[int, ...]) -> None:
    pictures = all_charts(full(threads))
    assert len(pictures) == 21
    assert len({chart.id for chart in pictures}) == 21
    for chart in pictures:
        graph_objects.Figure(painted(chart.figure))  # ValueError for what Plotly does not know
        assert chart.words
        assert chart.height > 0


def test_overview_has_every_native_cell_and_its_interval() -> None:
    shown = view(full())
    chart = speedups.overview(shown)
    assert chart is not None
    cells = [cell for section in shown.sections for cell in section.on(2) if cell.policy in ("held", "released")]
    cells = [cell for cell in cells if cell.implementation in ("capi", "cython")]
    drawn = [trace for trace in chart.figure["data"] if "error_x" in trace]
    assert sorted(x for trace in drawn for x in trace["x"]) == sorted(cell.speedup.median for cell in cells)
    tops = [x + more for trace in drawn for x, more in zip(trace["x"], trace["error_x"]["array"], strict=True)]
    assert sorted(tops) == pytest.approx(sorted(cell.speedup.high for cell in cells))


def test_inconclusive_is_drawn_open() -> None:
    shown = view(document([*pair(), *pair("spin", ceiling=1.05)]))
    symbols = {
        s.name: [t["marker"]["symbol"] for t in speedups.speedup(s, shown).figure["data"]] for s in shown.sections
    }  # type: ignore[union-attr]
    assert symbols["mandelbrot"] == [["circle"], ["diamond"], ["circle"], ["diamond"]]
    assert symbols["spin"] == [["circle-open"], ["diamond-open"], ["circle-open"], ["diamond-open"]]


def test_no_parallel_chart_without_parallel_rows() -> None:
    shown = view(document([row(workers=1)]))
    assert speedups.overview(shown) is None
    assert speedups.speedup(shown.sections[0], shown) is None
    assert speedups.times(shown.sections[0]) is not None


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_contrast(palette: dict[str, str]) -> None:
    for name in ("ink", "muted", "link"):
        assert contrast(palette[name], palette["paper"]) >= 4.5, name
    for name in ("ink", "keyword", "string", "comment", "number"):
        assert contrast(palette[name], palette["panel"]) >= 4.5, name
    for name in ("held", "released", "auto", "own", "ceiling", "focus"):
        assert contrast(palette[name], palette["paper"]) >= 3, name


def test_themes_name_the_same_colours() -> None:
    assert theme.LIGHT.keys() == theme.DARK.keys()
    used = {
        name
        for folder in ("html", "annotate", "report")
        for path in (page.TEMPLATES.parents[1] / folder).rglob("*.j2")
        for name in re.findall(r"var\(--([a-z]+)\)", path.read_text())
    }
    assert used <= theme.LIGHT.keys() | {"serif", "sans", "mono"}


# The files.


def links(text: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'\b(?:href|src)="([^"]*)"', text)]


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_folder_is_whole_and_closed(tmp_path: Path) -> None:
    results = full()
    index = write(results, tmp_path / "report")
    assert index == tmp_path / "report" / "index.html"
    assert {path.name for path in index.parent.iterdir()} == {
        "index.html",
        "results.json",
        "plotly.min.js",
        "annotated",
        "source",
    }
    assert load_results(index.parent / "results.json") == results
    text = index.read_text()
    assert headline(results).split("(")[0].split("released")[0] in text
    for link in links(text):
        assert link.startswith(("#", "data:,")) or (index.parent / link.split("#")[0]).is_file(), link
    assert "annotated/source/mandelbrot.html" in links(text)
    assert "source/ext-core-mandelbrot.h.html" in links(text)
    assert list(tmp_path.iterdir()) == [index.parent]


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_every_cell_stands_in_a_table(tmp_path: Path) -> None:
    results = full(kernels=("mandelbrot", "objectsum"))
    text = write(results, tmp_path / "report").read_text()
    assert text.count('<th scope="row">C</th>') == len([r for r in results.rows if r.implementation == "capi"])


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_what_the_document_says_is_escaped(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    environment = replace(ENVIRONMENT, machine=replace(ENVIRONMENT.machine, cpu=evil))
    results = document([replace(row, unit=evil, size=evil) for row in pair("mandelbrot")], environment)
    text = write(results, tmp_path / "report").read_text()
    assert evil not in text
    assert "<script>alert" not in text
    assert "<img" not in text


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_kernel_name_reaches_no_other_file(tmp_path: Path) -> None:
    results = document(pair("../core/base"))
    text = write(results, tmp_path / "report").read_text()
    assert "C core" not in text


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_warnings_of_the_environment_are_shown(tmp_path: Path) -> None:
    busy = replace(ENVIRONMENT, load=Load(average=(3.0, 2.0, 1.0), busy=0.5, steal=0.0))
    assert "other processes use 50%" in write(document(pair(), busy), tmp_path / "busy").read_text()
    assert "other processes use" not in write(document(pair()), tmp_path / "quiet").read_text()
    assert write(document(pair(), Environment()), tmp_path / "silent").is_file()


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
@pytest.mark.parametrize("results", [document([]), document([row(workers=1)]), document(pair(), WITHOUT_GIL)])
def test_odd_documents_have_a_page(tmp_path: Path, results: Results) -> None:
    assert files.MARK in write(results, tmp_path / "report").read_text()


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_earlier_report_is_replaced(tmp_path: Path) -> None:
    write(full(), tmp_path / "report")
    write(document(pair("spin")), tmp_path / "report")
    assert "kernel-nbody" not in (tmp_path / "report" / "index.html").read_text()


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_what_is_no_report_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "index.html").write_text("<title>my own site</title>")
    for act in (lambda: check(folder), lambda: write(full(), folder)):
        with pytest.raises(ReportError, match=r"mine: exists and is not a gilscope report; choose another .* --out"):
            act()
    assert [path.name for path in folder.iterdir()] == ["index.html"]
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="not a gilscope report"):
        write(full(), tmp_path / "file")


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_files_of_others_in_a_report_are_kept(tmp_path: Path) -> None:
    index = write(document(pair()), tmp_path / "report")
    (index.parent / "notes.txt").write_text("mine")
    with pytest.raises(ReportError, match=r"holds files that are not of the report \(notes\.txt\)"):
        write(document(pair()), tmp_path / "report")
    assert (index.parent / "notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    assert write(document(pair()), tmp_path / "report").is_file()
    assert write(document(pair()), tmp_path / "deep" / "er").is_file()


@pytest.mark.usefixtures("no_cython")
@pytest.mark.parametrize("when", ["filling", "swapping"])
@pytest.mark.slow
def test_interrupted_write_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    index = write(document(pair("spin")), tmp_path / "report")
    old = index.read_text()

    def interrupted(*arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    if when == "filling":
        monkeypatch.setattr(page, "render", interrupted)
    else:
        rename = Path.rename
        monkeypatch.setattr(Path, "rename", lambda a, b: interrupted() if a.name == "new" else rename(a, b))
    with pytest.raises(KeyboardInterrupt):
        write(full(), tmp_path / "report")
    assert index.read_text() == old
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_failures_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*arguments: Any, **keywords: Any) -> None:
        raise OSError(28, "No space left on device", "plotly.min.js")

    monkeypatch.setattr(shutil, "copyfile", full_disk)
    with pytest.raises(ReportError, match=r"^plotly\.min\.js: No space left on device$"):
        write(document(pair()), tmp_path / "report")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_missing_libraries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: None if name == "plotly" else object())
    for act in (lambda: check(tmp_path / "report"), lambda: write(full(), tmp_path / "report")):
        with pytest.raises(ReportError, match=r"needs Plotly: pip install 'gilscope\[lab\]'"):
            act()


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_single_file_needs_no_other(tmp_path: Path) -> None:
    target = tmp_path / "one.html"
    assert write(document(pair()), target, single_file=True) == target
    text = target.read_text()
    outside = [link for link in links(text.split("<body>")[1]) if not link.startswith("#")]
    assert outside == []
    assert 'src="' not in text.split("</head>")[0].split("<style>")[1]
    for link in links(text.split("<body>")[1]):
        assert f'id="{link[1:]}"' in text, link
    write(document(pair("spin")), target, single_file=True)
    target.write_text("something else")
    with pytest.raises(ReportError, match="choose another file"):
        write(document(pair()), target, single_file=True)


# The claims.


def finding(
    name: str = "gil-release", verdict: Verdict = "confirmed", claim: str = "A kernel scales.", data: Any = None
) -> Finding:
    """A finding of another version of its experiment, so that its own ruling stands, with a chart of each kind."""
    value = Interval(2.0, 1.5, 2.5)
    axis, work = Axis("speed-up", "x"), Axis("work", "us", log=True)
    series = (Series("held", "held", (Point(1.0, value), Point(100.0, value))),)
    limits = (Limit(1.0, "one thread"),)
    shown = (
        Chart("rows", axis, work, series, limits),
        Chart("lines", work, work, series, limits),
        Chart("timeline", axis, work, series, limits, (Bar("loop", 0.0, 5.0, "held", "held"),)),
    )
    ruling = Ruling(verdict, "because", "It was 1.99x [1.98, 2.00].", shown)
    return Finding(name, claim, 1.0, Measured(data, Bracket()), ruling)


def test_charts_of_findings_are_plotlys() -> None:
    pictures = charts.figures("finding-gil-release", finding().ruling.charts)
    assert [chart.id for chart in pictures] == [f"finding-gil-release-{number}" for number in range(3)]
    for chart in pictures:
        graph_objects.Figure(painted(chart.figure))
        assert chart.words
        assert chart.height > 0
        assert chart.figure["layout"]["shapes"]  # the threshold
    for chart in pictures[:2]:  # the intervals
        errors = [trace.get("error_x") or trace["error_y"] for trace in chart.figure["data"]]
        assert all(error["array"] and error["arrayminus"] for error in errors)


@pytest.mark.usefixtures("no_cython")
@pytest.mark.slow
def test_the_page_opens_with_the_claims(tmp_path: Path) -> None:
    findings = finding(), finding("of-another-lab", "refuted", claim="`count += 1` of <two>.")
    results = replace(full(kernels=("spin",)), findings=findings)
    text = write(results, tmp_path / "report").read_text()
    assert text.index('id="claims"') < text.index('id="claim-gil-release"') < text.index('id="kernels"')
    table = text.split('id="claims"')[1].split("</section>")[0]
    assert table.count("<tr>") == 3
    for word in (
        "A kernel scales.",
        "confirmed",
        "refuted",
        'href="#claim-of-another-lab"',
        "1.99\N{MULTIPLICATION SIGN}",
        "<code>count += 1</code> of &lt;two&gt;.",
    ):
        assert word in table
    assert load()["gil-release"].why.split(",")[0] in text
    results = replace(results, rows=())
    assert headline(results) == "2 claims tested on this machine: 1 confirmed, 1 refuted."
    assert "2 claims tested" in write(results, tmp_path / "report").read_text()
