"""The child of gilscope.probes.child: answers with the first half of a probe as soon as it is there, then the whole."""

import os
import sys
from collections.abc import Callable

from gilscope.host.child import serve
from gilscope.probes.child import Answer, Task
from gilscope.probes.look import look_at
from gilscope.probes.probe import halves
from gilscope.probes.target import Target
from gilscope.results.codec import decode, encode
from gilscope.results.probes import Probe


def main(task: object, answer: Callable[[object], None]) -> None:
    """Probes the target of the task; what it does instead is the answer, too."""
    _probe(decode(Task, task, "the task"), lambda value: answer(encode(value)))


def _probe(task: Task, answer: Callable[[Answer], None]) -> None:
    sys.path.insert(0, os.getcwd())
    try:
        target = task.target()
    except BaseException as error:
        answer(Answer(error=f"{task.name}: {type(error).__name__}: {error}"))
        return
    try:
        _measure(target, task, answer)
    except RuntimeError as error:  # a ProbeError, a RecordingError, or no more threads to be had
        answer(Answer(error=str(error)))
    except SystemExit:
        answer(Answer(error=f"{task.name} ended the process"))


def _measure(target: Target, task: Task, answer: Callable[[Answer], None]) -> None:
    if task.threads is None:
        look, _ = look_at(target, task.seconds)
        answer(Answer(Probe(look, 1, None)))
        return
    for probe in halves(target, task.threads, task.seconds):
        answer(Answer(probe))


if __name__ == "__main__":
    serve(main)
