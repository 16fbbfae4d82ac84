"""gilscope: when my code runs, who holds the GIL, and what does that cost?

>>> import gilscope
>>> gilscope.releases(hashlib.sha256, bytes(10_000_000))    # does this call release the GIL?
True
>>> gilscope.probe(json.dumps, list(range(100_000))).verdict
'holds'
>>> results = gilscope.bench(gilscope.select(["mandelbrot"]), threads=(1, 2), seconds=10)
"""

import importlib
from typing import TYPE_CHECKING, Any

from gilscope._version import __version__

if TYPE_CHECKING:
    from gilscope.kernels import load
    from gilscope.measure.bench import bench
    from gilscope.measure.verify import verify
    from gilscope.probes.probe import look, probe
    from gilscope.scope.oracle import releases
    from gilscope.scope.recording import record
    from gilscope.variants import select

__all__ = ["__version__", "bench", "load", "look", "probe", "record", "releases", "select", "verify"]

# Loaded when first asked for: `gilscope --help` and `import gilscope` stay quick.
_HOMES = {
    "bench": "gilscope.measure.bench",
    "load": "gilscope.kernels",
    "load_ipython_extension": "gilscope.notebook",
    "look": "gilscope.probes.probe",
    "probe": "gilscope.probes.probe",
    "record": "gilscope.scope.recording",
    "releases": "gilscope.scope.oracle",
    "select": "gilscope.variants",
    "verify": "gilscope.measure.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gilscope' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
