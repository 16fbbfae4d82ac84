"""Writing the report: whole or not at all, and over nothing but an earlier report."""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

from gilscope.annotate import AnnotateError
from gilscope.results import Results
from gilscope.results.codec import Json

MARK = '<meta name="generator" content="gilscope'
"""In the head of each page that the templates write."""
OURS = {"index.html", "results.json", "plotly.min.js", "annotated", "source", "atlas.html", "trace.json"}
LAB = {"jinja2": "Jinja2", "plotly": "Plotly", "Cython": "Cython"}


class ReportError(Exception):
    """Why there is no report, in one line."""


def write(results: Results, folder: Path, *, single_file: bool = False, trace: Json | None = None) -> Path:
    """Write the report of a results document.

    Parameters
    ----------
    results
        The document.
    folder
        The folder to write: a new or empty one, or an earlier report. It appears whole or not at all.
    single_file
        Write one .html file instead, at the path `folder`. It has charts and sources, but no annotated pages.
    trace
        The recordings in the JSON Trace Event Format, for a file beside the page.

    Returns
    -------
    Path
        The path of the page.

    Raises
    ------
    ReportError
        A package is missing, the folder holds something else, or it cannot be written.
    """
    check(folder, single_file=single_file)
    from gilscope.report import page  # needs the packages that check() looks for

    target = folder.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
            new = Path(temporary, "new")
            if single_file:
                new.write_text(page.render(results), encoding="utf-8")
                new.replace(target)
                return target
            page.fill(results, new, trace)
            _swap(new, target, Path(temporary, "old"))
            return target / "index.html"
    except OSError as error:
        raise ReportError(f"{error.filename or folder}: {error.strerror or error}") from error
    except AnnotateError as error:
        raise ReportError(str(error)) from error


def check(folder: Path, *, single_file: bool = False) -> None:
    """Check, before a long measurement, whether write() can write here.

    Parameters
    ----------
    folder, single_file
        As for write().

    Raises
    ------
    ReportError
        A package is missing, the folder holds something else, or it cannot be written.
    """
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
        raise ReportError(f"{parent}: cannot write into this folder")


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
            f"{target}: holds files that are not of the report ({', '.join(others[:3])}); "
            "move them, or choose another folder with --out"
        )


def _is_ours(page: Path) -> bool:
    return page.is_file() and MARK in page.read_text(encoding="utf-8", errors="replace")[:2000]


def _swap(new: Path, target: Path, old: Path) -> None:
    """Put the new folder in the place of the old one, which is restored if that fails."""
    if not target.exists():
        new.rename(target)
        return
    try:
        target.rename(old)
        new.rename(target)
    except BaseException:  # Ctrl-C too
        if not target.exists():
            old.rename(target)
        raise
