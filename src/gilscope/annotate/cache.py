"""A cache of what Cython writes, for as long as nothing that it has read changes."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

UNUSED = 7 * 86400
"""Seconds after which an entry that nobody has asked for is deleted."""
_FILES = "files.json"
"""In each entry, the files that it was made from, with their digests."""


def entry(key: str, make: Callable[[Path], Sequence[Path]]) -> Path | None:
    """The folder that `make` filled for this key, now or in an earlier run; None if the cache cannot be written.

    `make` returns the files that its outcome depends on: the entry holds while they stay as they are. An entry appears
    whole or not at all, so two runs at once do not disturb each other. Exceptions of `make` pass.
    """
    entries = _folder()
    folder = entries / key
    try:
        if _holds(folder):
            os.utime(folder)
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        entries.mkdir(parents=True, exist_ok=True)
        _forget_unused(entries)
        making = Path(tempfile.mkdtemp(dir=entries, prefix="making-"))
    except OSError:
        return None
    try:
        files = make(making)
        Path(making, _FILES).write_text(json.dumps({str(file): _content(file) for file in files}), encoding="utf-8")
        with suppress(OSError):  # another run was faster: its entry is as good
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder if folder.is_dir() else None


def digest(parts: Sequence[str], files: Sequence[Path] = ()) -> str:
    """A digest of these words, and of the names and contents of these files."""
    sha = hashlib.sha256(repr(list(parts)).encode())
    for file in sorted(files):
        sha.update(repr((file.name, file.read_bytes())).encode())
    return sha.hexdigest()[:32]


def _holds(folder: Path) -> bool:
    try:
        files = json.loads((folder / _FILES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return all(_content(Path(file)) == content for file, content in files.items())


def _content(file: Path) -> str:
    """A digest of a file; "" where there is none, for a file that appears changes an outcome, too."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "gilscope", "cython")


def _forget_unused(entries: Path) -> None:
    for entry in entries.iterdir():
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime > UNUSED:
                shutil.rmtree(entry)
