"""Small files of the system, such as those of /proc and /sys."""

import re
from pathlib import Path

ROOT = Path("/")


def read(path: Path) -> str:
    """The file's text, stripped; empty if there is no such file."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def field(text: str, name: str) -> str:
    """The value of the first line "name : value"; empty if there is none."""
    match = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
    return match[1] if match else ""
