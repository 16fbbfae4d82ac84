"""What the child answers about one source."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallFact:
    """One call, from where it stands to the function that it names."""

    line: int
    callees: tuple[str, ...]
    """C names; "py:NAME" for a Python function of the module. More than one if a pointer may hold any of them."""
    nogil: bool
    """Whether it runs without the GIL."""
    in_loop: bool
    """Whether a loop comes here on each round."""
    error: bool
    """Whether it runs only on the way to an error."""


@dataclass(slots=True)
class LineFact:
    """One line of a function."""

    number: int
    loops: int = 0
    nogil: bool = False
    boundary: bool = False
    raising: bool = False
    """Whether all of it runs only on the way to a `raise`."""
    takes: int = 0
    takes_in_loop: int = 0
    releases: int = 0
    releases_in_loop: int = 0
    python: int = 0


@dataclass(slots=True)
class FunctionFact:
    """One function as written, whatever number of C functions Cython makes of it."""

    name: str
    """With its classes and the functions around it: Class.method."""
    module: str
    file: str
    line: int
    end: int
    nogil: bool = False
    with_gil: bool = False
    entry_takes: bool = False
    """Whether the C of a nogil function takes the GIL before its first line or after its last one."""
    specialisations: int = 1
    cnames: tuple[str, ...] = ()
    """The names of its C functions, as a call names them."""
    lines: tuple[LineFact, ...] = ()
    calls: tuple[CallFact, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleFact:
    """One source, with all that it includes."""

    module: str
    """Its full name, as Cython compiles it."""
    source: str
    included: tuple[tuple[str, str], ...]
    """The files that `include` brings in, and Cython's page of each: "" where it has none."""
    functions: tuple[FunctionFact, ...]
    code: Mapping[str, Mapping[int, str]]
    """The C of each line, by file and line."""
    unseen: tuple[tuple[str, int, str], ...]
    """File, line and name of the functions that are written, but not in the tree that Cython compiles."""
    files: tuple[str, ...]
    """Every file that Cython read for it: what an outcome depends on."""
