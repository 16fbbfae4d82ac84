"""Whether Python and the compiled instrument agree on the records and numbers that they share: ext/scope/layout.h."""

from collections.abc import Mapping
from importlib import import_module

import numpy as np

MODULES = ("_sampler", "_ledger", "_waits")


def disagreement(
    records: Mapping[str, "np.dtype[np.void]"],
    numbers: Mapping[str, int],
    compiled_records: Mapping[str, Mapping[str, object]],
    compiled_numbers: Mapping[str, int],
) -> str | None:
    """The first difference, in words; None where both are the same."""
    for name in sorted(records.keys() | compiled_records.keys()):
        here = records.get(name)
        there = np.dtype(dict(compiled_records[name])) if name in compiled_records else None  # type: ignore[call-overload]
        if here != there:
            return f"{name} is {here} in Python and {there} in C"
    for name in sorted(numbers.keys() | compiled_numbers.keys()):
        if numbers.get(name) != compiled_numbers.get(name):
            return f"{name} is {numbers.get(name)} in Python and {compiled_numbers.get(name)} in C"
    return None


def check(records: Mapping[str, "np.dtype[np.void]"], numbers: Mapping[str, int]) -> None:
    """Compare with what the compiled modules say; ImportError where they differ. Without the modules there is nothing
    to compare, and nothing to read either."""
    compiled_records: dict[str, Mapping[str, object]] = {}
    compiled_numbers: dict[str, int] = {}
    for name in MODULES:
        try:
            module = import_module(f"gilscope.scope.{name}")
        except ImportError:
            return
        compiled_records |= module.RECORDS
        compiled_numbers |= module.NUMBERS
    difference = disagreement(records, numbers, compiled_records, compiled_numbers)
    if difference:
        raise ImportError(f"gilscope.scope was compiled from other sources: {difference}; build it again")
