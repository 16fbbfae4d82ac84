"""How a branch ends: on the way to an error, out of its loop, or on to the next line."""

from importlib import import_module
from typing import Any, Literal

Node = Any
Ending = Literal["error", "return", "break", "on"]

_NODES = import_module("Cython.Compiler.Nodes")


def ending(node: Node, function: Node) -> Ending:
    """How control leaves this statement.

    Parameters
    ----------
    node
        A statement, or a list of them.
    function
        The function around it: the value that it returns on an error tells a `return` of that value from others.
    """
    match node:
        case _NODES.StatListNode():
            last = node.stats[-1] if node.stats else None
            how: Ending = ending(last, function) if last is not None else "on"
            return "error" if how == "return" and any(_sets_error(stat) for stat in node.stats) else how
        case _NODES.RaiseStatNode() | _NODES.ReraiseStatNode():
            return "error"
        case _NODES.ReturnStatNode():
            return "error" if _is_error_value(node.value, function) else "return"
        case _NODES.BreakStatNode():
            return "break"
        case _NODES.GILStatNode() | _NODES.TryFinallyStatNode() | _NODES.CompilerDirectivesNode():
            return ending(node.body, function)
    return "on"


def _is_error_value(value: Node | None, function: Node) -> bool:
    """Whether a function returns the value that tells its caller of an exception."""
    kind = getattr(function, "type", None)
    expected = getattr(kind, "exception_value", None)
    if value is None or expected is None:
        return False
    expected = getattr(expected, "python_value", expected)
    expected = getattr(expected, "constant_result", expected)
    return str(getattr(value, "constant_result", "?")) == str(expected)


def _sets_error(node: Node) -> bool:
    """Whether a statement sets an exception by the C-API: PyErr_SetString() and its kin, perhaps in a `with gil`."""
    match node:
        case _NODES.GILStatNode():
            return _sets_error(node.body)
        case _NODES.StatListNode():
            return any(_sets_error(stat) for stat in node.stats)
        case _NODES.ExprStatNode():
            entry = getattr(getattr(node.expr, "function", None), "entry", None)
            return str(getattr(entry, "cname", "")).startswith("PyErr_")
    return False
