"""From what a user names (a file, a folder, an installed module) to Cython's sources."""

import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from gilscope.annotate.compile import AnnotateError

_PURE = re.compile(r"^(?:import cython\b|from cython\b|\s*#\s*cython:)", re.MULTILINE)


def sources_of(target: str) -> list[Path]:
    """The Cython sources of a target. AnnotateError says why there are none."""
    path = Path(target)
    if path.is_dir():
        sources = sorted(_below(path))
        if not sources:
            raise AnnotateError(f"{target}: no .pyx files in this folder, and no .py files for Cython")
        return sources
    if path.exists():
        return [path]
    if path.suffix in (".pyx", ".py") or os.sep in target:
        raise FileNotFoundError(f"{target}: no such file")
    return _of_module(target)


def _below(folder: Path) -> Iterator[Path]:
    """All sources below a folder; a link to a folder is followed once."""
    seen = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in names:
            path = Path(here, name)
            if path.suffix == ".pyx" or (path.suffix == ".py" and _is_pure(path)):
                yield path


def _is_pure(path: Path) -> bool:
    """Whether a .py file is meant for Cython: it has a .pxd of its own, or imports `cython`."""
    if path.with_suffix(".pxd").exists() and path.name != "__init__.py":
        return True
    try:
        return bool(_PURE.search(path.read_text(encoding="utf-8", errors="replace")[:20_000]))
    except OSError:
        return False


def _of_module(name: str) -> list[Path]:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise AnnotateError(f"{name}: no such file, folder or installed module")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    beside = Path(spec.origin).parent / f"{name.rpartition('.')[2]}.pyx" if spec.origin else None
    sources = sorted(file for folder in folders for file in folder.rglob("*.pyx"))
    if beside and beside.is_file():
        sources.append(beside)
    if not sources:
        raise AnnotateError(f"{name}: installed without its .pyx files")
    return sources
