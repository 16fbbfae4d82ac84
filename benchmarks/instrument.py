"""The instrument measured: how true it is, what it costs, and how others do on the same work.

    python benchmarks/instrument.py                  about three minutes
    python benchmarks/instrument.py --quick          fewer rounds
    python benchmarks/instrument.py --json FILE      with all raw values

How to read it. *Accuracy*: workloads hold and release the GIL for exact times; the error is the distance of the scope's
answer from the truth, in percentage points. *Overhead*: rounds with and without the instrument alternate; the ratio is
the median over the pairs, with its 95 % interval; 1.000 means no measurable overhead. *An event*: the extra cost of the
ledger per pair of release and re-take. *Others*: the share of the GIL that other tools report for a true share of one
half, in calls of 1 ms (gilknocker measures something else: how long it waits for the GIL itself).

Targets: an error of 1 point for calls of 1 ms and more, 3 for shorter ones; an overhead under 1 % of a saturated
machine for the sampler with its defaults; under 65 ns per pair; no event lost below a million per second. Exit status:
0 all met, 1 one missed, 3 an interval crosses its target.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import gilscope
from gilscope.kernels import load
from gilscope.scope import _ledger, _sampler
from gilscope.scope import recording as recordings
from gilscope.scope.calibrate import calibrate
from gilscope.scope.oracle import gil_enabled
from gilscope.stats import Interval, fastest_interval, paired_ratio
from gilscope.variants import native

OVERHEAD_MOST, PAIR_NS_MOST = 1.01, 65.0
PAIRS = 100_000
ROUND = 0.3
"""Seconds of a round of work, long enough that the start of a recording does not dominate."""
TICKS = 10_000_000


def saturated(seconds: float) -> float:
    """Seconds that two threads of released C, which saturate two cores, take for a fixed amount of work."""
    spin = native(load()["spin"], "capi").spin
    rounds = int(seconds * 5e8)
    took: list[float] = []
    threads = [
        threading.Thread(target=lambda seed=n: took.append(timed(lambda: spin(rounds, seed, policy="released"))))
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.harmonic_mean(took)


def in_python(seconds: float) -> float:
    def work() -> None:
        for _ in range(int(seconds * 5e7)):
            pass

    return timed(work)


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def overhead(work: Callable[[float], float], rounds: int, **how: Any) -> Interval:
    """Time with the instrument over time without it, in pairs of alternating order."""
    watched, alone = [], []

    def watch() -> None:
        with gilscope.record(**how):
            watched.append(work(ROUND))

    for number in range(rounds):
        for step in (
            (watch, lambda: alone.append(work(ROUND))) if number % 2 else (lambda: alone.append(work(ROUND)), watch)
        ):
            step()
    return paired_ratio(watched, alone)


def pair_ns(rounds: int) -> tuple[Interval, int]:
    """The ns that the ledger adds to a release and its re-take, and the number of events that it lost."""
    spin = native(load()["spin"], "capi").spin

    def calls() -> None:
        for _ in range(PAIRS):
            spin(1, 1, policy="released")

    alone, noted, lost = [], [], 0
    for _ in range(rounds):
        alone.append(timed(calls) / PAIRS * 1e9)
        _ledger.start(recordings.LIMIT)
        noted.append(timed(calls) / PAIRS * 1e9)
        books = _ledger.stop()
        lost += sum(dropped for _, dropped, _ in books["threads"])
    with_it, without = fastest_interval(noted), fastest_interval(alone)
    cost = Interval(with_it.median - without.median, with_it.low - without.high, with_it.high - without.low)
    return cost, lost


HALF = """
import sys, time
from gilscope.scope._workload import cycle
seconds = float(sys.argv[1])
print("ready", flush=True)
cycle(0.0005, 0.0005, seconds)
"""


def gilknocker(seconds: float) -> float:
    """Its contention metric for the same work, in a separate process."""
    code = (
        "import gilknocker\nknocker = gilknocker.KnockKnock(1000)\nknocker.start()\n"
        + HALF
        + "print(knocker.contention_metric)\nknocker.stop()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(seconds)], capture_output=True, text=True, timeout=60, check=True
    )
    return float(done.stdout.split()[-1])


@contextmanager
def half_holder(seconds: float) -> Iterator[int]:
    """The id of a process that does the same work, for tools that observe from outside."""
    child = subprocess.Popen([sys.executable, "-c", HALF, str(seconds)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        yield child.pid
    finally:
        child.kill()
        child.wait()


def collapsed(command: Sequence[str]) -> tuple[int, str]:
    """Run a profiler that writes collapsed stacks; returns the number of samples in them, and its output."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "stacks")
        done = subprocess.run([*command, "-o", str(out)], capture_output=True, text=True, timeout=60, check=True)
        return sum(int(line.rsplit(" ", 1)[1]) for line in out.read_text().splitlines()), done.stdout


def py_spy(seconds: float) -> float:
    """The share of samples with the GIL, at 100 samples per second."""
    with half_holder(seconds + 3) as process:
        command = [str(find_py_spy()), "record", "--gil", "-r", "100", "-d", str(round(seconds)), "-f", "raw"]
        return collapsed([*command, "-p", str(process)])[0] / (100 * round(seconds))


def profiling_sampling(seconds: float) -> float:
    """The same for the standard library's profiler, at 1000 samples per second."""
    with half_holder(seconds + 3) as process:
        command = [sys.executable, "-m", "profiling.sampling", "attach", "--mode", "gil", "--collapsed"]
        command += ["-r", "1000", "-d", str(round(seconds)), str(process)]
        samples, output = collapsed(command)
        captured = re.search(r"Captured (\d+) samples", output)
        if captured is None:
            raise ValueError(output)
        return samples / int(captured[1])


def find_py_spy() -> str | None:
    return shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))


def others(seconds: float) -> dict[str, float | str]:
    """The share that each other tool reports for a true half, or why it cannot."""
    tools: dict[str, tuple[bool, str, Callable[[float], float]]] = {
        "gilknocker": (find_spec("gilknocker") is not None, "not installed (pip install gilknocker)", gilknocker),
        "py-spy": (find_py_spy() is not None, "not installed (pip install py-spy)", py_spy),
        "profiling.sampling": (sys.version_info >= (3, 15), "needs Python 3.15", profiling_sampling),
    }
    answers: dict[str, float | str] = {}
    for name, (here, otherwise, ask) in tools.items():
        try:
            answers[name] = ask(seconds) if here else otherwise
        except (subprocess.SubprocessError, ValueError, IndexError, OSError) as error:
            answers[name] = f"failed: {type(error).__name__}"
    return answers


def outcome_of(value: Interval, most: float) -> str:
    return "met" if value.high <= most else "missed" if value.low > most else "open"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", metavar="FILE", help="write everything")
    options = parser.parse_args()
    rounds, seconds = (5, 10.0) if options.quick else (21, 60.0)
    table = Table("what", "figure", "target", "")
    outcomes = []

    def add(what: str, figure: str, target: str, outcome: str) -> None:
        outcomes.append(outcome)
        table.add_row(what, figure, target, outcome)

    points = list(calibrate(seconds)) if gil_enabled() and _sampler.INTERNALS else []
    for long in (False, True):
        mine = [point for point in points if (point.cycle >= 1e-3) is long]
        if not mine:
            continue
        kind = "1 ms and more" if long else "20 us"
        worst = max(mine, key=lambda point: point.error)
        limit = 1 if long else 3
        add(
            f"share, calls of {kind}: the scope's largest error",
            f"{worst.error * 100:.2f} points at {worst.truth:.0%}",
            f"<= {limit} points",
            "met" if all(point.fine for point in mine) else "missed",
        )
        furthest = max(abs((point.sampler or 0) - point.truth) for point in mine)
        table.add_row("  the sampler's alone", f"{furthest * 100:.2f} points", "", "")
    costs = {
        "sampler, two threads of released C": overhead(saturated, 3 * rounds, ledger=False),
        "sampler, Python": overhead(in_python, rounds, ledger=False),
        "sampler and ledger, two threads of released C": overhead(saturated, rounds),
        "sampler and ledger, Python": overhead(in_python, rounds),
    }
    for number, (what, ratio) in enumerate(costs.items()):
        figure = f"{ratio.median:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]"
        if number == 0:
            add(f"time with the {what}", figure, f"<= {OVERHEAD_MOST}", outcome_of(ratio, OVERHEAD_MOST))
        else:
            table.add_row(f"time with the {what}", figure, "", "")
    pair, lost = pair_ns(rounds)
    figure = f"{pair.median:.1f} [{pair.low:.1f}, {pair.high:.1f}] ns"
    add("an event of the ledger", figure, f"< {PAIR_NS_MOST:g} ns", outcome_of(pair, PAIR_NS_MOST))
    add(f"events lost of {rounds * PAIRS:,}", str(lost), "0", "met" if lost == 0 else "missed")
    known = others(4.0) if gil_enabled() else {}
    for name, share in known.items():
        shown = share if isinstance(share, str) else f"{share:.2f}"
        table.add_row(f"{name}, for a true share of 0.50", shown, "", "")
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    if options.json:
        document = {
            "points": [point.to_json() for point in points],
            "overhead": {what: ratio.to_json() for what, ratio in costs.items()},
            "pair_ns": pair.to_json(),
            "lost": lost,
            "others": known,
        }
        Path(options.json).write_text(json.dumps(document, indent=1) + "\n")
    return 1 if "missed" in outcomes else 3 if "open" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
