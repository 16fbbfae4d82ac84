"""The atlas: what well-known functions do with the GIL, on this interpreter and with these versions."""

import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from gilscope.host import gil_enabled
from gilscope.probes.catalogue import CATALOGUE, Entry
from gilscope.probes.child import TargetError, Task, run
from gilscope.results.atlas import Atlas, AtlasRow

LIMIT = 30.0
"""Seconds that an entry may take."""
DISTRIBUTIONS: Mapping[str, str] = {"PIL": "pillow"}
"""Where a module's distribution has another name."""


def entries(words: Sequence[str] = ()) -> list[Entry]:
    """The entries whose module is here, and whose group or name contains one of the words; without words, all."""
    chosen = [
        entry
        for entry in CATALOGUE
        if not words or any(word.lower() in f"{entry.group} {entry.name}".lower() for word in words)
    ]
    here = {needs: find_spec(needs) is not None for needs in {entry.needs for entry in chosen}}
    return [entry for entry in chosen if here[entry.needs]]


def survey(
    chosen: Sequence[Entry], seconds: float = 0.3, progress: Callable[[float, str], None] | None = None
) -> Iterator[AtlasRow]:
    """Looks at each entry in a process of its own.

    Parameters
    ----------
    chosen
        Entries of the catalogue.
    seconds
        About how long to record each.
    progress
        Is told the part done, 0 to 1, and the next entry's name.
    """
    report = progress or (lambda done, label: None)
    for number, entry in enumerate(chosen):
        report(number / len(chosen), entry.name)
        yield _row(entry, seconds)
    report(1.0, "done")


def atlas(rows: Sequence[AtlasRow]) -> Atlas:
    """The rows, with the versions of everything that they may come from."""
    return Atlas(
        python=sys.version.split()[0],
        gil=gil_enabled(),
        machine=platform.machine(),
        versions=dict(_versions()),
        rows=tuple(rows),
    )


def _row(entry: Entry, seconds: float) -> AtlasRow:
    task = Task(name=entry.name, setup=entry.setup, statement=entry.statement, seconds=seconds, threads=None)
    try:
        return AtlasRow(entry.group, entry.name, entry.statement, run(task, LIMIT).look)
    except TargetError as error:
        return AtlasRow(entry.group, entry.name, entry.statement, None, str(error))


def _versions() -> Iterator[tuple[str, str]]:
    for name in sorted({DISTRIBUTIONS.get(entry.needs, entry.needs) for entry in CATALOGUE}):
        try:
            yield name, version(name)
        except PackageNotFoundError:  # the standard library's, or not here
            continue
