"""What the pages say about the code: links resolve, and lists name what there is, all of it and nothing else."""

import dataclasses
import re
from pathlib import Path

import click
import pytest
from documentation import DOCS, PAGES, ROOT, anchors, links

import gilscope
from gilscope import results, stats
from gilscope.cli import COMMANDS
from gilscope.results import atlas, document, verdicts

pytestmark = pytest.mark.quick

REFERENCE = DOCS / "reference"
FORMATS = (REFERENCE / "formats.md").read_text()
SOURCE = Path(gilscope.__file__).parent


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_resolve(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), target
        assert not anchor or anchor in anchors(goal), target


@pytest.mark.parametrize("page", [page for page in PAGES if DOCS in page.parents], ids=lambda page: page.name)
def test_a_page_of_the_site_links_to_pages_of_the_site_only(page: Path) -> None:
    """A link out of docs/ would work on GitHub and be dead on the site."""
    for target in links(page):
        assert DOCS in ((page.parent / target.partition("#")[0]).resolve()).parents or target.startswith("#"), target


def test_the_reference_names_what_is_public() -> None:
    listed = set(re.findall(r"autofunction:: gilscope\.(\w+)$", (REFERENCE / "api.md").read_text(), re.MULTILINE))
    assert listed == set(gilscope.__all__) - {"__version__"}
    listed = set(
        re.findall(r"auto\w+:: gilscope\.results\.(\w+)$", (REFERENCE / "results.md").read_text(), re.MULTILINE)
    )
    assert listed == set(results.__all__)


@pytest.mark.parametrize("kind", [document.Settings, results.Row, results.SpecimenRow, results.Look, results.Together])
def test_the_formats_name_every_field(kind: type) -> None:
    for field in dataclasses.fields(kind):
        assert f"`{field.name}`" in FORMATS or field.name == "target", f"{kind.__name__}.{field.name}"


def test_the_formats_name_the_parts_of_a_document_and_of_a_finding() -> None:
    finding = results.Finding("a", "b", 1.0, results.Failed("why"), results.Ruling("inconclusive", "why"))
    for name in (*document.Results().to_json(), *finding.to_json(), "data", "machine", "not_here"):
        assert f"`{name}`" in FORMATS, name


def test_the_formats_have_the_versions_of_today() -> None:
    table = dict(re.findall(r"^\| \[`(gilscope\.\w+)`\]\([^)]*\) \| (\d+) \|", FORMATS, re.MULTILINE))
    assert table["gilscope.results"] == str(document.VERSION)
    assert table["gilscope.atlas"] == str(atlas.VERSION)
    history = FORMATS.partition("### History")[2].partition("\n## ")[0]
    assert tuple(sorted(map(int, re.findall(r"^\| (\d+) \|", history, re.MULTILINE)))) == document.READS


def test_the_exit_statuses_name_commands_that_exist() -> None:
    table = (REFERENCE / "exit-statuses.md").read_text().partition("| command |")[2]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert named <= {module.command.name for module in COMMANDS}


def test_every_option_has_a_help_text() -> None:
    """The reference of the commands is made from them, so what they do not say it cannot say."""
    for module in COMMANDS:
        for parameter in module.command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{module.command.name} {parameter.opts}"


@pytest.mark.parametrize("page", [DOCS / "explanation" / "layers.md", DOCS / "explanation" / "layers.svg"], ids=str)
def test_the_layers_are_the_rooms_of_the_package(page: Path) -> None:
    there = {f"{path.name}/" for path in SOURCE.iterdir() if path.is_dir() and path.name not in ("capi", "cy")}
    there |= {path.name for path in SOURCE.glob("*.py") if not path.name.startswith("_")}
    named = set(re.findall(r"(?:`|>)(\w+(?:/|\.py))(?:`|<)", page.read_text()))
    assert named == {name for name in there if not name.startswith("__")}


def test_the_explanation_has_the_thresholds_of_the_code() -> None:
    text = (DOCS / "explanation" / "how-it-works.md").read_text()
    for word, limit in (
        ("`holds`", verdicts.HOLDS_BELOW),
        ("`releases`", verdicts.RELEASES_FROM),
        ("`scales`", stats.SCALES_FROM),
        ("`does not scale`", stats.STANDS_BELOW),
        ("`inconclusive` | the interval crosses a limit; or", stats.MACHINE_GAIN_LEAST),
    ):
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {word}"))
        assert f"{limit:.0%}".replace("%", " %") in row
    assert f"less than {verdicts.SHORT_NS / 1000:g} µs" in text


def test_contributing_names_folders_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where things are")[2].partition("\n## ")[0]
    rooms, around = text.split("And around them:")
    for part, base in ((rooms, SOURCE), (around, ROOT)):
        for row in re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE):
            for name in re.findall(r"`([^`]+)`", row):
                path = base / re.sub(r"\b[KE]\.\w+$", "", name)
                assert path.exists(), name


def test_a_word_has_one_entry_in_the_glossary() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    part = text.partition("<!-- glossary -->")[2].partition("<!-- end of the glossary -->")[0]
    words = [
        word.strip() for entry in re.findall(r"^\* \*\*([^*]+)\*\*:", part, re.MULTILINE) for word in entry.split(",")
    ]
    assert len(words) > 40
    assert len(words) == len(set(words))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_plain_english(page: Path) -> None:
    """Slips that readers stumbled over before."""
    text = page.read_text()
    assert not re.search(r"\bcan not\b", text)
    assert not re.search(r"\b(a|an) (row|line|module|file|event) a (kernel|command|file|call)\b", text)
