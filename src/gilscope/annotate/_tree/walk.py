"""Loops, regions, takes, releases and calls of each function, from the tree after all of Cython's analysis.

By then Cython has settled what the source leaves open: `with nogil(condition)` by specialisation, `prange`, raises
without the GIL, pure Python mode, loops over a dict. What remains as GILStatNode takes or releases the GIL.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from gilscope.annotate._tree.calls import asks_after, callees, plain
from gilscope.annotate._tree.endings import ending
from gilscope.annotate._tree.facts import CallFact, FunctionFact, LineFact
from gilscope.annotate._tree.names import Key, Node, Written, children, key_of

_NODES: Any = import_module("Cython.Compiler.Nodes")
_EXPRESSIONS: Any = import_module("Cython.Compiler.ExprNodes")


@dataclass(slots=True)
class _Pass:
    """One C function of a function as written: a specialisation, or the only one."""

    key: Key
    node: Node
    lines: dict[int, LineFact] = field(default_factory=dict)
    calls: list[CallFact] = field(default_factory=list)

    def line(self, number: int, place: "_Place") -> LineFact:
        """The line, with what this place adds to it."""
        fact = self.lines.get(number)
        if fact is None:
            fact = LineFact(number, place.loops, place.nogil, raising=place.error)
            self.lines[number] = fact
        fact.loops = max(fact.loops, place.loops)
        fact.raising = fact.raising and place.error
        return fact


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands."""

    inside: _Pass | None = None
    loops: int = 0
    """How many loops surround it."""
    rounds: int = 0
    """How many of these come here on each round: less where a branch ends with `break` or `return`."""
    nogil: bool = False
    error: bool = False
    """Whether it runs only on the way to a `raise`, or to its kin in C."""


_NOWHERE = _Place()


class Walk:
    """All functions of a module node that names.Names has seen written."""

    def __init__(self, written: Mapping[Key, Written]) -> None:
        self.written = written
        self.functions: dict[Key, FunctionFact] = {}
        self.declared_nogil: dict[tuple[str, int], set[str]] = {}
        """By file and line, the C names that the source itself calls without the GIL."""

    def visit(self, node: Node, place: _Place = _NOWHERE) -> None:
        """Visit a node and all below it."""
        match node:
            case _NODES.FuncDefNode():
                self._function(node, place)
                return
            case _NODES.StatListNode() if hasattr(node, "fused_func_assignment"):
                self._fused(node, place)
                return
        if place.inside is None:
            self._below(node, place)
            return
        self._touch(node, place)
        match node:
            case _NODES.LoopNode() | _NODES.ParallelRangeNode():
                self._loop(node, place)
            case _NODES.GILStatNode():
                self._region(node, place)
            case _NODES.IfStatNode():
                self._branches(node, place)
            case _NODES.TryFinallyStatNode():  # the copy of `finally` for an exception would count all of it twice
                self._below(node, place, leave_out=("finally_except_clause",))
            case _NODES.ExceptClauseNode():
                self._below(node, replace(place, rounds=0) if place.nogil else place)
            case _EXPRESSIONS.SimpleCallNode():
                self._call(node, place)
                self._below(node, place)
            case _:
                self._below(node, place)

    def _below(self, node: Node, place: _Place, leave_out: tuple[str, ...] = ()) -> None:
        left_out = [getattr(node, name, None) for name in leave_out]
        for child in children(node):
            if not any(child is other for other in left_out):
                self.visit(child, place)

    def _touch(self, node: Node, place: _Place) -> None:
        """A node makes its line one of the function, unless it comes from another file or from a template."""
        key = key_of(node)
        if place.inside and key and key[0] == place.inside.key[0]:
            place.inside.line(key[1], place)

    def _fused(self, node: Node, place: _Place) -> None:
        for specialisation in node.nodes:
            self.visit(specialisation, place)
        key = key_of(node)
        for fact in [self.functions[key]] if key in self.functions else []:
            fact.specialisations = max(fact.specialisations, len(node.nodes))
        for child in children(node):
            if not any(child is other for other in node.nodes):
                self.visit(child, place)

    def _function(self, node: Node, place: _Place) -> None:
        key = key_of(node)
        if key is None or key not in self.written:
            # A lambda or a generator expression runs inside of what is written; else Cython itself made it up.
            if place.inside:
                self._below(node, replace(place, nogil=False))
            return
        if place.inside and place.inside.key == key:
            # The body of a generator; but what Python calls of a `cpdef` only calls the C function again.
            if not isinstance(place.inside.node, _NODES.CFuncDefNode):
                self._below(node, place)
            return
        fact = self._fact(node, key)
        run = _Pass(key, node)
        without = fact.nogil and not fact.with_gil
        signature = run.line(key[1], _Place(run))
        signature.boundary = True
        self._below(node, _Place(run, nogil=without))
        _merge(fact, run)

    def _fact(self, node: Node, key: Key) -> FunctionFact:
        written = self.written[key]
        fact = self.functions.get(key)
        if fact is None:
            fact = FunctionFact(written.name, written.module, key[0], key[1], max(written.end, key[1]))
            self.functions[key] = fact
        kind = getattr(node, "type", None)
        if isinstance(node, _NODES.CFuncDefNode) and kind is not None:
            fact.nogil = fact.nogil or bool(kind.nogil)
            fact.with_gil = fact.with_gil or bool(kind.with_gil)
        entry = getattr(node, "entry", None)
        names = {plain(getattr(entry, name, None) or "") for name in ("func_cname", "cname")}
        fact.cnames = tuple(sorted({*fact.cnames, *names} - {""}))
        return fact

    def _loop(self, node: Node, place: _Place) -> None:
        """A loop: its body, and the condition of a `while`, run on each round."""
        inner = replace(place, loops=place.loops + 1, rounds=place.rounds + 1)
        each_round = [getattr(node, "body", None), getattr(node, "condition", None)]
        sequence = getattr(getattr(node, "iterator", None), "type", None)
        if sequence is not None and sequence.is_pyobject:  # each round asks Python for the next item
            self._touch(node, inner)
            each_round.append(getattr(node, "item", None))
        for child in children(node):
            self.visit(child, inner if any(child is part for part in each_round) else place)

    def _region(self, node: Node, place: _Place) -> None:
        """A `with nogil`, a `with gil`, or what Cython makes of prange() and of a raise without the GIL."""
        assert place.inside
        key = key_of(node)
        own = key if key and key[0] == place.inside.key[0] else place.inside.key
        line = place.inside.line(own[1], place)
        line.boundary = line.boundary or not node.internally_generated
        error = place.error or (node.state == "gil" and ending(node.body, place.inside.node) == "error")
        holds_again = node.state == "nogil" and _holds_again(node.body)
        if node.state == "gil" and not error:
            line.takes += 1
            line.takes_in_loop += place.rounds > 0
        if node.state == "nogil" and not holds_again:
            line.releases += 1
            line.releases_in_loop += place.rounds > 0
        nogil = node.state == "nogil" and not holds_again
        line.raising = line.raising or (error and not place.error and not line.loops)
        self._below(node, replace(place, nogil=nogil, error=error))

    def _branches(self, node: Node, place: _Place) -> None:
        """The branches of an `if`. One that ends with a raise is an error's; one that leaves a loop is no round."""
        assert place.inside
        for clause in node.if_clauses:
            self._touch(clause, place)
            self.visit(clause.condition, place)
            self.visit(clause.body, self._branch(clause.body, place))
        if node.else_clause is not None:
            self.visit(node.else_clause, self._branch(node.else_clause, place))

    def _branch(self, body: Node, place: _Place) -> _Place:
        assert place.inside
        match ending(body, place.inside.node):
            case "error":
                return replace(place, error=True)
            case "return":
                return replace(place, rounds=0)
            case "break":
                return replace(place, rounds=max(place.rounds - 1, 0))
        return place

    def _call(self, node: Node, place: _Place) -> None:
        assert place.inside
        key = key_of(node)
        names = callees(node)
        if key is None or key[0] != place.inside.key[0]:
            return
        if place.nogil:
            self.declared_nogil.setdefault(key[:2], set()).update(names)
        if place.nogil and asks_after(node) and not place.error:
            line = place.inside.line(key[1], place)
            line.takes += 1
            line.takes_in_loop += place.rounds > 0
            names = ()  # it takes the GIL anyway: one take a call, whatever the callee does
        if names:
            place.inside.calls.append(CallFact(key[1], names, place.nogil, place.rounds > 0, place.error))


def _holds_again(body: Node) -> bool:
    """Whether a parallel block has no nogil: its threads take the GIL at once, and it is released for them only."""
    if isinstance(body, _NODES.StatListNode) and len(body.stats) == 1:
        body = body.stats[0]
    return isinstance(body, _NODES.ParallelStatNode) and bool(getattr(body, "acquire_gil", False))


def _merge(fact: FunctionFact, run: _Pass) -> None:
    """Add one C function to what is known: of each figure the largest, not the sum, of all specialisations."""
    known = {line.number: line for line in fact.lines}
    for number, line in run.lines.items():
        if number in known:
            line = _larger(known[number], line)
        known[number] = line
    fact.lines = tuple(known[number] for number in sorted(known))
    fact.end = max(fact.end, *known)
    calls = (Counter(fact.calls) | Counter(run.calls)).elements()
    fact.calls = tuple(sorted(calls, key=lambda call: call.line))


def _larger(one: LineFact, other: LineFact) -> LineFact:
    return LineFact(
        one.number,
        max(one.loops, other.loops),
        one.nogil or other.nogil,
        one.boundary or other.boundary,
        one.raising and other.raising,
        max(one.takes, other.takes),
        max(one.takes_in_loop, other.takes_in_loop),
        max(one.releases, other.releases),
        max(one.releases_in_loop, other.releases_in_loop),
    )
