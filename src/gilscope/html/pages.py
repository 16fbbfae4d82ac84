"""The parts that all pages share: template environment, scripts, content policy. Needs gilscope[lab]."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gilscope.html import theme
from gilscope.html.text import duration, factor, singular

SHARED = Path(__file__).parent / "templates"


def templates(folder: Path) -> Environment:
    """The templates of a folder, with the shared ones behind them."""
    environment = Environment(
        loader=FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "factor": factor, "singular": singular}
    environment.globals |= {"theme": theme}
    return environment


def script_of(path: Path) -> str:
    """A page's script, with that of the theme before it."""
    return "".join(part.read_text(encoding="utf-8") for part in (SHARED / "theme.js", path))


def policy_of(scripts: Sequence[str], handlers: Sequence[str] = ()) -> str:
    """The content security policy: no network, and no script but these texts, these attributes, and local files."""
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (*scripts, *handlers)]
    if handlers:
        hashes.insert(0, "'unsafe-hashes'")
    allowed = " ".join(["'self'", "file:", *hashes]) if scripts else "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
