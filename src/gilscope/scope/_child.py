"""One probe in a process of its own: what it is told comes as a file, and so does what it found.

    python -m gilscope.scope._child TASK.json RESULT.json

The task: {"setup": str, "statement": str} or {"setup": str, "callable": "module:name", "args": str}, and "threads",
"seconds", "name"; with "look" true, only the first half of a probe. The result: {"found": {...}} or {"error": "..."}.
Of a whole probe its first half is written as soon as it is there: "unfinished", with None for what the rest would tell.
"""

import ast
import faulthandler
import importlib
import json
import os
import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gilscope.scope.probe import Look


def target(task: dict[str, Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function and its arguments. Whatever the user's code raises, it raises."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(task["setup"], "<setup>", "exec"), names)
    if "callable" in task:
        module, _, path = task["callable"].partition(":")
        function: Any = reduce(getattr, path.split("."), importlib.import_module(module))
        arguments = eval(compile(f"({task['args']},)" if task["args"] else "()", "<args>", "eval"), names)
        return function, arguments
    body = ast.parse(task["statement"], "<statement>").body
    if body and isinstance(body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(body[-1].value), body[-1])
    tree = ast.parse("def statement(): pass")
    tree.body[0].body = body  # type: ignore[attr-defined]
    exec(compile(tree, "<statement>", "exec"), names)
    return names["statement"], ()


def unfinished(seen: "Look", task: dict[str, Any]) -> dict[str, Any]:
    """Probe.to_json() of which there is only the first half."""
    from gilscope.scope.probe import Probe, how_to_release

    known = seen.to_json() | {"target": task["name"], "threads": task["threads"], "call_ms": seen.call_ns / 1e6}
    made = {key: known.get(key) for key in Probe.__slots__ if key != "recording"}
    return made | {"advice": list(how_to_release(seen, seen.call_ns)), "unfinished": True}


def write(result: dict[str, Any], file: Path) -> None:
    """At once: the reader may come at any time."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(result))
    part.replace(file)


def main() -> None:
    task_file, result_file = map(Path, sys.argv[1:])
    faulthandler.enable()  # the parent's SIGABRT, at the time limit, prints where every thread is
    task = json.loads(task_file.read_text())
    sys.path.insert(0, os.getcwd())
    try:
        function, arguments = target(task)
    except BaseException as error:
        result: dict[str, Any] = {"error": f"{task['name']}: {type(error).__name__}: {error}"}
    else:
        from gilscope.scope.probe import Look, ProbeError, Target, halves, look

        try:
            if task.get("look"):
                result = {"found": look(function, *arguments, seconds=task["seconds"], name=task["name"]).to_json()}
            else:
                for found in halves(Target(function, arguments, {}, task["name"]), task["threads"], task["seconds"]):
                    if isinstance(found, Look):
                        write({"found": unfinished(found, task)}, result_file)
                    else:
                        result = {"found": found.to_json()}
        except (ProbeError, RuntimeError, SystemExit) as error:
            text = f"{task['name']} ended the process" if isinstance(error, SystemExit) else str(error)
            result = {"error": text}
    write(result, result_file)
    os._exit(0)  # threads of the target may still run, and have nothing more to say


if __name__ == "__main__":
    main()
