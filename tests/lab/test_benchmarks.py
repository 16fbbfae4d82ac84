"""The scripts in benchmarks/ run, and say what they are for. Their figures need a quiet machine, so none is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gilscope.host import gil_enabled
from gilscope.scope import _sampler

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    script, *rest = arguments
    command = [sys.executable, str(BENCHMARKS / script), *rest]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_thresholds() -> None:
    done = run("thresholds.py", "spin")
    assert done.returncode in (0, 1), done.stderr
    assert "a pair costs" in done.stdout
    assert "spin" in done.stdout


def test_peers_are_checked_and_timed(tmp_path: Path) -> None:
    done = run("peers.py", "triad", "--size", "tiny", "--rounds", "2", "--json", str(tmp_path / "peers.json"))
    assert done.returncode in (0, 1, 3), done.stderr
    assert "capi" in done.stdout
    assert "NumPy" in done.stdout or "numpy" in done.stdout
    assert json.loads((tmp_path / "peers.json").read_text())


@pytest.mark.skipif(not gil_enabled() or not _sampler.INTERNALS, reason="no GIL that can be read")
def test_the_instrument_measures_itself(tmp_path: Path) -> None:
    done = run("instrument.py", "--quick", "--json", str(tmp_path / "instrument.json"))
    assert done.returncode in (0, 1, 3), done.stderr
    found = json.loads((tmp_path / "instrument.json").read_text())
    assert {round(point["truth"], 1) for point in found["points"]} >= {0, 0.5, 1}
    assert found["lost"] == 0
    assert found["pair_ns"]["low"] <= found["pair_ns"]["median"] <= found["pair_ns"]["high"]
    assert len(found["overhead"]) == 4


@pytest.mark.parametrize("script", sorted(path.name for path in BENCHMARKS.glob("*.py")))
def test_a_wrong_argument_is_named(script: str) -> None:
    done = run(script, "--no-such-option")
    assert done.returncode == 2
    assert "no-such-option" in done.stderr
    assert "Traceback" not in done.stderr
