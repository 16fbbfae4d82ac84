"""The child process of an experiment: what goes wrong there is a finding, and ends with it."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from data import experiment_of

from gilscope.experiments import _process, run
from gilscope.results import Failed, Finding

MODULE = "python_threads"
"""An experiment that every interpreter can do."""
PROGRAM = """
import dataclasses, sys
from gilscope.experiments import NotHere, _child, {module} as module
from gilscope.host import child

def measure(lab, **_):
    {code}

one = dataclasses.replace(module.EXPERIMENT, measure=measure)
_child.load = lambda: {{one.name: one}}
child.serve(_child.work)
"""


class Measurement:
    """Runs an experiment whose measurement is any code."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._file = folder / "a_child_of_the_tests.py"
        monkeypatch.setattr(_process, "CHILD", self._file.stem)
        monkeypatch.setattr(_process, "GRACE", 1.0)
        paths = [str(folder), os.environ.get("PYTHONPATH", "")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))

    def __call__(self, code: str, limit: float = 30.0) -> Finding:
        self._file.write_text(PROGRAM.format(module=MODULE, code=code))
        return run(replace(experiment_of(MODULE), limit=limit))


@pytest.fixture
def measurement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Measurement:
    return Measurement(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("code", "limit", "reason"),
    [
        ("import ctypes; ctypes.string_at(0)", 30.0, "ended by SIGSEGV"),
        ("import time; time.sleep(60)", 1.0, "ran past its limit of 1 s"),
        ("import signal, os; signal.signal(signal.SIGTERM, signal.SIG_IGN); os._exit(3)", 30.0, "ended with status 3"),
        ("raise ValueError('of no use')", 30.0, "failed: ValueError: of no use"),
    ],
)
def test_what_goes_wrong_in_the_child_is_a_finding(
    measurement: Measurement, code: str, limit: float, reason: str
) -> None:
    finding = measurement(code, limit)
    assert (finding.ruling.verdict, finding.ruling.reason) == ("inconclusive", reason)
    assert isinstance(finding.outcome, Failed)
    if "status" not in reason:  # with the stack, whatever it was
        assert "in measure" in finding.outcome.stderr


def test_what_cannot_be_measured_says_why(measurement: Measurement) -> None:
    finding = measurement("raise NotHere('no such thing')")
    assert (finding.ruling.verdict, finding.ruling.reason) == ("not measurable here", "no such thing")


def test_what_a_child_prints_does_no_harm(measurement: Measurement) -> None:
    finding = measurement("print('{}'); sys.stderr.write('Oh\\n'); raise NotHere('fine')")
    assert finding.ruling.reason == "fine"


def test_no_child_is_left(measurement: Measurement, tmp_path: Path) -> None:
    """What a child has started ends with it."""
    mark = tmp_path / "alive"
    grandchild = f"import time, pathlib; time.sleep(2); pathlib.Path({str(mark)!r}).touch()"
    code = f"import subprocess; subprocess.Popen([sys.executable, '-c', {grandchild!r}]); raise NotHere('fine')"
    assert measurement(code).ruling.reason == "fine"
    time.sleep(2.5)
    assert not mark.exists()
