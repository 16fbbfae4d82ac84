"""The C and Cython kernels beside what the field's experts would write: NumPy, SciPy, Numba, RapidFuzz.

    python benchmarks/peers.py                      every kernel
    python benchmarks/peers.py nbody mandelbrot     two of them
    python benchmarks/peers.py --json peers.json    with all raw values

How to read it. Everything runs on one thread, with the same arguments, and all answers are checked before anything is
timed. The contenders of a kernel take turns, A B C A B C, for many rounds, so a disturbance slows all of them. The
figures come from the fastest rounds, as in `gilscope bench`: whatever else runs on the machine can only slow a round
down. `x capi` is the contender's time over that of the C kernel, with its 95 % bootstrap interval over the rounds: 2.0
means that C is twice as fast. A kernel fails if a peer's whole interval is below 1. mandelbrot and nbody must be at
least twice as fast as Numba.

The peers of a kernel are in rivals/KERNEL.py. Exit status: 0 all targets met, 1 one missed or an answer is wrong, 3 an
interval crosses its target.
"""

import os

for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before anything is imported: later it has no effect

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from gilscope.kernels import Arguments, Kernel, load
from gilscope.measure.calibrate import calls_for, seconds_of
from gilscope.stats import Interval, Scaling
from gilscope.variants import native

TARGETS = {("mandelbrot", "numba"): 2.0, ("nbody", "numba"): 2.0}
SAMPLE = 0.02  # seconds
LIBRARIES = ("numba", "rapidfuzz", "scipy")


def contenders(kernel: Kernel) -> dict[str, Callable[..., Any]]:
    """The two bindings and the peers, by name."""
    ours = {
        name: partial(getattr(native(kernel, name), kernel.name), policy="released" if kernel.releases else "held")
        for name in ("capi", "cython")
    }
    try:
        rivals = importlib.import_module(f"rivals.{kernel.name}").RIVALS
    except ModuleNotFoundError as error:
        if error.name != f"rivals.{kernel.name}":
            raise
        rivals = {}
    return ours | rivals


def measure(kernel: Kernel, arguments: Arguments, rounds: int) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Seconds per call of each contender, one value per round, and why others are missing."""
    reference: Any = None
    runners, missing = {}, {}
    for name, function in contenders(kernel).items():
        try:
            outcome = kernel.outcome(function, arguments)  # the first call also compiles
        except ModuleNotFoundError as error:
            missing[name] = f"{error.name} is not installed"
            continue
        if reference is None:
            reference = outcome
        if not kernel.agree(outcome, reference):
            sys.exit(f"peers: {kernel.name}: {name} gives a different answer from capi")
        own = kernel.fresh(arguments)
        runners[name] = (partial(function, *own), calls_for(seconds_of(function, own), SAMPLE))
    values: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, (call, calls) in runners.items():
            started = perf_counter()
            for _ in range(calls):
                call()
            values[name].append((perf_counter() - started) / calls)
    return values, missing


def verdict(ratio: Interval, target: float) -> str:
    if ratio.median >= target or (target == 1 and ratio.high >= 1):
        return "met"
    return "missed" if ratio.high < target else "open"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help="default: all")
    parser.add_argument("--size", default="medium", help="a named size or a number")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", metavar="FILE", help="write all raw values")
    options = parser.parse_args()
    known = load()
    unknown = [name for name in options.kernels if name not in known]
    if unknown:
        parser.error(f"unknown kernel {unknown[0]!r}; choose from {', '.join(known)}")

    for library in LIBRARIES:
        if find_spec(library) is None:
            print(f"peers: {library} is not installed (pip install {library})", file=sys.stderr)
    table = Table("kernel", "who", "ms per call", "x capi", "target", "")
    outcomes, raw = set(), {}
    for name in options.kernels or known:
        kernel = known[name]
        size = int(options.size) if options.size.isdigit() else kernel.sizes[options.size]
        values, missing = measure(kernel, kernel.inputs(size, 0), options.rounds)
        raw[name] = values
        for who, seconds in values.items():
            ratio = Scaling(seconds, values["capi"], 1).speedup()
            target = TARGETS.get((name, who.split()[0]), 1.0)
            result = "" if who in ("capi", "cython") else verdict(ratio, target)
            outcomes.add(result)
            table.add_row(
                name if who == "capi" else "",
                who,
                f"{min(seconds) * 1e3:.3f}",
                f"{ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]",
                f">= {target:g}" if result else "",
                result,
            )
        for who, reason in missing.items():
            table.add_row("", who, "", "", "", reason)
        table.add_section()
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"seconds_per_call": raw, "rounds": options.rounds, "size": options.size}, file, indent=1)
    return 1 if "missed" in outcomes else 3 if "open" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
