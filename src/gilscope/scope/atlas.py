"""The atlas: what well-known functions do with the GIL, on this interpreter and with these versions."""

import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gilscope.scope.catalogue import CATALOGUE, Entry
from gilscope.scope.oracle import gil_enabled
from gilscope.scope.process import TargetError, run

FORMAT, VERSION = "gilscope.atlas", 1
TIMEOUT = 30.0
DISTRIBUTIONS = {"PIL": "pillow"}
CHANGED = 0.1
"""A released share that moved by more than this, beyond both intervals, is a change."""


class AtlasError(ValueError):
    """A file that is no atlas, in one line."""


def entries(words: Sequence[str] = ()) -> list[Entry]:
    """The entries whose module is here, and whose group or name contains one of the words (all, if there are none)."""
    chosen = [
        entry
        for entry in CATALOGUE
        if not words or any(word.lower() in f"{entry.group} {entry.name}".lower() for word in words)
    ]
    here = {needs: find_spec(needs) is not None for needs in {entry.needs for entry in chosen}}
    return [entry for entry in chosen if here[entry.needs]]


def survey(
    chosen: Sequence[Entry], seconds: float = 0.3, progress: Callable[[float, str], None] | None = None
) -> Iterator[dict[str, Any]]:
    """Probes each entry in a process of its own, about `seconds` long, and yields what was found, as a row.

    A row has group, name, statement, and a Look's fields, or "error" where the function did something else.
    """
    report = progress or (lambda done, label: None)
    for number, entry in enumerate(chosen):
        report(number / len(chosen), entry.name)
        task = {
            "setup": entry.setup,
            "statement": entry.statement,
            "name": entry.name,
            "seconds": seconds,
            "look": True,
        }
        row: dict[str, Any] = {"group": entry.group, "name": entry.name, "statement": entry.statement}
        try:
            yield row | run(task, TIMEOUT)
        except TargetError as error:
            yield row | {"verdict": "inconclusive", "error": str(error)}
    report(1.0, "done")


def document(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The atlas as plain values, with the versions of everything that was probed."""
    needs = {DISTRIBUTIONS.get(entry.needs, entry.needs) for entry in CATALOGUE}
    versions = {}
    for name in sorted(needs):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # the standard library's, or not here
            continue
    return {
        "format": FORMAT,
        "version": VERSION,
        "python": sys.version.split()[0],
        "gil": gil_enabled(),
        "machine": platform.machine(),
        "versions": versions,
        "rows": list(rows),
    }


def load(path: str) -> dict[str, Any]:
    """Reads what `gilscope atlas --json` wrote. AtlasError says what is wrong with another file."""
    try:
        made = json.loads(Path(path).read_text())
    except OSError as error:
        raise AtlasError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise AtlasError(f"{path}: not JSON ({error})") from error
    if not isinstance(made, dict) or made.get("format") != FORMAT or made.get("version") != VERSION:
        raise AtlasError(f"{path}: not an atlas that 'gilscope atlas --json' wrote")
    return made


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, before, now) of what another verdict, or clearly another share, was found for."""
    before = {row["name"]: row for row in old["rows"] if "error" not in row}
    found = []
    for row in new["rows"]:
        known = before.get(row["name"])
        if known is None or "error" in row:
            continue
        a, b = known["released_share"], row["released_share"]
        moved = a["low"] > b["high"] + CHANGED or b["low"] > a["high"] + CHANGED
        clear = "inconclusive" not in (known["verdict"], row["verdict"])
        if moved or (clear and known["verdict"] != row["verdict"]):
            found.append((row["name"], f"{known['verdict']} {a['median']:.0%}", f"{row['verdict']} {b['median']:.0%}"))
    return found
