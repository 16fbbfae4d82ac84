"""The target of a probe: a function with its arguments, and its name."""

import ast
import importlib
import os
import time
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

LAZY: Mapping[type, tuple[str, str]] = {
    types.CoroutineType: ("a coroutine", "asyncio.run(...)"),
    types.GeneratorType: ("a generator", "list(...)"),
    types.AsyncGeneratorType: ("an asynchronous generator", "asyncio.run(...)"),
}
"""What a call returns instead of doing its work, and a call that does it."""
WARM_UP_NS, WARM_UP_MOST_NS, WARM_UP_CALLS = 20_000_000, 500_000_000, 1000
"""Calls are repeated for so long, after a long one no more, and at most so many times."""


class ProbeError(RuntimeError):
    """The function could not be probed; the message says in one line what it did instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """A function with its arguments. A call of it makes several calls, and gives what goes wrong in them a name.

    Attributes
    ----------
    function
        Whatever can be called.
    arguments, keywords
        What it is called with.
    name
        What to call it in messages; see `name_of`.
    """

    function: Callable[..., object]
    arguments: tuple[object, ...] = ()
    keywords: Mapping[str, object] = field(default_factory=dict)
    name: str = "the function"
    process: int = field(default_factory=os.getpid)

    def __call__(self, calls: int = 1) -> None:
        """Makes so many calls. ProbeError if one raises."""
        function, arguments, keywords = self.function, self.arguments, self.keywords
        try:
            for _ in range(calls):
                function(*arguments, **keywords)
        except Exception as error:
            raise self._error(error) from error
        self._end_child()

    def warm_up(self) -> float:
        """Nanoseconds of the fastest of a few calls. ProbeError if the first only promises its work."""
        started = time.perf_counter_ns()
        self._first()
        best = spent = time.perf_counter_ns() - started
        calls = 1
        while spent <= WARM_UP_MOST_NS and (calls < 2 or (spent < WARM_UP_NS and calls < WARM_UP_CALLS)):
            started = time.perf_counter_ns()
            self()
            elapsed = time.perf_counter_ns() - started
            best, spent, calls = min(best, elapsed), spent + elapsed, calls + 1
        return max(float(best), 1.0)

    def _first(self) -> None:
        """A call that tells whether the function does its work."""
        try:
            result = self.function(*self.arguments, **self.keywords)
        except Exception as error:
            raise self._error(error) from error
        self._end_child()
        if isinstance(result, types.CoroutineType):
            result.close()  # nobody is to be told that it was never awaited
        if type(result) in LAZY:
            what, runs = LAZY[type(result)]
            raise ProbeError(
                f"{self.name} returned {what} without running it; probe a call that runs it, such as {runs}"
            )

    def _error(self, error: Exception) -> ProbeError:
        return ProbeError(f"{self.name} raised {type(error).__name__}: {error}")

    def _end_child(self) -> None:
        """A forked child that came back from the call must not go on measuring."""
        if os.getpid() != self.process:
            os._exit(0)


def name_of(function: Callable[..., object]) -> str:
    """What to call a function that nobody gave a name for this."""
    return str(getattr(function, "__qualname__", function))


def from_function(
    function: Callable[..., object], arguments: tuple[object, ...], keywords: Mapping[str, object], name: str | None
) -> Target:
    """A function as the public functions take it."""
    return Target(function, arguments, keywords, name or name_of(function))


def from_statement(setup: str, statement: str, name: str) -> Target:
    """A statement as for timeit. Whatever the code raises, this raises."""
    names = _run(setup)
    body = ast.parse(statement, "<statement>").body
    if body and isinstance(body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(body[-1].value), body[-1])
    head = ast.parse("def statement(): pass").body[0]
    assert isinstance(head, ast.FunctionDef)
    head.body = body
    exec(compile(ast.Module([head], []), "<statement>", "exec"), names)
    function = names["statement"]
    assert callable(function)
    return Target(function, name=name)


def from_path(setup: str, path: str, arguments: str, name: str) -> Target:
    """A callable by its path, "module:name", and its arguments as between parentheses. Raises as from_statement."""
    names = _run(setup)
    module, _, inner = path.partition(":")
    function: Any = reduce(getattr, inner.split("."), importlib.import_module(module))
    code = compile(f"({arguments},)" if arguments else "()", "<args>", "eval")
    return Target(function, eval(code, names), name=name)


def _run(setup: str) -> dict[str, object]:
    """The names that the setup leaves behind."""
    names: dict[str, object] = {"__name__": "__main__"}
    exec(compile(setup, "<setup>", "exec"), names)
    return names
