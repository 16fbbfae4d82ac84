"""One experiment in a process of its own: what crashes or hangs there costs that one only.

The child is `python -m gilscope.experiments`; see __main__.py.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

from gilscope.experiments._spec import Data, Experiment, Finding, Verdict
from gilscope.measure import stats

CHILD = ("-m", "gilscope.experiments")
GRACE = 5.0
"""Seconds between faulthandler's end of the child, which shows every stack, and ours, which shows nothing."""
OTHERS_MOST = 0.2
"""What others may use of all CPU time while a timing is made."""


def find(experiment: Experiment, *, scale: float = 1.0, changes: Mapping[str, Any] | None = None) -> Finding:
    """Does the experiment in a child process and judges what it measured.

    scale: how much of the usual time it gets; changes: other values of its parameters. Whatever goes wrong in the
    child is the finding: inconclusive, with the reason.
    """
    started = perf_counter()
    data = _measured(experiment, scale, dict(changes or {}))
    return judged(experiment, data, perf_counter() - started)


def judged(experiment: Experiment, data: Data, seconds: float) -> Finding:
    """The finding from raw data: the same data, the same finding."""
    evidence = ""
    charts: tuple[dict[str, Any], ...] = ()
    verdict: Verdict
    if "not here" in data:
        verdict, reason = "not measurable here", data["not here"]
    elif "failed" in data:
        verdict, reason = "inconclusive", data["failed"]
    else:
        judgement = experiment.judge(data)
        evidence, charts = judgement.evidence, tuple(asdict(chart) for chart in judgement.charts)
        verdict, reason = stats.verdict_on(judgement.conditions)
        if disturbed := _disturbed(data["machine"]):
            verdict, reason = "inconclusive", disturbed
    return Finding(experiment.name, experiment.claim, verdict, reason, evidence, data, charts, seconds)


def _disturbed(machine: Mapping[str, Any]) -> str:
    """What was in the way of the timings, if anything; where nothing was timed, nothing can be."""
    if not machine["one"]:
        return ""
    if machine["others"] is not None and machine["others"] > OTHERS_MOST:
        return f"the machine is busy: other processes used {machine['others']:.0%} of its CPU time"
    gained = stats.Scaling(machine["one"], machine["many"], machine["workers"]).speedup()
    return stats.busy(gained, machine["workers"], machine["cpus"])


def _measured(experiment: Experiment, scale: float, changes: dict[str, Any]) -> Data:
    limit = experiment.limit * max(1.0, scale)
    order = {"name": experiment.name, "seconds": experiment.seconds * scale, "changes": changes, "limit": limit}
    options = [f"-X{name}" if value is True else f"-X{name}={value}" for name, value in sys._xoptions.items()]
    with tempfile.TemporaryDirectory() as folder:
        answer, said = Path(folder, "data.json"), Path(folder, "stderr")
        with said.open("wb") as errors:
            status = _run([sys.executable, *options, *CHILD, str(answer)], json.dumps(order), errors, limit + GRACE)
        if answer.exists() and status == 0:
            data: Data = json.loads(answer.read_text())
            return data
        text = said.read_text(errors="replace")
    return {"failed": _what_happened(status, text, limit), "stderr": text}


def _run(command: list[str], order: str, errors: BinaryIO, limit: float) -> int | None:
    """Runs the command in a session of its own, so that what it starts ends with it; None if it had to be ended."""
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True, text=True
    )
    try:
        assert child.stdin is not None
        with suppress(BrokenPipeError), child.stdin:
            child.stdin.write(order)
        return child.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _what_happened(status: int | None, said: str, limit: float) -> str:
    if status is None or "Timeout (" in said:
        return f"ran past its limit of {limit:g} s"
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    lines = said.strip().splitlines()
    return f"failed: {lines[-1]}" if lines else f"ended with status {status}"
