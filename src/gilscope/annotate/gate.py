"""The gate: what breaks the rules, what is waived in a source, what a baseline knows, and what was looked at.

A breach is waived by a comment on its line, on the line above it, or on the first line of its function:

    # gilscope: allow take-in-loop, one take for a hundred rows
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gilscope.annotate.build import Page
from gilscope.annotate.compile import AnnotateError
from gilscope.annotate.model import Function, Line
from gilscope.annotate.rules import Rules, matches, rules_for, unmatched
from gilscope.results import FormatError, files
from gilscope.results.codec import Json, decode, encode_fields

FORMAT, VERSION = "gilscope.annotate", 2
"""Version 2 has names with their class, a breach's function and code, and the figures that version 1 lacks."""
RULES = ("take-in-loop", "release-in-loop", "python-inside-nogil", "performance-hint", "must-release")
_WAIVER = re.compile(r"#\s*gilscope:\s*allow\s+([\w-]+)\s*(?:,\s*(.*\S))?")


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule in one place."""

    file: str
    line: int
    rule: str
    text: str
    function: str = ""
    """With its module and class; "" in a document of version 1."""
    code: str = ""
    """The text of the line."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.text}"

    @property
    def key(self) -> tuple[str, ...]:
        """What stays the same when lines move."""
        return self.file, self.rule, self.function, self.code

    @property
    def old_key(self) -> tuple[str, ...]:
        """What version 1 knows of it: neither class nor folder."""
        stem, name = Path(self.file).stem, self.function.rpartition(".")[2]
        text = self.text.replace(self.function, f"{stem}.{name}", 1) if self.function else self.text
        return Path(self.file).name, self.rule, text

    def as_github(self) -> str:
        """As GitHub Actions shows it at its line."""
        return f"::error file={self.file},line={self.line},title=gilscope {self.rule}::{self.text}"


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """One file, and what each of its functions does with the GIL."""

    file: str
    functions: tuple[Function, ...]
    module: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """What `gilscope annotate --json` writes: all figures, and what breaks the rules."""

    files: tuple[SourceFigures, ...]
    breaches: tuple[Breach, ...]

    def to_json(self) -> Json:
        return {"format": FORMAT, "version": VERSION} | encode_fields(self)


def breaches(pages: Sequence[Page]) -> list[Breach]:
    """All breaches that are not waived, file by file, in the order of the functions.

    AnnotateError if a rule makes no sense, or if a pattern of must-release names no function.
    """
    by_rules: dict[Rules, list[tuple[Function, Path]]] = defaultdict(list)
    all_of_them = []
    for page in pages:
        rules = rules_for(page.source)
        by_rules[rules] += [(function, page.source) for function in page.functions]
        text = page.source.read_text(encoding="utf-8", errors="replace").split("\n")
        for function in page.functions:
            found = _breaches(page, function, rules, text)
            all_of_them += [breach for breach in found if not _waived(breach, function, text)]
    for rules, functions in by_rules.items():
        for pattern in unmatched(rules, functions):
            raise AnnotateError(
                f"{rules.file}: must-release: {pattern!r} names none of the {len(functions):,} functions that were "
                "looked at; write MODULE.CLASS.FUNCTION, with * and ?"
            )
    return all_of_them


def _breaches(page: Page, function: Function, rules: Rules, text: Sequence[str]) -> Iterator[Breach]:
    file, name = shown(page.source), function.full_name

    def breach(line: int, rule: str, words: str) -> Breach:
        code = text[line - 1].strip() if line <= len(text) else ""
        return Breach(file, line, rule, f"{name} {words}", name, code)

    for line in function.lines:
        for rule, words in _of_line(line, rules):
            yield breach(line.number, rule, words)
    if not rules.performance_hints:
        for hint in function.hints:
            yield breach(hint.line, "performance-hint", f"has a hint of Cython's: {hint.text}")
    must = any(matches(pattern, function, page.source) for pattern in rules.must_release)
    if must and not function.releases:
        yield breach(function.line, "must-release", "never releases the GIL")


def _of_line(line: Line, rules: Rules) -> Iterator[tuple[str, str]]:
    if line.takes_in_loop and not rules.takes_in_loops:
        yield "take-in-loop", "takes the GIL in a loop"
    if line.releases_in_loop and not rules.releases_in_loops:
        yield "release-in-loop", "releases the GIL in a loop, and takes it back on each round"
    if line.nogil and line.python and not line.boundary and not rules.python_inside_nogil:
        yield "python-inside-nogil", "uses Python without the GIL"


def _waived(breach: Breach, function: Function, text: Sequence[str]) -> bool:
    """Whether a comment allows the breach. AnnotateError if it gives no reason, or names no rule."""
    above = text[breach.line - 2] if breach.line > 1 else ""
    lines = [text[breach.line - 1], text[function.line - 1], *([above] if above.lstrip().startswith("#") else [])]
    for line in lines:
        for rule, reason in _WAIVER.findall(line):
            if rule not in RULES:
                raise AnnotateError(f"{breach.file}: '{line.strip()}' allows no rule; use {', '.join(RULES)}")
            if not reason:
                raise AnnotateError(f"{breach.file}: '{line.strip()}' lacks a reason; write 'allow {rule}, REASON'")
            if rule == breach.rule:
                return True
    return False


def shown(path: Path) -> str:
    """The path as seen from here, as editors and CI expect it."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def document(pages: Sequence[Page], breaches: Sequence[Breach]) -> Document:
    """The document of these pages, which also serves as a baseline."""
    files = tuple(SourceFigures(shown(page.source), page.functions, page.module) for page in pages)
    return Document(files, tuple(breaches))


def new_breaches(breaches: Sequence[Breach], baseline: Path) -> list[Breach]:
    """The breaches that an earlier document does not have, even if their lines have moved since.

    AnnotateError says in one line what is wrong with the baseline.
    """
    try:
        value = files.read(baseline)
        version = files.check_format(value, str(baseline), FORMAT, (1, VERSION), "gilscope annotate --json")
        known = decode(tuple[Breach, ...], value.get("breaches"), f"{baseline}: breaches")
    except FormatError as error:
        raise AnnotateError(str(error)) from error

    def key(breach: Breach) -> tuple[str, ...]:
        return breach.key if version == VERSION else breach.old_key

    left = Counter(key(breach) for breach in known)
    new = []
    for breach in breaches:
        if left[key(breach)] > 0:
            left[key(breach)] -= 1
        else:
            new.append(breach)
    return new


def summary(pages: Sequence[Page], broken: int) -> str:
    """What was looked at, in one line."""
    functions = [function for page in pages for function in page.functions]
    releasing = sum(function.releases for function in functions)
    rules = "1 rule" if broken == 1 else f"{broken:,} rules"
    return f"{len(functions):,} functions in {len(pages):,} files, {releasing:,} release; {rules} broken"


def could_release(pages: Sequence[Page], at_most: int = 5) -> str | None:
    """A note on the functions that hold the GIL all the time, and whose loops have no use for it; None without any."""
    could = [(f, page.source) for page in pages for f in page.functions if f.could_release]
    if not could:
        return None
    could.sort(key=lambda item: -sum(line.loops for line in item[0].lines))
    names = ", ".join(f"{f.full_name} ({shown(source)}:{f.line})" for f, source in could[:at_most])
    more = f" and {len(could) - at_most:,} more" if len(could) > at_most else ""
    many = "1 function never releases" if len(could) == 1 else f"{len(could):,} functions never release"
    return (
        f"note: {many} the GIL, though no loop there uses Python; the heaviest: {names}{more}. "
        f'To demand it: must-release = ["{could[0][0].full_name}"] in [tool.gilscope.annotate] of pyproject.toml'
    )
