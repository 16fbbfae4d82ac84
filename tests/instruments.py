"""The compiled instrument, for tests that need it: they skip where it was not built, and say why."""

from types import ModuleType

import pytest

from gilscope.scope.missing import missing

REASON = f"no instrument: {missing()}"
needs_scope = pytest.mark.skipif(missing() is not None, reason=REASON)


def instrument(name: str) -> ModuleType:
    """The module gilscope.scope.NAME; skips the whole file where it is missing."""
    module: ModuleType = pytest.importorskip(f"gilscope.scope.{name}", reason=REASON)
    return module
