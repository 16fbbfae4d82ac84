"""A probe in a process of its own, under a time limit: whatever the target does, it does it to that process."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any


class TargetError(RuntimeError):
    """What the target did instead of being probed, in one line. late: it did not answer in time."""

    def __init__(self, message: str, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


def run(task: dict[str, Any], timeout: float) -> dict[str, Any]:
    """What the child of this task found, as JSON (see gilscope.scope._child): of a probe the first half at least.

    TargetError says in one line what the target did instead, within `timeout` seconds.
    """
    name = task["name"]
    with tempfile.TemporaryDirectory() as folder:
        task_file, result_file, errors = Path(folder, "task"), Path(folder, "result"), Path(folder, "errors")
        task_file.write_text(json.dumps(task))
        command = [sys.executable, "-m", "gilscope.scope._child", str(task_file), str(result_file)]
        with errors.open("wb") as stderr:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
            )
            late = False
            try:
                status = child.wait(timeout)
            except subprocess.TimeoutExpired:
                late = True
                child.send_signal(signal.SIGABRT)
                try:
                    child.wait(2)
                except subprocess.TimeoutExpired:
                    child.kill()
                status = child.wait()
                if not result_file.exists():
                    where = _where(errors.read_text(errors="replace"))
                    line = f"{name}: no answer within {timeout:g} s{where} (give it longer, or less to do)"
                    raise TargetError(line, late=True) from None
            finally:
                # Its session is its own: what the target has started and left behind goes, too.
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        result: dict[str, Any] = json.loads(result_file.read_text()) if result_file.exists() else {}
        found: dict[str, Any] = result.get("found", {})
        if not result or (found.get("unfinished") and not late):
            how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            last = [line for line in errors.read_text(errors="replace").splitlines() if line.strip()]
            said = f": {last[-1]}" if last and status >= 0 else ""
            raise TargetError(f"{name} ended the process ({how}){said}")
    if "error" in result:
        raise TargetError(result["error"])
    return found


def _where(stacks: str) -> str:
    """The place of the target's frame in what faulthandler wrote."""
    places = re.findall(r'File "([^"]*)", line (\d+) in (\S+)', stacks)
    for file, line, function in places:
        if "gilscope" not in file and "threading" not in file and "concurrent" not in file:
            return f"; it was at {file}:{line} in {function}"
    return ""
