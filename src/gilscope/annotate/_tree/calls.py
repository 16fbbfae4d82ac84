"""Calls: which function a call names, and whether the call itself takes the GIL to ask after an exception."""

import re
from collections.abc import Iterator
from typing import Any

from gilscope.annotate._tree.names import Node

_FUSED = re.compile(r"__pyx_fuse_\d+(?:_\d+)*")


def plain(name: str) -> str:
    """A C name, the same for all specialisations of a fused function."""
    return _FUSED.sub("", str(name))


def callees(node: Node) -> tuple[str, ...]:
    """The C names of what a call may run; "py:NAME" for a Python function of the module; () if it is not known."""
    function = node.function
    kind = _function_type(node)
    if kind is None:
        entry = getattr(function, "entry", None)
        scope = getattr(entry, "scope", None)
        is_name = getattr(function, "is_name", False) and scope is not None and scope.is_module_scope
        return (f"py:{function.name}",) if is_name else ()
    names = sorted(set(_names(function, depth=3)))
    return tuple([*names, "with gil"] if kind.with_gil else names)


def asks_after(node: Node) -> bool:
    """Whether a call without the GIL takes it each time to ask whether an exception is set.

    That is so where the result cannot tell: `except *`, which is also what a `void` function without `noexcept` has,
    and `except +*` of C++.
    """
    kind = _function_type(node)
    if kind is None or kind.return_type.is_pyobject or kind.return_type.is_memoryviewslice:
        return False
    if kind.exception_check == "+":
        return getattr(kind.exception_value, "value", None) == "*"
    return bool(kind.exception_check) and kind.exception_value is None


def _function_type(node: Node) -> Any:
    """The type of the C function that a call runs; None for a call by Python's protocol."""
    kind = getattr(node.function, "type", None)
    if kind is not None and kind.is_ptr:
        kind = kind.base_type
    return kind if kind is not None and kind.is_cfunction else None


def _names(function: Node, depth: int) -> Iterator[str]:
    """The C names behind an expression: of a function, or of all functions that a local pointer is ever set to."""
    for wrapper in ("arg", "operand"):
        inner = getattr(function, wrapper, None)
        if inner is not None and not getattr(function, "is_name", False):
            yield from _names(inner, depth)
            return
    entry = getattr(function, "entry", None)
    if entry is None:
        return
    if entry.type.is_cfunction:
        yield plain(entry.func_cname or entry.cname)
        return
    assignments = getattr(entry, "cf_assignments", None) or ()
    for assignment in assignments if depth else ():
        yield from _names(assignment.rhs, depth - 1)
