"""Sources as pages with line numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers.c_cpp import CLexer
from pygments.lexers.python import CythonLexer, PythonLexer

_LEXERS: dict[str, type[Lexer]] = {".pyx": CythonLexer, ".pxd": CythonLexer, ".py": PythonLexer}


@dataclass(frozen=True, slots=True)
class Listing:
    """A source, highlighted line by line."""

    name: str
    """Its path in the project, such as ext/core/spin.h."""
    what: str
    lines: tuple[Markup, ...]

    @property
    def id(self) -> str:
        return self.name.replace("/", "-")


def listing(name: str, what: str, path: Path) -> Listing:
    """The listing of a file, in the colours of its language: Cython, Python, or else C."""
    text = path.read_text(encoding="utf-8")
    lexer = _LEXERS.get(path.suffix, CLexer)(stripnl=False, ensurenl=False)
    return Listing(name, what, tuple(Markup(line) for line in highlighted(text.removesuffix("\n"), lexer)))


_UNCOLORED = re.compile(r'<span class="(?:w|[np][a-z]?|o|bp|fm)">([^<]*)</span>')
"""What templates/listing.css.j2 has no color for; marked, it would be a quarter of a long page's elements."""


def highlighted(text: str, lexer: Lexer) -> list[str]:
    """The lines as HTML."""
    return _UNCOLORED.sub(r"\1", highlight(text, lexer, HtmlFormatter(nowrap=True))).split("\n")
