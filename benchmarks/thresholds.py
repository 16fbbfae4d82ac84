"""The amount of work from which on a release of the GIL costs at most 1 % of a call.

    python benchmarks/thresholds.py            every kernel
    python benchmarks/thresholds.py nbody      this one

How to read it. A pair is an uncontended release and re-take: the difference between an empty call that releases and one
that holds, measured in turns. A kernel's threshold is the work that takes a hundred times as long. Both depend on the
machine, so a compiled-in threshold is right if it is within a factor of 4. Exit status: 0 all are, 1 one is not.
"""

import sys
from time import perf_counter_ns

from rich.console import Console
from rich.table import Table

from gilscope.kernels import Kernel, load
from gilscope.stats import median_interval
from gilscope.variants import native

SHARE = 0.01
FACTOR = 4
ROUNDS = 40
CALLS = 5000


def pair_ns() -> float:
    """Nanoseconds of one release and re-take: one round of spin released, minus the same held."""
    spin = native(load()["spin"], "capi").spin

    def calls_ns(policy: str) -> float:
        started = perf_counter_ns()
        for _ in range(CALLS):
            spin(1, policy=policy)
        return (perf_counter_ns() - started) / CALLS

    return median_interval([calls_ns("released") - calls_ns("held") for _ in range(ROUNDS)]).median


def unit_ns(kernel: Kernel) -> float:
    """Nanoseconds of one unit of work in C, from calls of the small size; the shortest, since noise only adds."""
    if kernel.work is None:
        raise ValueError(f"{kernel.name} does not release")
    arguments = kernel.inputs(kernel.sizes["small"], 0)
    call = getattr(native(kernel, "capi"), kernel.name)
    times = []
    for _ in range(ROUNDS):
        started = perf_counter_ns()
        call(*arguments, policy="held")
        times.append(perf_counter_ns() - started)
    return min(times) / kernel.work(arguments)


def main() -> int:
    names = sys.argv[1:] or [name for name, kernel in load().items() if kernel.releases]
    unknown = [name for name in names if name not in load() or not load()[name].releases]
    if unknown:
        print(f"thresholds: {unknown[0]!r} is not a kernel that releases", file=sys.stderr)
        return 2
    pair = pair_ns()
    table = Table("kernel", "unit", "ns per unit", "measured", "compiled in", "", title=f"a pair costs {pair:.0f} ns")
    wrong = False
    for name in names:
        kernel = load()[name]
        module = native(kernel, "capi")
        rate = unit_ns(kernel)
        measured = pair / SHARE / rate
        fits = measured / FACTOR <= module.THRESHOLD <= measured * FACTOR
        wrong = wrong or not fits
        table.add_row(
            name, module.UNIT, f"{rate:.3f}", f"{measured:,.0f}", f"{module.THRESHOLD:,}", "" if fits else "off"
        )
    Console().print(table)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
