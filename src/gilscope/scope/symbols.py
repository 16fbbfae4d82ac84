"""From an address in a loaded library to a name: by its symbol tables, and its debug information where it has any."""

import re
import shutil
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gilscope.results.looks import Place

_SECTION = np.dtype(
    {
        "names": ["type", "offset", "size", "link"],
        "formats": ["u4", "u8", "u8", "u4"],
        "offsets": [4, 24, 32, 40],
        "itemsize": 64,
    }
)
_SYMBOL = np.dtype(
    [("name", "u4"), ("info", "u1"), ("other", "u1"), ("section", "u2"), ("value", "u8"), ("size", "u8")]
)
_SYMTAB, _FUNCTION = 2, 2


def place(address: int) -> Place:
    """The place of an address of loaded code; its symbol is "?" where nothing names it."""
    library, base, dynamic, _ = import_module("gilscope.scope._ledger").locate(address)
    offset = address - base
    symbol = _static(library, offset) or dynamic or "?"
    return Place(library or "?", readable(symbol), offset, _line(library, offset))


def readable(symbol: str) -> str:
    """A Cython function by the name that its author gave it; any other as it is."""
    prefix = re.match(r"__pyx_(?:pw|pf|f|fuse_\d+)_?", symbol)
    if not prefix:
        return symbol
    parts, rest = [], symbol[prefix.end() :]
    # Each part of the module's name comes with its length: 8gilscope_2cy_4spin_; then a number, and the function.
    while (length := re.match(r"\d+", rest)) and rest[length.end() + int(length[0]) :][:1] == "_":
        end = length.end() + int(length[0])
        parts.append(rest[length.end() : end])
        rest = rest[end + 1 :]
    name = rest.lstrip("0123456789")
    return ".".join([*parts[-1:], name]) if parts and name else symbol


def _static(library: str, offset: int) -> str | None:
    """The function of the library's full symbol table, which a stripped library lacks."""
    table = _symbols(library)
    if table is None:
        return None
    starts, sizes, names = table
    index = int(np.searchsorted(starts, offset, side="right")) - 1
    if index < 0 or offset >= starts[index] + max(int(sizes[index]), 1):
        return None
    return names[index]


@cache
def _symbols(library: str) -> tuple[NDArray[Any], NDArray[Any], list[str]] | None:
    """Starts, sizes and names of a 64-bit ELF file's functions, by start."""
    try:
        data = Path(library).read_bytes()
    except OSError:
        return None
    if data[:5] != b"\x7fELF\x02":
        return None
    offset, count = int.from_bytes(data[0x28:0x30], "little"), int.from_bytes(data[0x3C:0x3E], "little")
    try:
        sections = np.frombuffer(data, _SECTION, count, offset)
        tables = sections[sections["type"] == _SYMTAB]
        if not len(tables):
            return None
        (table,) = tables
        symbols = np.frombuffer(data, _SYMBOL, int(table["size"]) // _SYMBOL.itemsize, int(table["offset"]))
        strings = int(sections[int(table["link"])]["offset"])
    except (ValueError, IndexError):  # cut short
        return None
    functions = symbols[((symbols["info"] & 15) == _FUNCTION) & (symbols["value"] > 0)]
    functions = functions[np.argsort(functions["value"], kind="stable")]
    names = []
    for name in functions["name"]:
        start = strings + int(name)
        names.append(data[start : data.index(b"\0", start)].decode(errors="replace"))
    return functions["value"], functions["size"], names


@cache
def _line(library: str, offset: int) -> str | None:
    """file:line by addr2line, where there is one and the library has debug information."""
    tool = shutil.which("addr2line")
    if tool is None or not _has_lines(library):
        return None
    # One byte back: a return address belongs to the instruction after the call.
    command = [tool, "-e", library, hex(max(offset - 1, 0))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    name, _, line = done.stdout.strip().partition(":")
    return None if name in ("", "??") else f"{Path(name).name}:{line.split(' ')[0]}"


@cache
def _has_lines(library: str) -> bool:
    try:
        return b".debug_line\0" in Path(library).read_bytes()
    except OSError:
        return False
