"""What a Cython function does with the GIL, line by line.

Cython's own page adds up all uses of Python's C API into one colour per line. Here the figures stand apart, for each
function: uses at the *boundary* (its `def`, `with nogil` and `with gil` lines), *inside nogil*, *in loops* and
*outside* of them; and the *takes* and the *releases* of the GIL in loops. These cost more than anything yellow, and
their line may be white.
"""

from dataclasses import dataclass

from gilscope.results.codec import Json, encode


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a function, and what it does."""

    number: int
    """Its number in the source, from 1."""
    loops: int
    """How many loops surround it."""
    nogil: bool
    """Whether it runs without the GIL."""
    boundary: bool
    """Whether it is the function's first line, or opens a `with nogil` or `with gil` block."""
    python: int
    """Uses of Python's C API when nothing is raised."""
    takes: int
    """Takes of the GIL when nothing is raised, those of the functions that it calls included."""
    releases: int
    """Releases of the GIL."""
    takes_in_loop: int = 0
    """Those of the takes that a loop repeats: not what stands before a `break` or `return`."""
    releases_in_loop: int = 0
    """Those of the releases that a loop repeats."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One of Cython's performance hints."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Function:
    """What one function does with the GIL."""

    name: str
    """With the classes and functions around it, as in Class.method; a property has size.__get__ and size.__set__."""
    module: str
    """The full name of its module."""
    line: int
    """Its first line."""
    end: int
    """Its last line."""
    nogil: bool
    """Whether its signature says `nogil`: it may be called without the GIL, which by itself releases nothing."""
    with_gil: bool
    """Whether its signature says `with gil`: each call takes the GIL."""
    specialisations: int = 1
    """How many C functions Cython makes of it: more than 1 for fused types. All figures are those of the largest."""
    entry_takes: bool = False
    """Whether each call takes the GIL before its first line or after its last one, although it is `nogil`."""
    through: tuple[str, ...] = ()
    """Functions that it calls with the GIL, and that release it."""
    lines: tuple[Line, ...] = ()
    hints: tuple[Hint, ...] = ()
    """Cython's performance hints."""

    @property
    def full_name(self) -> str:
        """The name with its module: module.Class.method."""
        return f"{self.module}.{self.name}"

    @property
    def release_lines(self) -> list[int]:
        """The numbers of the lines that release the GIL."""
        return [line.number for line in self.lines if line.releases]

    @property
    def boundary(self) -> int:
        """Uses of Python's C API in the signature and in the lines that open a nogil or gil block."""
        return sum(line.python for line in self.lines if line.boundary)

    @property
    def inside_nogil(self) -> int:
        """Uses of Python's C API where the source says nogil."""
        return sum(line.python for line in self.lines if line.nogil and not line.boundary)

    @property
    def in_loop(self) -> int:
        """Uses of Python's C API in loops."""
        return sum(line.python for line in self.lines if line.loops and not line.boundary)

    @property
    def outside_loops(self) -> int:
        """Uses of Python's C API that are neither at the boundary nor in a loop."""
        return sum(line.python for line in self.lines if not line.loops and not line.boundary)

    @property
    def takes_in_loop(self) -> int:
        """Takes of the GIL in loops."""
        return sum(line.takes_in_loop for line in self.lines)

    @property
    def releases_in_loop(self) -> int:
        """Releases of the GIL in loops: each costs a take, too."""
        return sum(line.releases_in_loop for line in self.lines)

    @property
    def releases(self) -> bool:
        """Whether it releases the GIL, by itself or through a function that it calls."""
        return bool(self.release_lines or self.through)

    @property
    def could_release(self) -> bool:
        """Whether it holds the GIL all the time, and has a loop that has no use for it."""
        has_loop = any(line.loops for line in self.lines)
        return has_loop and not (self.nogil or self.with_gil or self.releases or self.in_loop)

    def verdict(self) -> str:
        """In a few words, whether and where it releases."""
        if self.release_lines:
            return ", ".join(f"line {line}" for line in self.release_lines)
        if self.through:
            return f"through {', '.join(self.through)}"
        return "may run without" if self.nogil and not self.with_gil else "never itself"

    def to_json(self) -> Json:
        """All figures; the lines that release the GIL are under "releases"."""
        return {
            "name": self.name,
            "module": self.module,
            "line": self.line,
            "end": self.end,
            "nogil": self.nogil,
            "with_gil": self.with_gil,
            "specialisations": self.specialisations,
            "boundary": self.boundary,
            "inside_nogil": self.inside_nogil,
            "in_loop": self.in_loop,
            "outside_loops": self.outside_loops,
            "takes_in_loop": self.takes_in_loop,
            "releases_in_loop": self.releases_in_loop,
            "entry_takes": self.entry_takes,
            "releases": self.release_lines,
            "through": list(self.through),
            "hints": encode(self.hints),
            "lines": encode(self.lines),
        }
