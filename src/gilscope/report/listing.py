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

from gilscope import kernels
from gilscope.sources import ext_folder

_LEXERS: dict[str, type[Lexer]] = {".pyx": CythonLexer, ".pxd": CythonLexer, ".py": PythonLexer}


@dataclass(frozen=True, slots=True)
class Listing:
    """A source, highlighted line by line."""

    name: str
    """Its path as people know it: ext/core/spin.h."""
    what: str
    lines: tuple[Markup, ...]

    @property
    def id(self) -> str:
        return self.name.replace("/", "-")


def kernel_listings(kernel: str) -> list[Listing]:
    """The sources of a kernel that there are: C core and its parts, C binding, Cython, Python."""
    ext = ext_folder()
    files = (
        ("C core", ext / "core" / f"{kernel}.h"),
        *((f"core/{path.name}", path) for path in sorted(ext.glob(f"core/{kernel}_*.h"))),
        ("C binding", ext / "capi" / f"{kernel}.c"),
        ("Cython", ext / "cy" / f"{kernel}.pyx"),
        ("Python reference", Path(kernels.__path__[0], f"{kernel}.py")),
    )
    return [_listing(what, path) for what, path in files if path.is_file()]


def support_listings() -> list[Listing]:
    """What every kernel shares: where the GIL is released, and who is in the way."""
    ext = ext_folder()
    files = (*sorted(ext.glob("support/*.h")), ext / "core" / "base.h", ext / "cy" / "support.pxd")
    return [_listing(path.name, path) for path in files if path.is_file()]


def _listing(what: str, path: Path) -> Listing:
    ext = ext_folder()
    name = f"ext/{path.relative_to(ext)}" if path.is_relative_to(ext) else f"kernels/{path.name}"
    text = path.read_text(encoding="utf-8")
    lexer = _LEXERS.get(path.suffix, CLexer)(stripnl=False, ensurenl=False)
    return Listing(name, what, tuple(Markup(line) for line in highlighted(text.removesuffix("\n"), lexer)))


_UNCOLOURED = re.compile(r'<span class="(?:w|[np][a-z]?|o|bp|fm)">([^<]*)</span>')
"""What templates/listing.css.j2 has no colour for; marked, it would be a quarter of a long page's elements."""


def highlighted(text: str, lexer: Lexer) -> list[str]:
    """The lines as HTML."""
    return _UNCOLOURED.sub(r"\1", highlight(text, lexer, HtmlFormatter(nowrap=True))).split("\n")
