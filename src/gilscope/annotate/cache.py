"""What Cython made of this project's own sources, kept from one report to the next: they hardly ever change, every
report shows them, and Cython takes a second for each."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

UNUSED = 7 * 86400
"""Seconds after which an entry goes that no report has asked for."""


def kept(key: str, make: Callable[[Path], None]) -> Path | None:
    """The folder that `make` filled for this key, now or in an earlier run; None where nothing can be kept.

    An entry appears whole or not at all, so that two runs at once do no harm to each other. What `make` raises goes on.
    """
    entries = _folder()
    entry = entries / key
    try:
        if entry.is_dir():
            os.utime(entry)
            return entry
        entries.mkdir(parents=True, exist_ok=True)
        _forget_unused(entries)
        making = Path(tempfile.mkdtemp(dir=entries, prefix="making-"))
    except OSError:
        return None
    try:
        make(making)
        with suppress(OSError):  # another run was faster: its entry is as good
            making.rename(entry)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return entry if entry.is_dir() else None


def digest(parts: Sequence[str], files: Sequence[Path]) -> str:
    """Of these words, and of the names and contents of these files."""
    made = hashlib.sha256(repr(list(parts)).encode())
    for file in sorted(files):
        made.update(repr((file.name, file.read_bytes())).encode())
    return made.hexdigest()[:32]


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "gilscope", "cython")


def _forget_unused(entries: Path) -> None:
    for entry in entries.iterdir():
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime > UNUSED:
                shutil.rmtree(entry)
