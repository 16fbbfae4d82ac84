"""What a Cython function does with the GIL, from the structure of its source and the C that Cython wrote for each line.

Cython's own page adds up all uses of Python's C API into one colour per line. This module keeps four figures apart, for
each function: uses at the *boundary* (its `def`, `with nogil` and `with gil` lines), *inside nogil*, and *in a loop*,
and the *takes* of the GIL in a loop. A take costs more than anything yellow, and its line may be white.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from gilscope.results.codec import Json, encode

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
    """One line of a function, and what its C does."""

    number: int
    """Its number in the source, from 1."""
    loops: int
    """How many loops surround it."""
    nogil: bool
    """Whether the source says that it runs without the GIL."""
    boundary: bool
    """Whether it is the function's first line, or opens a `with nogil` or `with gil` block."""
    python: int
    """Uses of Python's C API when nothing is raised."""
    takes: int
    """Takes of the GIL when nothing is raised."""
    releases: int
    """Releases of the GIL."""


@dataclass(slots=True)
class Function:
    """What one function does with the GIL."""

    name: str
    line: int
    """Its first line."""
    end: int
    """Its last line."""
    nogil: bool
    """Whether its signature says `nogil`: it may be called without the GIL, which by itself releases nothing."""
    with_gil: bool
    """Whether its signature says `with gil`: each call takes the GIL."""
    lines: list[Line] = field(default_factory=list)
    hints: list[tuple[int, str]] = field(default_factory=list)
    """Cython's performance hints: (line, text)."""

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
    def takes_in_loop(self) -> int:
        """Takes of the GIL in loops."""
        return sum(line.takes for line in self.lines if line.loops)

    def to_json(self) -> Json:
        """All figures; the lines that release the GIL are under "releases"."""
        return {
            "name": self.name,
            "line": self.line,
            "end": self.end,
            "nogil": self.nogil,
            "boundary": self.boundary,
            "inside_nogil": self.inside_nogil,
            "in_loop": self.in_loop,
            "takes_in_loop": self.takes_in_loop,
            "releases": self.release_lines,
            "hints": [{"line": line, "text": text} for line, text in self.hints],
            "lines": encode(self.lines),
        }


@dataclass(frozen=True, slots=True)
class _Row:
    """A logical line of source: first and last line, indentation, and text without strings and comments."""

    first: int
    last: int
    indent: int
    text: str


def analyse(source: str, code: Mapping[int, str], hints: Sequence[tuple[int, str]] = ()) -> list[Function]:
    """Analyse the functions of a .pyx file.

    Parameters
    ----------
    source
        The text of the file.
    code
        The C that runs when nothing is raised, by line; see usual_by_line.
    hints
        Cython's performance hints, as (line, text).

    Returns
    -------
    list of Function
        In the order of their first lines.
    """
    functions: list[Function] = []
    rows = list(_rows(source))
    raising = _raising(rows)
    takers = {match["name"] for row in rows if (match := _function(row)) and re.search(r"\bwith\s+gil\s*:$", row.text)}
    blocks: list[tuple[int, str]] = []  # (indentation, kind), outermost first
    here: list[Function] = []
    for row in rows:
        while blocks and blocks[-1][0] >= row.indent:
            if blocks.pop()[1] == "function":
                here.pop()
        match = _function(row)
        if match:
            functions.append(_signature(row, match))
            here.append(functions[-1])
            blocks.append((row.indent, "function"))
        if here:
            kind = _opens(row.text)
            runs = {} if row in raising else code
            here[-1].lines += _lines(row, runs, here[-1], _inside(blocks), takers, is_signature=bool(match))
            here[-1].end = row.last
            if kind and not match:
                blocks.append((row.indent, kind))
    for number, text in hints:
        around = (function for function in reversed(functions) if function.line <= number <= function.end)
        if function := next(around, None):
            function.hints.append((number, text))
    return functions


def _signature(row: _Row, match: "re.Match[str]") -> Function:
    """The function that a row begins, without its lines."""
    rest = row.text[match.end() :]
    nogil, with_gil = re.search(r"\)[^)]*\bnogil\b", rest), re.search(r"\bwith\s+gil\s*:$", rest)
    return Function(match["name"], row.first, row.last, nogil=bool(nogil), with_gil=bool(with_gil))


def _inside(blocks: Sequence[tuple[int, str]]) -> list[str]:
    """The kinds of the blocks that are open in the innermost function."""
    kinds = [kind for _, kind in blocks]
    return kinds[len(kinds) - kinds[::-1].index("function") :]


def _lines(
    row: _Row,
    code: Mapping[int, str],
    function: Function,
    inside: Sequence[str],
    takers: set[str],
    *,
    is_signature: bool,
) -> Iterator[Line]:
    """The lines of a row in a function. `code` is empty where the row runs only on the way to a `raise`."""
    regions = [kind for kind in inside if kind in ("nogil", "gil", "loop nogil")]
    nogil = (regions[-1] != "gil") if regions else function.nogil and not function.with_gil
    calls = [re.findall(rf"\b{name}\s*\(", row.text) for name in takers] if nogil and code and not is_signature else []
    for number in range(row.first, row.last + 1):
        text = code.get(number, "")
        # What the author calls by its name without the GIL is declared to need none (PyArray_ITER_NEXT).
        uses = [name for name in _PYTHON.findall(text) if not (nogil and name in row.text)]
        takes = 0 if is_signature else len(_TAKE.findall(text))
        yield Line(
            number=number,
            loops=sum(kind.startswith("loop") for kind in inside),
            nogil=nogil and not is_signature,
            boundary=is_signature or _opens(row.text) in ("nogil", "gil"),
            python=len(uses),
            takes=takes + (sum(map(len, calls)) if number == row.first else 0),
            releases=len(_RELEASE.findall(text)),
        )


def _function(row: _Row) -> "re.Match[str] | None":
    if not row.text.endswith(":") or _NOT_FUNCTION.match(row.text):
        return None
    return _FUNCTION.match(row.text)


def _opens(text: str) -> str | None:
    """The kind of block that a line opens, if it matters here."""
    if re.match(r"(?:for|while)\b.*:$", text):
        return "loop nogil" if re.search(r"\bprange\s*\(.*\bnogil\s*=\s*True", text) else "loop"
    if text.startswith("with ") and (words := re.findall(r"(?:^with|,)\s*(gil|nogil)\b(?=\s*[,:])", text)):
        # Among others, as in `with lock, nogil:`. Not `nogil(condition)`: for some types it keeps the GIL.
        return str(words[-1])
    return None


def _rows(source: str) -> Iterator[_Row]:
    """Logical lines: what stands in brackets or after a backslash belongs together. Strings are emptied."""
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
    """The rows that run only on the way to a `raise`: the branches and `with gil` blocks that end with one."""
    raising: set[_Row] = set()
    for at, row in enumerate(rows):
        if row.text.startswith("raise"):
            raising.add(row)
        if not re.match(r"(?:if|elif|else|with\s+gil)\b.*:$", row.text):
            continue
        block: list[_Row] = []
        for inner in rows[at + 1 :]:
            if inner.indent <= row.indent:
                break
            block.append(inner)
        last = next((inner for inner in reversed(block) if inner.indent == block[0].indent), None)
        if last and last.text.startswith("raise"):
            raising.update(block)
            if row.text.startswith("with"):
                raising.add(row)
    return raising


def code_by_line(c: str, file: str) -> dict[int, str]:
    """The C that Cython wrote for each line of the source named `file`.

    It stands between one comment that names a line and the next. The clean-up at a function's end belongs to no line.
    """
    pieces: dict[int, list[str]] = {}
    marks = list(_COMMENT.finditer(c))
    for mark, after in zip_longest(marks, marks[1:]):
        if mark["file"].rsplit("/", 1)[-1] == file:
            text = c[mark.end() : after.start() if after else len(c)]
            for end in _ENDS:
                text = text.partition(end)[0]
            pieces.setdefault(int(mark["line"]), []).append(text)
    return {line: "\n".join(texts) for line, texts in pieces.items()}


def usual_by_line(c: str, file: str) -> dict[int, str]:
    """The same, but only what runs in a call that raises nothing, without the end of a parallel loop."""

    def mark(token: re.Match[str]) -> str:
        text = token[0]
        if match := _COMMENT.fullmatch(text):
            return f"\f{match['line'] if match['file'].rsplit('/', 1)[-1] == file else 0}\f"
        if text.startswith(_ENDS):
            return "\f0\f"
        return text if text == "/*exception exit:*/" else '""' if text[0] == '"' else ""

    module = _MODULE.search(c)
    pieces = _usual(_TOKEN.sub(mark, c[: module.start()] if module else c)).split("\f")
    code: dict[int, str] = {}
    for line, text in zip(pieces[1::2], pieces[2::2], strict=True):
        code[int(line)] = code.get(int(line), "") + text.partition("Py_END_ALLOW_THREADS")[0]
    return code


def _usual(text: str) -> str:
    """C without what runs only when something is raised.

    `if (unlikely(...))` keeps only the part of its condition that is always evaluated: neither its body, nor what
    follows `&&` behind a value that may mean an error.
    """
    parts, at = [], 0
    while match := _UNUSUAL.search(text, at):
        parts.append(text[at : match.start()])
        at = _closing(text, match.end())
        if match[0].endswith("("):
            parts.append(text[match.end() : at].partition("&&")[0])
            while text[at : at + 1] == " ":
                at += 1
            at = _closing(text, at + 1) if text[at : at + 1] == "{" else (text.find("\n", at) + 1 or len(text))
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
