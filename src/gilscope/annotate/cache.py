"""A cache of what Cython writes for this project's own sources.

They hardly ever change, every report shows them, and Cython takes a second for each.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

UNUSED = 7 * 86400
"""Seconds after which an entry that no report has asked for is deleted."""


def entry(key: str, make: Callable[[Path], None]) -> Path | None:
    """The folder that `make` filled for this key, now or in an earlier run; None if the cache cannot be written.

    An entry appears whole or not at all, so two runs at once do not disturb each other. Exceptions of `make` pass.
    """
    entries = _folder()
    folder = entries / key
    try:
        if folder.is_dir():
            os.utime(folder)
            return folder
        entries.mkdir(parents=True, exist_ok=True)
        _forget_unused(entries)
        making = Path(tempfile.mkdtemp(dir=entries, prefix="making-"))
    except OSError:
        return None
    try:
        make(making)
        with suppress(OSError):  # another run was faster: its entry is as good
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder if folder.is_dir() else None


def digest(parts: Sequence[str], files: Sequence[Path]) -> str:
    """A digest of these words, and of the names and contents of these files."""
    sha = hashlib.sha256(repr(list(parts)).encode())
    for file in sorted(files):
        sha.update(repr((file.name, file.read_bytes())).encode())
    return sha.hexdigest()[:32]


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "gilscope", "cython")


def _forget_unused(entries: Path) -> None:
    for entry in entries.iterdir():
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime > UNUSED:
                shutil.rmtree(entry)
