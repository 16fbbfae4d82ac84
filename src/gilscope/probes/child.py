"""A probe in a process of its own, under a time limit: whatever the target does, it does it to that process.

This is the parent's side, which imports little, so that a command starts quickly. The child's main program is
`python -m gilscope.probes`.
"""

import re
from dataclasses import dataclass

from gilscope.host import child
from gilscope.probes.target import Target, from_path, from_statement
from gilscope.results.codec import decode, encode
from gilscope.results.probes import Probe

MAIN = "gilscope.probes"
"""What the child runs: the package's __main__.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to probe, as text, and how."""

    name: str
    """What to call it in messages."""
    setup: str = ""
    """Code that runs once before, and leaves names behind."""
    statement: str | None = None
    """As for timeit; or else `path`."""
    path: str | None = None
    """A callable, "module:name"."""
    arguments: str = ""
    """The callable's, as between its parentheses."""
    threads: int | None = 2
    """None for the first half of a probe only."""
    seconds: float = 2.0

    def target(self) -> Target:
        """Whatever the user's code raises, this raises."""
        if self.path is not None:
            return from_path(self.setup, self.path, self.arguments, self.name)
        return from_statement(self.setup, self.statement or "pass", self.name)


@dataclass(frozen=True, slots=True)
class Answer:
    """A probe, or what the target did instead of being probed."""

    probe: Probe | None = None
    error: str | None = None


class TargetError(RuntimeError):
    """The target did something else; the message says what, in one line. late: it did not answer in time."""

    def __init__(self, message: str, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


def run(task: Task, limit: float) -> Probe:
    """Probes in a child process.

    Parameters
    ----------
    limit
        Seconds until the child is ended.

    Returns
    -------
    Probe
        Where the task wants both halves and the time was up after the first, one whose `together` is None.

    Raises
    ------
    TargetError
        The target raised, ended its process, or did not answer in time.
    """
    ending = child.run(MAIN, encode(task), limit)
    answer = Answer() if ending.answer is None else decode(Answer, ending.answer, "the probe's answer")
    if answer.error is not None:
        raise TargetError(answer.error)
    probe = answer.probe
    if probe is not None and (ending.late or task.threads is None or probe.together is not None):
        return probe
    if ending.late:
        where = _where(ending.errors)
        line = f"{task.name}: no answer within {limit:g} s{where}; use a longer --timeout, or a smaller input"
        raise TargetError(line, late=True)
    raise TargetError(f"{task.name} ended the process {_how(ending)}")


def _how(ending: child.Ending) -> str:
    kind, _, line = ending.reason().partition(": ")
    return f"({kind})" + (f": {line}" if line else "")


def _where(stacks: str) -> str:
    """The place of the target's frame in what faulthandler wrote."""
    for file, line, function in re.findall(r'File "([^"]*)", line (\d+) in (\S+)', stacks):
        if "gilscope" not in file and "threading" not in file and "concurrent" not in file:
            return f"; it was at {file}:{line} in {function}"
    return ""
