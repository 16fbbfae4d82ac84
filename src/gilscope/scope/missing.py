"""Whether the instrument is there: not every build has it (GILSCOPE_SCOPE=0, or a platform that it cannot run on)."""

from functools import cache
from importlib import import_module

from gilscope.host.circumstances import build

MODULES = ("_sampler", "_ledger", "_waits", "_workload")


@cache
def missing() -> str | None:
    """Why this installation has no instrument, in one line; None where it has one."""
    for name in MODULES:
        try:
            import_module(f"gilscope.scope.{name}")
        except ImportError as error:
            record = build()
            return record.scope if record and isinstance(record.scope, str) else str(error)
    return None
