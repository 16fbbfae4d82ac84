"""From what Cython's tree says of each module to the functions' figures: calls are followed, across all modules given.

A call without the GIL takes it if the function that it names does: by its signature (`with gil`), at its entry, in a
block of its own, or through what it calls in turn. In the same way a function that calls another one with the GIL
releases it *through* that one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gilscope.annotate._tree.facts import CallFact, FunctionFact, LineFact, ModuleFact
from gilscope.annotate.model import Function, Hint, Line

WITH_GIL = "with gil"
"""What a call names whose signature alone says that it takes the GIL, whatever function it is."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A function and the module that was compiled when it was seen."""

    module: int
    fact: FunctionFact


def resolve(modules: Sequence[ModuleFact], hints: Mapping[str, Sequence[Hint]]) -> list[dict[str, list[Function]]]:
    """The functions of each module, by file.

    Parameters
    ----------
    modules
        What the child found, one by one.
    hints
        Cython's performance hints, by file.

    Returns
    -------
    list of dict
        In the order of the modules; a .pxd that several modules read has its functions in the first of them only.
    """
    known = [_Known(at, fact) for at, module in enumerate(modules) for fact in module.functions]
    graph = _Graph(known)
    takers = graph.closure(_takes_itself, lambda call: call.nogil and not call.error)
    releasers = graph.closure(
        lambda fact: any(line.releases for line in fact.lines), lambda call: not call.nogil and not call.error
    )
    by_module: list[dict[str, list[Function]]] = [defaultdict(list) for _ in modules]
    of_pxd: set[tuple[str, int]] = set()
    for at, item in enumerate(known):
        place = (item.fact.file, item.fact.line)
        if item.fact.file.endswith(".pxd"):
            if place in of_pxd:
                continue
            of_pxd.add(place)
        own = [hint for hint in hints.get(item.fact.file, ()) if item.fact.line <= hint.line <= item.fact.end]
        by_module[item.module][item.fact.file].append(_function(at, item.fact, graph, takers, releasers, own))
    for functions in by_module:
        for of_file in functions.values():
            _innermost(of_file)
    return by_module


def _takes_itself(fact: FunctionFact) -> bool:
    return fact.with_gil or (fact.nogil and (fact.entry_takes or any(line.takes for line in fact.lines)))


class _Graph:
    """Which function a call means: one of its own module if there is one, else of any other."""

    def __init__(self, known: Sequence[_Known]) -> None:
        self.known = known
        self._own: dict[tuple[int, str], list[int]] = defaultdict(list)
        self._any: dict[str, list[int]] = defaultdict(list)
        for at, item in enumerate(known):
            for name in item.fact.cnames:
                self._own[item.module, name].append(at)
                if name.startswith("__pyx_f_"):  # others are not unique beyond their module
                    self._any[name].append(at)
            if "." not in item.fact.name:
                self._own[item.module, f"py:{item.fact.name}"].append(at)

    def targets(self, at: int, call: CallFact) -> list[int]:
        """The functions that a call may run."""
        module = self.known[at].module
        return [to for name in call.callees for to in (self._own.get((module, name)) or self._any.get(name) or [])]

    def closure(self, itself: Callable[[FunctionFact], bool], follows: Callable[[CallFact], bool]) -> set[int]:
        """The functions that do something themselves, or by a call that counts."""
        do = {at for at, item in enumerate(self.known) if itself(item.fact)}
        callers: dict[int, set[int]] = defaultdict(set)
        for at, item in enumerate(self.known):
            for call in item.fact.calls:
                if follows(call):
                    if WITH_GIL in call.callees and call.nogil and item.fact.nogil:
                        do.add(at)
                    for to in self.targets(at, call):
                        callers[to].add(at)
        new = list(do)
        while new:
            for caller in callers[new.pop()] - do:
                do.add(caller)
                new.append(caller)
        return do


def _function(
    at: int, fact: FunctionFact, graph: _Graph, takers: set[int], releasers: set[int], hints: Sequence[Hint]
) -> Function:
    takes: dict[int, list[bool]] = defaultdict(list)
    through: dict[str, None] = {}
    for call in fact.calls:
        targets = graph.targets(at, call)
        if call.nogil and not call.error and (WITH_GIL in call.callees or any(to in takers for to in targets)):
            takes[call.line].append(call.in_loop)
        if not call.nogil and not call.error:
            through |= dict.fromkeys(graph.known[to].fact.name for to in targets if to in releasers and to != at)
    return Function(
        name=fact.name,
        module=fact.module,
        line=fact.line,
        end=fact.end,
        nogil=fact.nogil,
        with_gil=fact.with_gil,
        specialisations=fact.specialisations,
        entry_takes=fact.entry_takes,
        through=tuple(through),
        lines=tuple(_line(line, takes.get(line.number, ())) for line in fact.lines),
        hints=tuple(hints),
    )


def _line(fact: LineFact, calls: Iterable[bool]) -> Line:
    """A line with the takes of the functions that it calls: for each call, whether a loop repeats it."""
    in_loop = list(calls)
    return Line(
        number=fact.number,
        loops=fact.loops,
        nogil=fact.nogil,
        boundary=fact.boundary,
        python=fact.python,
        takes=fact.takes + len(in_loop),
        releases=fact.releases,
        takes_in_loop=fact.takes_in_loop + sum(in_loop),
        releases_in_loop=fact.releases_in_loop,
    )


def _innermost(functions: list[Function]) -> None:
    """Leave each hint with the innermost function around it."""
    for at, function in enumerate(functions):
        inner = [other for other in functions if function.line < other.line <= other.end <= function.end]
        keep = tuple(hint for hint in function.hints if not any(i.line <= hint.line <= i.end for i in inner))
        if keep != function.hints:
            functions[at] = replace(function, hints=keep)
