"""Uses of Python in the generated C, by the position that Cython's writer keeps for each line of C.

That position does not depend on the comments in the C, which a directive switches off, and it has the whole path of a
file, so that included files and files of one name stay apart.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Position = tuple[str, int]
"""A file and a line in it."""

_TOKEN = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_UNUSUAL = re.compile(
    r"\bif \((?:(?=[^;{\n]*\bunlikely\()|__pyx_parallel_(?:why|exc_type)\)\s*\{)"
    r"|(?:\b__pyx_L\d+_error:;?|/\*exception exit:\*/|\bcatch\s*\([^)]*\))\s*\{"
)
_CLEAN_UP = re.compile(r"\b__pyx_L\d+_error:;.*?(?=\b__pyx_L\d+:;|\Z)", re.DOTALL)
_ROUND, _CURLY = re.compile(r"[()]"), re.compile(r"[{}]")
_TAKE = re.compile(r"\b(?:__Pyx_)?PyGILState_Ensure\(")
_NAME = re.compile(r"\b__pyx_(?P<kind>[a-z]+)_\w+(?=\()")
_EXIT = "/* function exit code */"
_NOT_OF_CALLS = re.compile(r"__pyx_pymod_|__Pyx_(?:modinit|Init|Create)")
_PUBLIC = (
    r"(?!(?:__Pyx_)?PyGILState_|PyEval_(?:Save|Restore)Thread|PyMutex_)"
    r"(?:Py[A-Z][A-Za-z]*_[A-Z]\w*|_Py[A-Z]\w*|__Pyx_Py\w+|__Pyx_(?:Get|Set|Call|Iter|Import|Del|Unpack|Print)\w*)"
)
_NARROW = re.compile(rf"\b({_PUBLIC})\(")
"""Where the GIL is not held: by its own checks Cython lets nothing else of Python through."""
_HELPERS = (
    r"(?!__Pyx_(?:PyGILState_|X?(?:GOT|GIVE)REF|X?(?:DEC|INC)REF|X?CLEAR|RefNanny|ErrOccurredWithGIL|ErrFetch|ErrRestore|Trace|Add"
    r"Traceback|FastGIL|(?:Save|Restore)UnknownThread|RaiseUnboundLocalError|NewRef|"
    r"pow_|mod_|div_|abs_|c_|sqrt|(?:add|sub|mul|div|lshift)_\w*checking|UNARY|CREAL|CIMAG|SET_|sizeof|fits|Is|IS_|"
    r"Memview|mem|BEGIN_CRITICAL|END_CRITICAL|Locks?_|call_next|must|init|uchar|bits|default|is_)\w*)"
    r"(?:__Pyx_[A-Za-z]\w*|__pyx_convert_\w*_py_\w*|__pyx_memoryview_\w+)"
)
_BROAD = re.compile(rf"\b({_PUBLIC}|{_HELPERS})\(")
"""Where the GIL is held: what Cython itself writes around the C-API, too."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The lines of C that belong to one line of a source, in one C function."""

    text: str
    """As it stands in the file."""
    usual: str
    """What a call runs that raises nothing."""
    kind: str
    """Of its C function: "f", "pw" (which unpacks the arguments), "pf" (which does the work) ..."""
    function: int
    """Where its C function begins."""
    clean_up: bool
    """Whether it is the end of the C function."""


def pieces(c: str, positions: Sequence[Position]) -> dict[Position, list[Piece]]:
    """The C of each line of the sources.

    Parameters
    ----------
    c
        The generated file.
    positions
        For each line of it, the file and the line that it was written for.
    """
    lines = c.split("\n")
    usual = without_errors(c).split("\n")
    found: dict[Position, list[Piece]] = defaultdict(list)
    for first, last in _functions(lines):
        name = _NAME.search(lines[first])
        body_end = next((i for i in range(first, last) if _EXIT in lines[i]), last)
        for start, end in _runs(positions, first, last, body_end):
            piece = Piece(
                "\n".join(lines[start:end]),
                "\n".join(usual[start:end]).partition("Py_END_ALLOW_THREADS")[0],
                name["kind"] if name else "",
                first,
                clean_up=start >= body_end,
            )
            found[positions[start]].append(piece)
    return dict(found)


def python_uses(parts: Sequence[Piece], names: set[str], *, nogil: bool, fused: bool) -> int:
    """How often one line uses Python.

    `names` are those that the source calls without the GIL: it declares that they need none, whatever they look like.
    A fused function has one C function of each kind per specialisation: only the largest of them counts. But where some
    hold the GIL and others do not, what those use that hold it is not inside nogil.
    """
    pattern = _NARROW if nogil else _BROAD
    by_function: Counter[tuple[str, int]] = Counter()
    for part in parts:
        if not part.clean_up:
            uses = (name for name in pattern.findall(part.usual) if name not in names)
            by_function[part.kind, part.function] += sum(1 for _ in uses)
    if not fused:
        return by_function.total()
    by_kind: dict[str, list[int]] = defaultdict(list)
    for (kind, _), uses_of_one in by_function.items():
        by_kind[kind].append(uses_of_one)
    return sum((min if nogil else max)(counts) for counts in by_kind.values())


def takes_at_ends(parts: Sequence[Piece]) -> bool:
    """Whether the C of a function's first line takes the GIL before or after the body, if nothing is raised."""
    return any(_TAKE.search(_CLEAN_UP.sub("", part.usual) if part.clean_up else part.usual) for part in parts)


def texts(found: Mapping[Position, Sequence[Piece]], file: str) -> dict[int, str]:
    """The C of each line of one file, to show."""
    return {
        line: "\n".join(part.text for part in parts if not part.clean_up)
        for (name, line), parts in found.items()
        if name == file
    }


def _functions(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The C functions that Cython wrote for functions of a source: first line, and the line after the last.

    The preprocessor may choose between two lists of parameters, so a header can have many lines.
    """
    start, inside = 0, False
    for number, line in enumerate(lines):
        if line.startswith("}"):
            if inside and not _NOT_OF_CALLS.search(lines[start]) and "(" in lines[start]:
                yield start, number + 1
            start, inside = number + 1, False
        elif not inside and line.endswith("{") and not line.startswith((" ", "#")):
            inside = True
        elif not inside and (not line.strip() or line.startswith(("/*", " ")) or line.endswith(";")):
            start = number + 1


def _runs(positions: Sequence[Position], first: int, last: int, body_end: int) -> Iterator[tuple[int, int]]:
    """Stretches of C lines with one position; the clean-up at a function's end is a stretch of its own."""
    start = first
    for number in range(first + 1, last + 1):
        if number in (last, body_end) or positions[number] != positions[start]:
            yield start, number
            start = number


def without_errors(c: str) -> str:
    """The C that a call runs that raises nothing, with as many lines as before, without comments and strings.

    `if (unlikely(...))` keeps only the part of its condition that is always evaluated: neither its body, nor what
    follows `&&` behind a value that may mean an error.
    """

    def plain(token: re.Match[str]) -> str:
        text = token[0]
        if text in (_EXIT, "/*exception exit:*/"):
            return text
        return '""' if text[0] == '"' else "\n" * text.count("\n")

    text = _TOKEN.sub(plain, c)
    parts, at = [], 0
    while match := _UNUSUAL.search(text, at):
        parts.append(text[at : match.start()])
        at = _closing(text, match.end())
        if match[0].endswith("("):
            always, _, rest = text[match.end() : at].partition("&&")
            parts += [always, "\n" * rest.count("\n")]
            start = at
            while text[at : at + 1] == " ":
                at += 1
            at = _closing(text, at + 1) if text[at : at + 1] == "{" else (text.find("\n", at) + 1 or len(text))
            parts.append("\n" * text.count("\n", start, at))
        else:
            parts.append("\n" * text.count("\n", match.start(), at))
    return "".join([*parts, text[at:]])


def _closing(text: str, at: int) -> int:
    """The place after the bracket that closes the one before `at`, or the function's end if the preprocessor hid it."""
    opens = text[at - 1]
    bracket = _ROUND if opens == "(" else _CURLY
    depth = 1
    end = text.find("\n}", at)
    end = len(text) if end < 0 else end
    for match in bracket.finditer(text, at, end):
        depth += 1 if match[0] == opens else -1
        if not depth:
            return match.end()
    return end
