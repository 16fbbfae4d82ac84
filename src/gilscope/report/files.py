"""Where the report goes: whole or not at all, and over nothing but an earlier report."""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

from gilscope.annotate import AnnotateError
from gilscope.report.data import Document

MARK = '<meta name="generator" content="gilscope'
"""In the head of the page; the template has it."""
OURS = {"index.html", "results.json", "plotly.min.js", "annotated", "source", "atlas.html", "trace.json"}
LAB = {"jinja2": "Jinja2", "plotly": "Plotly", "Cython": "Cython"}


class ReportError(Exception):
    """Why there is no report, in one line."""


def write(document: Document, folder: Path, *, single_file: bool = False) -> Path:
    """Writes the report of a results document and returns the path of its page.

    The folder appears whole or not at all, in the place of an earlier report; a folder that is anything
    else is left alone. With `single_file`, `folder` is the path of the one .html file to write: it holds
    charts and sources, but not Cython's annotated pages. ReportError says what is in the way.
    """
    check(folder, single_file=single_file)
    from gilscope.report import page  # needs what was just looked for

    target = folder.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
            made = Path(temporary, "new")
            if single_file:
                made.write_text(page.render(document), encoding="utf-8")
                made.replace(target)
                return target
            page.fill(document, made)
            _swap(made, target, Path(temporary, "old"))
            return target / "index.html"
    except OSError as error:
        raise ReportError(f"{error.filename or folder}: {error.strerror or error}") from error
    except AnnotateError as error:
        raise ReportError(str(error)) from error


def check(folder: Path, *, single_file: bool = False) -> None:
    """ReportError, where write() would raise it before it writes; to ask before a long measurement."""
    missing = [name for module, name in LAB.items() if find_spec(module) is None]
    if missing:
        raise ReportError(f"the report needs {', '.join(missing)}: pip install 'gilscope[lab]'")
    target = folder.resolve()
    try:
        (_check_file if single_file else _check_folder)(target)
    except OSError as error:
        raise ReportError(f"{error.filename or folder}: {error.strerror or error}") from error
    parent = next(path for path in target.parents if path.exists())
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ReportError(f"{parent}: not a folder that can be written to")


def _check_file(target: Path) -> None:
    if target.exists() and not _is_ours(target):
        raise ReportError(f"{target}: exists and is not a gilscope report; choose another file with --out")


def _check_folder(target: Path) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not _is_ours(target / "index.html"):
        raise ReportError(f"{target}: exists and is not a gilscope report; choose another folder with --out")
    if others := sorted({path.name for path in target.iterdir()} - OURS):
        raise ReportError(
            f"{target}: holds other files beside the report ({', '.join(others[:3])}); "
            "move them, or choose another folder with --out"
        )


def _is_ours(page: Path) -> bool:
    return page.is_file() and MARK in page.read_text(encoding="utf-8", errors="replace")[:2000]


def _swap(made: Path, target: Path, old: Path) -> None:
    """Puts the new folder in the place of the old one, which comes back if that fails."""
    if not target.exists():
        made.rename(target)
        return
    try:
        target.rename(old)
        made.rename(target)
    except BaseException:  # Ctrl-C too
        if not target.exists():
            old.rename(target)
        raise
