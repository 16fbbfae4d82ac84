"""The functions of a source as they are written: their names with their class, and their first and last lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Node = Any
"""A node of Cython's tree. Cython has no types to offer."""
Key = tuple[str, int, int]
"""A function by the place where it begins: file, line, column."""


@dataclass(frozen=True, slots=True)
class Written:
    """One function of a source text."""

    name: str
    module: str
    end: int


def key_of(node: Node) -> Key | None:
    """The place of a node; None if it stands in no file, as Cython's own templates do not."""
    if not node.pos or not getattr(node.pos[0], "filename", None):
        return None
    return str(node.pos[0].filename), node.pos[1], node.pos[2]


def children(node: Node) -> Iterator[Node]:
    """The nodes right below a node."""
    for attribute in node.child_attrs or ():
        value = getattr(node, attribute, None)
        if isinstance(value, list | tuple):
            yield from (item for item in value if hasattr(item, "child_attrs"))
        elif hasattr(value, "child_attrs"):
            yield value


class Names:
    """What the parser saw, before any analysis moves, copies or removes a function."""

    def __init__(self) -> None:
        self.written: dict[Key, Written] = {}
        self._nodes = import_module("Cython.Compiler.Nodes")

    def read(self, tree: Node, module: str) -> None:
        """Write down the functions of a parsed module."""
        self._visit(tree, module, ())

    def _visit(self, node: Node, module: str, around: tuple[str, ...]) -> int:
        """Visit a node and all below it. Returns the last line that any of them stands on."""
        name = self._name(node)
        inside = (*around, name) if name else around
        place = key_of(node)
        last = place[1] if place else 0
        value = getattr(node, "value", None)
        if isinstance(value, str | bytes):
            last += value.count("\n" if isinstance(value, str) else b"\n")  # type: ignore[arg-type]
        for child in children(node):
            end = self._visit(child, module, inside)
            if not place or (key_of(child) or place)[0] == place[0]:  # what is included has lines of another file
                last = max(last, end)
        if name and place and isinstance(node, self._nodes.FuncDefNode):
            self.written[place] = Written(".".join(inside), module, last)
        return last

    def _name(self, node: Node) -> str | None:
        """The name that a node adds to the names of what is inside of it."""
        nodes = self._nodes
        match node:
            case nodes.CFuncDefNode():
                return str(node.declared_name())
            case nodes.DefNode():
                return _property_name(node) or str(node.name)
            case nodes.CClassDefNode():
                return str(node.class_name)
            case nodes.PyClassDefNode() | nodes.PropertyNode() | nodes.CppClassNode():
                return str(node.name)
        return None


def _property_name(node: Node) -> str | None:
    """`size.__get__` for a method under `@property`, `size.__set__` under `@size.setter`."""
    for decorator in node.decorators or ():
        call = decorator.decorator
        if getattr(call, "is_name", False) and call.name == "property":
            return f"{node.name}.__get__"
        if getattr(call, "attribute", None) in ("setter", "deleter"):
            of = getattr(call.obj, "name", None)
            return f"{of}.{'__set__' if call.attribute == 'setter' else '__del__'}"
    return None
