"""The pages that gilscope writes beside Cython's: an index, one per source, a comparison.

index.html          all files and functions, to sort and to search
source/NAME.html    a source, line by line, with the C of each line on demand
framed/NAME.html    Cython's own page in a frame, linked line by line with ours (it has no anchors itself)
compare.html        two versions, aligned by line
cython/NAME.html    Cython's own page, unmodified (build.py writes it)
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gilscope.annotate.build import Page
from gilscope.annotate.compile import AnnotateError
from gilscope.annotate.gate import Breach, shown
from gilscope.annotate.model import Function, Line

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
FIGURES = ("boundary", "inside_nogil", "in_loop", "outside_loops", "takes_in_loop", "releases_in_loop")
COLUMNS = ("boundary", "inside nogil", "in loops", "outside", "takes in loops", "re-takes")
_NEEDS = {"jinja2": "Jinja2", "pygments": "Pygments", "plotly": "Plotly"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a page: its source, its figures, and its C."""

    number: int
    html: str
    """Highlighted, and escaped."""
    facts: Line | None
    """None outside functions."""
    hints: tuple[str, ...]
    c: str

    @property
    def marks(self) -> tuple[str, ...]:
        """What matters about the line, in words."""
        if self.facts is None:
            return ()
        line = self.facts
        return tuple(
            text
            for text, there in (
                ("releases the GIL in a loop" if line.releases_in_loop else "releases the GIL", line.releases),
                ("takes the GIL in a loop" if line.takes_in_loop else "takes the GIL", line.takes),
                (f"Python \N{MULTIPLICATION SIGN} {line.python}", line.python),
            )
            if there
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of a comparison; one side is None if the line was added or removed."""

    old: Row | None
    new: Row | None
    same: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A function's figures in two versions, in the order of FIGURES; None if a version does not have it."""

    name: str
    old: tuple[int, ...] | None
    new: tuple[int, ...] | None
    old_release: str
    new_release: str
    """Whether it releases, in a word: lines move, and a moved line is no change."""

    @property
    def differs(self) -> bool:
        """Whether anything but lines has changed."""
        return self.old != self.new or self.old_release != self.new_release

    def pairs(self) -> list[tuple[str, str]]:
        """Old and new of each figure and of the release; a dash where a version lacks the function."""
        dashes = ("-",) * len(FIGURES)
        old, new = (tuple(map(str, side)) if side else dashes for side in (self.old, self.new))
        return [*zip(old, new, strict=True), (self.old_release, self.new_release)]


def figures(function: Function) -> tuple[int, ...]:
    """The four figures, in the order of FIGURES."""
    return tuple(getattr(function, name) for name in FIGURES)


def totals(page: Page) -> tuple[int, ...]:
    """The sums of the four figures over all functions of a source."""
    return tuple(sum(getattr(function, name) for function in page.functions) for name in FIGURES)


def rows(page: Page) -> list[Row]:
    """The lines of a source, each with its figures, hints and C."""
    from pygments.lexers.python import CythonLexer

    from gilscope.html.listing import highlighted

    text = page.source.read_text(encoding="utf-8", errors="replace")
    html = highlighted(text, CythonLexer(stripnl=False, ensurenl=False))
    facts = {line.number: line for function in page.functions for line in function.lines}
    hints: dict[int, tuple[str, ...]] = {}
    for function in page.functions:
        for hint in function.hints:
            hints[hint.line] = (*hints.get(hint.line, ()), hint.text)
    count = len(text.splitlines())
    return [
        Row(
            number,
            line,
            facts.get(number),
            hints.get(number, ()),
            re.sub(r"\n\s*\n", "\n", page.code.get(number, "")).strip("\n").rstrip(),
        )
        for number, line in enumerate(html[:count], 1)
    ]


def pairs(old: Sequence[Row], new: Sequence[Row]) -> list[Pair]:
    """Two versions aligned by line: equal lines side by side, changed ones paired as far as they go."""
    matcher = SequenceMatcher(None, [row.html for row in old], [row.html for row in new], autojunk=False)
    aligned = []
    for kind, a, b, c, d in matcher.get_opcodes():
        for i in range(max(b - a, d - c)):
            left = old[a + i] if a + i < b else None
            right = new[c + i] if c + i < d else None
            aligned.append(Pair(left, right, kind == "equal"))
    return aligned


def changes(old: Page, new: Page) -> list[Change]:
    """The functions of both versions, by name; those of the new version first."""
    before = {function.name: function for function in old.functions}
    after = {function.name: function for function in new.functions}
    return [
        Change(
            name,
            figures(before[name]) if name in before else None,
            figures(after[name]) if name in after else None,
            _release(before.get(name)),
            _release(after.get(name)),
        )
        for name in [*after, *(name for name in before if name not in after)]
    ]


def _release(function: Function | None) -> str:
    if function is None:
        return "-"
    places = len(function.release_lines)
    return (
        f"in {places} places" if places > 1 else "in 1 place" if places else "through" if function.through else "never"
    )


def alone(page: Page, title: str) -> str:
    """The page of a source as HTML that needs no other file and links to none. AnnotateError as for write()."""
    environment, _ = _templates()
    template = environment.get_template("source.html.j2")
    return template.render(page=page, rows=rows(page), title=title, up=None)


def _templates(old: Page | None = None) -> tuple[Environment, str]:
    """The template environment, and the script of the pages."""
    if missing := [name for module, name in _NEEDS.items() if find_spec(module) is None]:
        raise AnnotateError(f"the pages need {', '.join(missing)}: pip install 'gilscope[lab]'")
    from markupsafe import Markup

    from gilscope.html.pages import policy_of, script_of, templates

    script = script_of(TEMPLATES / "annotate.js")
    environment = templates(TEMPLATES)
    environment.filters |= {"figures": figures, "totals": totals}
    environment.globals |= {"script": Markup(script), "policy": policy_of([script]), "compared": old}
    environment.globals |= {"columns": list(COLUMNS)}
    return environment, script


def write(pages: Sequence[Page], folder: Path, old: Page | None = None, broken: Sequence[Breach] = ()) -> Path:
    """Write the index and the pages of each source; with `old`, also its comparison with the first page.

    `broken` is what breaks the rules: the index begins with it.

    Cython's own pages must be in `folder`/cython. Returns the path of the index. AnnotateError says which package is
    missing or which file cannot be written.
    """
    environment, script = _templates(old)

    from gilscope.html.pages import policy_of

    def put(path: str, template: str, **values: Any) -> Path:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = environment.get_template(f"{template}.html.j2").render(up="../" * path.count("/"), **values)
        target.write_text(text, encoding="utf-8", errors="surrogateescape")
        return target

    try:
        for page in pages:
            put(f"source/{page.name}.html", "source", page=page, rows=rows(page), title=page.source)
            if page.html is None:
                continue
            theirs = page.html.read_text(encoding="utf-8", errors="surrogateescape")
            policy = policy_of([script], handlers(theirs))
            put(f"framed/{page.name}.html", "framed", page=page, theirs=theirs, policy=policy)
        if old:
            new = pages[0]
            aligned = pairs(rows(old), rows(new))
            put("compare.html", "compare", old=old, new=new, pairs=aligned, changes=changes(old, new))
        places = {shown(page.source): page.name for page in pages}
        return put("index.html", "index", pages=pages, broken=broken, places=places)
    except OSError as error:
        raise AnnotateError(f"{error.filename}: {error.strerror}") from error


def handlers(page: str) -> list[str]:
    """The scripts in the attributes of Cython's page, which open a line on a click."""
    return sorted({html.unescape(text) for text in re.findall(r' onclick="([^"]*)"', page)})
