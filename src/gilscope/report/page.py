"""From the view to HTML. Needs what gilscope[lab] installs."""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from gilscope import __version__
from gilscope.annotate import Page, annotate
from gilscope.annotate import pages as annotated
from gilscope.kernels import load
from gilscope.measure import environment, record, stats
from gilscope.report import charts, findings, lesson, theme, timelines
from gilscope.report.data import NAMES, Document, Words, duration, factor, singular, view
from gilscope.report.listing import kernel_listings, support_listings
from gilscope.sources import cython_sources, specimen_sources

TEMPLATES = Path(__file__).parent / "templates"
PLOTLY = Path(str(resources.files("plotly"))) / "package_data" / "plotly.min.js"


def fill(document: Document, folder: Path) -> None:
    """Makes the folder of the report."""
    folder.mkdir()
    sources = cython_sources()
    pages = annotate([*sources, *specimen_sources()], folder / "annotated" / "cython")
    annotated.write(pages, folder / "annotated")
    (folder / "source").mkdir()
    template = templates().get_template("source.html.j2")
    for listing in [*support_listings(), *(item for source in sources for item in kernel_listings(source.stem))]:
        text = template.render(listing=listing, policy=policy_of([]), theme=theme)
        (folder / "source" / f"{listing.id}.html").write_text(text, encoding="utf-8")
    shutil.copyfile(PLOTLY, folder / "plotly.min.js")
    if document.get("atlas"):
        from gilscope.report import atlas

        (folder / "atlas.html").write_text(atlas.page(document["atlas"], home="index.html"), encoding="utf-8")
    if document.get("trace"):
        (folder / "trace.json").write_text(json.dumps(document["trace"]), encoding="utf-8")
    record.save({key: value for key, value in document.items() if key != "trace"}, folder / "results.json")
    (folder / "index.html").write_text(render(document, pages), encoding="utf-8")


def render(document: Document, pages: Sequence[Page] | None = None) -> str:
    """The page that lies beside these annotated ones; without them, one that needs no other file."""
    shown = view(document, _warnings(document))
    script = script_of("report.js")
    plotly_script = PLOTLY.read_text(encoding="utf-8") if pages is None else None
    made = templates()
    made.filters["typeset"] = lambda text: _typeset(text, shown.words)
    return made.get_template("index.html.j2").render(
        view=shown,
        claim_charts={claim.name: findings.charts(claim.name, claim.charts) for claim in shown.claims},
        timelines=timelines.pairs(document, shown.words),
        timeline_calls=next((shot["calls"] for shot in document.get("timelines", ())), 0),
        traced="trace" in document,
        atlas=bool(document.get("atlas")),
        overview=charts.overview(shown),
        speedups={section.name: charts.speedup(section, shown) for section in shown.sections},
        times={section.name: charts.times(section) for section in shown.sections},
        listings={section.name: kernel_listings(section.name) for section in shown.sections if section.name in load()},
        support=support_listings(),
        annotated=[page.name for page in pages or ()],
        specimens=_specimens(document, pages),
        single_file=pages is None,
        version=__version__,
        script=Markup(script),
        plotly_script=Markup(plotly_script) if plotly_script else None,
        policy=policy_of([script, plotly_script] if plotly_script else [script]),
        settings=document.get("settings", {}),
        stats=stats,
        theme=theme,
        names=NAMES,
        symbols=charts.SYMBOLS,
    )


def _specimens(document: Document, pages: Sequence[Page] | None) -> list[lesson.Row]:
    measured = document.get("specimens", ())
    if pages is not None or not measured:
        return lesson.rows(measured, pages or ())
    with TemporaryDirectory() as folder:
        return lesson.rows(measured, annotate(specimen_sources(), Path(folder)))


def script_of(name: str) -> str:
    """A page's script, with that of the theme before it."""
    return "".join((TEMPLATES / part).read_text(encoding="utf-8") for part in ("theme.js", name))


def policy_of(scripts: Sequence[str], handlers: Sequence[str] = ()) -> str:
    """The content security policy: no network, and no script but those of these texts, of these attributes, and the
    local file."""
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (*scripts, *handlers)]
    if handlers:
        hashes.insert(0, "'unsafe-hashes'")
    allowed = " ".join(["'self'", "file:", *hashes]) if scripts else "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _warnings(document: Document) -> list[str]:
    """What was in the way of the measurement; nothing is said where the document leaves out what that takes."""
    try:
        found = environment.warnings(document["environment"])
    except (KeyError, TypeError):
        return []
    return [f"{warning.message}; {warning.remedy}" for warning in found]


def templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"duration": duration, "factor": factor, "singular": singular}
    return made


def _typeset(text: str, words: Words) -> Markup:
    """Escaped, with proper signs, what stands in backticks as code, and the two policies in the charts' colours."""
    html = re.sub(r"(\d)x\b", "\\1\N{MULTIPLICATION SIGN}", str(escape(text.replace("->", "→"))))
    for word, policy in ((words.held, "held"), (words.released, "released")):
        html = re.sub(rf"\b{word}\b", f'<em class="{policy}">{word}</em>', html)
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", html))
