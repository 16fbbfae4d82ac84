"""What a Cython function does with the GIL, from its source's structure and the C that Cython wrote for each line.

Cython's own page adds up every use of Python's C API into one colour a line. Here four figures stay apart, for each
function: at the *boundary* (its `def`, `with nogil` and `with gil` lines), *inside nogil*, *in a loop*, and the
*takes* of the GIL in a loop. A take costs more than anything that is yellow, and may be on a line that is white.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import Any

_COMMENT = re.compile(r'/\* "(?P<file>[^"\n]+)":(?P<line>\d+)\n(?: \*[^\n]*\n)*\s*\*/')
_TAKE = re.compile(r"\b(?:__Pyx_)?PyGILState_Ensure\(|\b__Pyx_ErrOccurredWithGIL\(")
_RELEASE = re.compile(r"\b(?:PyEval_SaveThread|__Pyx_SaveUnknownThread)\(")
_PYTHON = re.compile(
    r"\b(?!(?:__Pyx_)?PyGILState_|PyEval_(?:Save|Restore)Thread|PyMutex_)"
    r"(Py[A-Z][A-Za-z]*_[A-Z]\w*|_Py[A-Z]\w*|__Pyx_Py\w+|__Pyx_(?:Get|Set|Call|Iter|Import|Del|Unpack|Print)\w*)\("
)
_STRING = re.compile(r"('''|\"\"\").*?\1|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL)
_FUNCTION = re.compile(r"(?:async\s+)?(?:def|cpdef|cdef)\b[^(]*?(?P<name>\w+)\s*\(")
_NOT_FUNCTION = re.compile(r"cdef\s+(?:class|extern|struct|union|enum|packed|public\s+class|api\s+class)\b|cdef\s*:")


_TOKEN = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_UNUSUAL = re.compile(
    r"\bif \((?:(?=[^;{\n]*\bunlikely\()|__pyx_parallel_(?:why|exc_type)\)\s*\{)"
    r"|(?:\b__pyx_L\d+_error:;?|/\*exception exit:\*/|\bcatch\s*\([^)]*\))\s*\{"
)
_ROUND, _CURLY = re.compile(r"[()]"), re.compile(r"[{}]")
_MODULE = re.compile(r"^static CYTHON_SMALL_CODE int __pyx_pymod_exec_\w+\([^;]*$", re.MULTILINE)
_ENDS = ("/* function exit code */", "/* #### Code section")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a function, and what its C does."""

    number: int
    loops: int
    """How many loops it is in."""
    nogil: bool
    """In a region without the GIL, by the source."""
    boundary: bool
    python: int
    """Uses of Python's C API on the way that raises nothing."""
    takes: int
    releases: int


@dataclass(slots=True)
class Function:
    """What one function does with the GIL."""

    name: str
    line: int
    end: int
    nogil: bool
    """Its signature says nogil: it may be called without the GIL, and releases nothing by that."""
    with_gil: bool
    """Its signature says `with gil`: each call takes it."""
    lines: list[Line] = field(default_factory=list)
    hints: list[tuple[int, str]] = field(default_factory=list)
    """Cython's performance hints: (line, text)."""

    @property
    def releases(self) -> list[int]:
        """The lines that let the GIL go."""
        return [line.number for line in self.lines if line.releases]

    @property
    def boundary(self) -> int:
        return sum(line.python for line in self.lines if line.boundary)

    @property
    def inside_nogil(self) -> int:
        return sum(line.python for line in self.lines if line.nogil and not line.boundary)

    @property
    def in_loop(self) -> int:
        return sum(line.python for line in self.lines if line.loops and not line.boundary)

    @property
    def takes_in_loop(self) -> int:
        return sum(line.takes for line in self.lines if line.loops)

    def to_json(self) -> dict[str, Any]:
        figures = ("boundary", "inside_nogil", "in_loop", "takes_in_loop", "releases")
        return {
            "name": self.name,
            "line": self.line,
            "end": self.end,
            "nogil": self.nogil,
            **{figure: getattr(self, figure) for figure in figures},
            "hints": [{"line": line, "text": text} for line, text in self.hints],
            "lines": [asdict(line) for line in self.lines],
        }


@dataclass(frozen=True, slots=True)
class _Row:
    """A logical line of source: its first and last line, its indentation, its text without strings and comments."""

    first: int
    last: int
    indent: int
    text: str


def analyse(source: str, code: Mapping[int, str], hints: Sequence[tuple[int, str]] = ()) -> list[Function]:
    """The functions of a .pyx, in the order of their lines.

    source: its text. code: the C of each line that runs in a call (see usual_by_line). hints: performance hints, as
    (line, text).
    """
    functions: list[Function] = []
    rows = list(_rows(source))
    raising = _raising(rows)
    takers = {match["name"] for row in rows if (match := _function(row)) and re.search(r"\bwith\s+gil\s*:$", row.text)}
    blocks: list[tuple[int, str]] = []  # of (indentation, what), outermost first
    here: list[Function] = []
    for row in rows:
        while blocks and blocks[-1][0] >= row.indent:
            if blocks.pop()[1] == "function":
                here.pop()
        match = _function(row)
        if match:
            header = row.text[match.end() :]
            function = Function(
                name=match["name"],
                line=row.first,
                end=row.last,
                nogil=bool(re.search(r"\)[^)]*\bnogil\b", header)),
                with_gil=bool(re.search(r"\bwith\s+gil\s*:$", header)),
            )
            functions.append(function)
            here.append(function)
            blocks.append((row.indent, "function"))
        if here:
            what = _opens(row.text)
            inside = [kind for _, kind in blocks[max(i for i, b in enumerate(blocks) if b[1] == "function") :]]
            regions = [kind for kind in inside if kind in ("nogil", "gil", "loop nogil")]
            nogil = (regions[-1] != "gil") if regions else here[-1].nogil and not here[-1].with_gil
            loops = sum(kind.startswith("loop") for kind in inside)
            boundary = bool(match) or what in ("nogil", "gil")
            calls = sum(len(re.findall(rf"\b{name}\s*\(", row.text)) for name in takers) if nogil and not match else 0
            for number in range(row.first, row.last + 1):
                text = "" if row in raising else code.get(number, "")
                takes = len(_TAKE.findall(text)) if not match else 0
                # What the author calls by its name without the GIL is declared to need none (PyArray_ITER_NEXT).
                uses = [name for name in _PYTHON.findall(text) if not (nogil and name in row.text)]
                here[-1].lines.append(
                    Line(
                        number=number,
                        loops=loops,
                        nogil=nogil and not match,
                        boundary=boundary,
                        python=len(uses),
                        takes=takes + (calls if number == row.first and row not in raising else 0),
                        releases=len(_RELEASE.findall(text)),
                    )
                )
            here[-1].end = row.last
            if what and not match:
                blocks.append((row.indent, what))
    for number, text in hints:
        for function in reversed(functions):
            if function.line <= number <= function.end:
                function.hints.append((number, text))
                break
    return functions


def _function(row: _Row) -> "re.Match[str] | None":
    if not row.text.endswith(":") or _NOT_FUNCTION.match(row.text):
        return None
    return _FUNCTION.match(row.text)


def _opens(text: str) -> str | None:
    """What kind of block a line opens, if the kind matters here."""
    if re.match(r"(?:for|while)\b.*:$", text):
        return "loop nogil" if re.search(r"\bprange\s*\(.*\bnogil\s*=\s*True", text) else "loop"
    if text.startswith("with ") and (found := re.findall(r"(?:^with|,)\s*(gil|nogil)\b(?=\s*[,:])", text)):
        # Among others, as in `with lock, nogil:`. Not `nogil(condition)`: for some types it keeps the GIL.
        return str(found[-1])
    return None


def _rows(source: str) -> Iterator[_Row]:
    """Logical lines: those in brackets, or after a backslash, belong together. Strings keep their lines only."""
    plain = _STRING.sub(lambda string: "''" + "\n" * string[0].count("\n"), source)
    lines = [re.sub(r"#.*", "", line).rstrip() for line in plain.split("\n")]
    number = 0
    while number < len(lines):
        first, text = number, lines[number]
        while (sum(text.count(c) for c in "([{") > sum(text.count(c) for c in ")]}") or text.endswith("\\")) and (
            number + 1 < len(lines)
        ):
            number += 1
            text = text.rstrip("\\") + " " + lines[number].strip()
        if text.strip():
            yield _Row(first + 1, number + 1, len(text) - len(text.lstrip()), text.strip())
        number += 1


def _raising(rows: Sequence[_Row]) -> set[_Row]:
    """The rows on the way to a `raise`: of the branches and `with gil` blocks that end with one."""
    found: set[_Row] = set()
    for at, row in enumerate(rows):
        if row.text.startswith("raise"):
            found.add(row)
        if not re.match(r"(?:if|elif|else|with\s+gil)\b.*:$", row.text):
            continue
        block: list[_Row] = []
        for inner in rows[at + 1 :]:
            if inner.indent <= row.indent:
                break
            block.append(inner)
        last = next((inner for inner in reversed(block) if inner.indent == block[0].indent), None)
        if last and last.text.startswith("raise"):
            found.update(block)
            if row.text.startswith("with"):
                found.add(row)
    return found


def code_by_line(c: str, file: str) -> dict[int, str]:
    """The C that Cython wrote for each line of a source; file: its name, as the comments of `c` have it.

    It stands between one comment that names a line and the next; what cleans up at a function's end is nobody's.
    """
    found: dict[int, list[str]] = {}
    marks = list(_COMMENT.finditer(c))
    for mark, after in zip_longest(marks, marks[1:]):
        if mark["file"].rsplit("/", 1)[-1] == file:
            text = c[mark.end() : after.start() if after else len(c)]
            for end in _ENDS:
                text = text.partition(end)[0]
            found.setdefault(int(mark["line"]), []).append(text)
    return {line: "\n".join(texts) for line, texts in found.items()}


def usual_by_line(c: str, file: str) -> dict[int, str]:
    """The same, without what runs only when something is raised, or once, when the module is imported, and without
    what a parallel loop does at its end."""

    def mark(token: re.Match[str]) -> str:
        text = token[0]
        if match := _COMMENT.fullmatch(text):
            return f"\f{match['line'] if match['file'].rsplit('/', 1)[-1] == file else 0}\f"
        if text.startswith(_ENDS):
            return "\f0\f"
        return text if text == "/*exception exit:*/" else '""' if text[0] == '"' else ""

    module = _MODULE.search(c)
    pieces = _usual(_TOKEN.sub(mark, c[: module.start()] if module else c)).split("\f")
    found: dict[int, str] = {}
    for line, text in zip(pieces[1::2], pieces[2::2], strict=True):
        found[int(line)] = found.get(int(line), "") + text.partition("Py_END_ALLOW_THREADS")[0]
    return found


def _usual(text: str) -> str:
    """C without what runs only when something is raised.

    Of `if (unlikely(...))` stays what is asked always: not its body, and not what `&&` asks after the value that may
    mean an error.
    """
    kept, at = [], 0
    while match := _UNUSUAL.search(text, at):
        kept.append(text[at : match.start()])
        at = _closing(text, match.end())
        if match[0].endswith("("):
            kept.append(text[match.end() : at].partition("&&")[0])
            while text[at : at + 1] == " ":
                at += 1
            at = _closing(text, at + 1) if text[at : at + 1] == "{" else (text.find("\n", at) + 1 or len(text))
    return "".join([*kept, text[at:]])


def _closing(text: str, at: int) -> int:
    """Behind the bracket that closes the one just before `at`; at the function's end, where the preprocessor hid it."""
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
