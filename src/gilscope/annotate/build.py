"""From a .pyx to the page that Cython writes about it. The sources' own folder stays as it is."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gilscope.sources import ext_folder

_MESSAGE = re.compile(r"(?!warning: |performance hint: )(?P<place>.+\.p(?:yx|xd|xi|y):\d+:\d+): (?P<text>.+)")


class AnnotateError(Exception):
    """Why there is no page, in one line: `file:line:column: message` where Cython names a place."""


@dataclass(frozen=True, slots=True)
class Page:
    """One source and the page that Cython wrote about it, unmodified."""

    source: Path
    html: Path


def annotate(sources: Sequence[Path], folder: Path) -> list[Page]:
    """Writes Cython's page for each source into the folder, as NAME.html, and returns them in the same order.

    This project's own sources are compiled with the directives and the include path of its build, any
    others with Cython's defaults. AnnotateError if Cython is missing, rejects a source, or two share a name.
    """
    if find_spec("Cython") is None:
        raise AnnotateError("Cython is not installed: pip install 'gilscope[lab]'")
    pages = [Page(source, folder / f"{source.stem}.html") for source in sources]
    for first, second in _same_name(pages):
        raise AnnotateError(f"{first.source} and {second.source} would share the page {first.html.name}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # each only waits for a process of its own
            for _ in pool.map(_build, pages):
                pass
    except OSError as error:
        raise AnnotateError(f"{error.filename}: {error.strerror}") from error
    return pages


def _same_name(pages: Sequence[Page]) -> Iterator[tuple[Page, Page]]:
    seen: dict[Path, Page] = {}
    for page in pages:
        if page.html in seen:
            yield seen[page.html], page
        seen[page.html] = page


def _build(page: Page) -> None:
    if not page.source.is_file():
        raise AnnotateError(f"{page.source}: no such file")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, f"{page.source.stem}.c")
        command = [sys.executable, "-m", "cython", "--annotate", *_options(page.source.resolve())]
        done = subprocess.run(
            [*command, "-o", str(output), str(page.source.resolve())], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise AnnotateError(_reason(page.source, done.stderr))
        shutil.copyfile(output.with_suffix(".html"), page.html)


def _options(source: Path) -> list[str]:
    include = ["-I", str(source.parent)]
    cy = (ext_folder() / "cy").resolve()
    if not source.is_relative_to(cy):
        return include
    directives = json.loads((cy / "directives.json").read_text())
    return [*include, *(f"-X{name}={value}" for name, value in directives.items())]


def _reason(source: Path, stderr: str) -> str:
    """Cython's first message about a place; the lines around it quote the source."""
    for line in stderr.splitlines():
        if message := _MESSAGE.fullmatch(line.strip()):
            return f"{message['place']}: {message['text']}"
    last = [line for line in stderr.splitlines() if line.strip()][-1:]
    return f"{source}: {last[0].strip() if last else 'Cython failed without a message'}"
