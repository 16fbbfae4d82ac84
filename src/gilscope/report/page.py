"""From a results document to HTML. Needs the packages of gilscope[lab]."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from markupsafe import Markup, escape

from gilscope import stats
from gilscope._version import __version__
from gilscope.annotate import Page, annotate
from gilscope.annotate import pages as annotated
from gilscope.host import warnings
from gilscope.html import charts
from gilscope.html.pages import policy_of, script_of, templates
from gilscope.kernels import load
from gilscope.report import atlas, lesson, speedups, timelines
from gilscope.report.headline import headline
from gilscope.report.sources import kernel_listings, support_listings
from gilscope.report.view import NAMES, Words, view
from gilscope.results import Results, SpecimenRow, files
from gilscope.results.codec import Json
from gilscope.sources import cython_sources, specimen_sources

TEMPLATES = Path(__file__).parent / "templates"
PLOTLY = Path(str(resources.files("plotly"))) / "package_data" / "plotly.min.js"


def fill(results: Results, folder: Path, trace: Json | None) -> None:
    """Write the report into a new folder."""
    folder.mkdir()
    sources = cython_sources()
    pages = annotate([*sources, *specimen_sources()], folder / "annotated" / "cython")
    annotated.write(pages, folder / "annotated")
    (folder / "source").mkdir()
    template = templates(TEMPLATES).get_template("source.html.j2")
    for listing in [*support_listings(), *(item for source in sources for item in kernel_listings(source.stem))]:
        text = template.render(listing=listing, policy=policy_of([]))
        (folder / "source" / f"{listing.id}.html").write_text(text, encoding="utf-8")
    shutil.copyfile(PLOTLY, folder / "plotly.min.js")
    if results.atlas:
        (folder / "atlas.html").write_text(atlas.page(results.atlas, home="index.html"), encoding="utf-8")
    if trace:
        files.write(trace, folder / "trace.json")
    files.write(results, folder / "results.json")
    (folder / "index.html").write_text(render(results, pages, traced=bool(trace)), encoding="utf-8")


def render(results: Results, pages: Sequence[Page] | None = None, *, traced: bool = False) -> str:
    """The page that links to these annotated pages; without them, a page that needs no other file."""
    shown = view(results, [f"{warning.message}; {warning.remedy}" for warning in warnings(results.environment)])
    script = script_of(TEMPLATES / "report.js")
    plotly_script = PLOTLY.read_text(encoding="utf-8") if pages is None else None
    environment = templates(TEMPLATES)
    environment.filters["typeset"] = lambda text: _typeset(text, shown.words)
    return environment.get_template("index.html.j2").render(
        view=shown,
        headline=headline(shown),
        claim_charts={
            claim.name: charts.figures(f"finding-{claim.name}", claim.ruling.charts) for claim in shown.claims
        },
        timelines=timelines.pairs(results.timelines, shown.words),
        timeline_calls=results.timelines[0].calls if results.timelines else 0,
        traced=traced,
        atlas=results.atlas is not None,
        overview=speedups.overview(shown),
        speedups={section.name: speedups.speedup(section, shown) for section in shown.sections},
        times={section.name: speedups.times(section) for section in shown.sections},
        listings={section.name: kernel_listings(section.name) for section in shown.sections if section.name in load()},
        support=support_listings(),
        annotated=[page.name for page in pages or ()],
        specimens=_specimens(results.specimens, pages),
        single_file=pages is None,
        version=__version__,
        script=Markup(script),
        plotly_script=Markup(plotly_script) if plotly_script else None,
        policy=policy_of([script, plotly_script] if plotly_script else [script]),
        scaling=results.settings.scaling or "weak",
        stats=stats,
        names=NAMES,
        symbols=speedups.SYMBOLS,
    )


def _specimens(rows: Sequence[SpecimenRow], pages: Sequence[Page] | None) -> list[lesson.Lesson]:
    if pages is not None or not rows:
        return lesson.lessons(rows, pages or ())
    with TemporaryDirectory() as folder:
        return lesson.lessons(rows, annotate(specimen_sources(), Path(folder)))


def _typeset(text: str, words: Words) -> Markup:
    """The text, escaped, with typographic signs, backticks as code, and the two policies in the charts' colours."""
    html = re.sub(r"(\d)x\b", "\\1\N{MULTIPLICATION SIGN}", str(escape(text.replace("->", "→"))))
    for word, policy in ((words.held, "held"), (words.released, "released")):
        html = re.sub(rf"\b{word}\b", f'<em class="{policy}">{word}</em>', html)
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", html))
