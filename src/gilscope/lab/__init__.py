"""The lab's run: from a plan to results."""

from gilscope.lab._run import (
    QUICK_CLAIMS,
    QUICK_KERNELS,
    Length,
    Plan,
    Run,
    default_threads,
    interrupted_bench,
    plan,
    run,
)

__all__ = [
    "QUICK_CLAIMS",
    "QUICK_KERNELS",
    "Length",
    "Plan",
    "Run",
    "default_threads",
    "interrupted_bench",
    "plan",
    "run",
]
