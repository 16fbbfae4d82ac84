"""One Python process that does one task under a time limit, so that a crash or a hang costs only that task.

The task and its answer are JSON in two files, whose paths are the child's last two arguments. The child reads the one
and writes the other in `serve`. It runs in its own session, so the processes that it starts end with it.
"""

import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

GRACE = 2.0
"""Seconds that a child has to print its stacks after its time is up."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended, and its answer."""

    answer: object
    """Its last answer, as JSON; None if it gave none."""
    status: int
    """Its exit status, or minus the signal that ended it."""
    late: bool
    """Whether it was ended at its time limit."""
    errors: str
    """Its standard error."""

    def reason(self) -> str:
        """Why there is no answer, in a few words, with the last line of the child's standard error."""
        if self.status < 0:
            return f"signal {signal.Signals(-self.status).name}"
        lines = [line for line in self.errors.splitlines() if line.strip()]
        return f"exit status {self.status}" + (f": {lines[-1]}" if lines else "")


def run(module: str, task: object, limit: float, options: Sequence[str] = ()) -> Ending:
    """Run `python -m module` on the task, and wait at most `limit` seconds for its end.

    Parameters
    ----------
    module
        A module whose main program calls `serve`.
    task
        What JSON can hold.
    options
        Options of the interpreter, such as "-X gil=0".
    """
    with tempfile.TemporaryDirectory(prefix="gilscope-") as folder:
        task_file, answer_file, errors = (Path(folder, name) for name in ("task", "answer", "errors"))
        task_file.write_text(json.dumps(task))
        command = [sys.executable, *options, "-m", module, str(task_file), str(answer_file)]
        with errors.open("wb") as stderr:
            status, late = _wait(command, stderr, limit)
        return Ending(
            answer=json.loads(answer_file.read_text()) if answer_file.exists() else None,
            status=status,
            late=late,
            errors=errors.read_text(errors="replace"),
        )


def _wait(command: list[str], stderr: IO[bytes], limit: float) -> tuple[int, bool]:
    """The status of the command, and whether it was ended at its limit."""
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
    )
    try:
        return child.wait(limit), False
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGABRT)  # faulthandler prints where every thread is
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
        return -signal.SIGABRT, True
    finally:
        # The child has its own session: whatever the task started and left behind ends, too.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def serve(work: Callable[[object, Callable[[object], None]], None]) -> None:
    """The child's main program: call work(task, answer), which may call answer(value) more than once.

    Each answer replaces the one before atomically, since the parent may read it at any time.
    """
    task_file, answer_file = map(Path, sys.argv[-2:])
    faulthandler.enable()

    def answer(value: object) -> None:
        part = answer_file.with_suffix(".part")
        part.write_text(json.dumps(value))
        part.replace(answer_file)

    work(json.loads(task_file.read_text()), answer)
    os._exit(0)  # threads of the task may still run, but nobody waits for them
