"""Made-up results documents, as a measurement could have given them, and what else a report is made of."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gilscope.annotate import Page
from gilscope.host import Environment
from gilscope.results import Results, Row, Settings
from gilscope.results.codec import decode

# kernel: (unit, nanoseconds a unit in C, in Python, in NumPy or None, what two plain C threads gain)
KERNELS: dict[str, tuple[str, float, float, float | None, float]] = {
    "spin": ("rounds", 1.4, 140, None, 1.99),
    "mandelbrot": ("pixel-iterations", 0.6, 62, 9.5, 1.99),
    "nbody": ("interactions", 0.9, 780, 14, 1.98),
    "primes": ("numbers", 0.31, 41, 3.1, 1.97),
    "montecarlo": ("points", 1.1, 2900, 28, 1.99),
    "levenshtein": ("cells", 0.05, 88, None, 1.98),
    "blur": ("pixels", 0.8, 2100, 19, 1.93),
    "triad": ("elements", 0.75, 95, 1.5, 1.28),
    "histogram": ("keys", 0.55, 74, 1.9, 1.95),
    "objectsum": ("items", 3.2, 24, None, 1.99),
}
OPENMP = ("mandelbrot", "nbody", "montecarlo", "blur", "triad")
_ENVIRONMENT = {
    "gilscope": "0.1.0",
    "python": {
        "version": "3.11.2",
        "implementation": "CPython",
        "compiler": "GCC 12.2.0",
        "free_threaded": False,
        "gil_enabled": True,
        "debug": False,
        "sanitizers": [],
        "switch_interval": 0.005,
    },
    "cpus": {"os": 2, "process": None, "affinity": 2, "quota": None, "usable": 2, "cores": 2},
    "machine": {
        "cpu": "a processor",
        "architecture": "x86_64",
        "vector": "avx2",
        "caches": [{"level": 1, "kind": "Data", "size": "32K", "cpus": "0"}],
        "governor": None,
        "driver": None,
        "system": "Linux",
    },
    "load": {"average": [0.2, 0.1, 0.1], "busy": 0.01, "steal": 0.0},
    "build": {"mode": "release", "compiler": "gcc 12.2.0", "flags": "-O3 -g0 -std=c11", "openmp": True},
    "libraries": {"numpy": "2.4.6", "cython": "3.3.1", "jinja2": "3.1.6", "plotly": "7.1.0"},
}

ENVIRONMENT = decode(Environment, _ENVIRONMENT, "made up")


def row(
    kernel: str = "mandelbrot",
    implementation: str = "capi",
    policy: str = "released",
    workers: int = 2,
    *,
    speedup: float = 1.97,
    ceiling: float = 1.99,
    machine: float | None = None,
    cpus: float = 2,
    noise: float = 0.005,
    rounds: int = 10,
) -> Row:
    """A row whose first round has these speed-ups and whose others fall short of them; the machine's is, if not
    given, all it could be."""
    unit, native, python, numpy, _ = KERNELS.get(kernel, ("things", 1.0, 100.0, None, 1.99))
    slower = {"python": python, "numpy": numpy or native, "cython": native * 1.3, "openmp": native * 1.3}
    own = np.random.default_rng([*f"{kernel}{implementation}{policy}{workers}".encode()])
    shared = np.random.default_rng([*f"{kernel}{workers}".encode()])
    work, calls = 1_000_000, 4
    seconds = slower.get(implementation, native) * 1e-9 * work * calls
    later = np.arange(rounds) > 0
    baseline = seconds * (1 + 0.03 * own.random(rounds) * later)
    ceiling_baseline = 0.04 * (1 + 0.01 * shared.random(rounds) * later)
    machine = machine or 0.995 * min(workers, cpus)

    def on_workers(baseline: np.ndarray, gain: float, random: np.random.Generator) -> tuple[float, ...]:
        if workers == 1:
            return tuple(baseline.tolist())
        return tuple((baseline * workers / (gain * (1 - noise * later * random.random(rounds)))).tolist())

    executor = "serial" if workers == 1 else "threads"
    return Row(
        kernel=kernel,
        implementation=implementation,
        policy=policy,
        executor="openmp" if implementation == "openmp" else executor,
        workers=workers,
        scaling="weak",
        size="tiny" if implementation == "python" else "medium",
        size_number=1000,
        calls=calls,
        work=work,
        unit=unit,
        seconds=on_workers(baseline, speedup, own),
        baseline_seconds=tuple(baseline.tolist()),
        ceiling_seconds=on_workers(ceiling_baseline, ceiling, shared),
        ceiling_baseline_seconds=tuple(ceiling_baseline.tolist()),
        machine_calls=10,
        machine_seconds=on_workers(ceiling_baseline, machine, shared),
        machine_baseline_seconds=tuple(ceiling_baseline.tolist()),
        cpus=cpus,
    )


def document(rows: Sequence[Row], environment: Environment = ENVIRONMENT, complete: bool = True) -> Results:
    counts = tuple(sorted({row.workers for row in rows}))
    settings = Settings(threads=counts, size="medium", scaling="weak", seconds=90, rounds=10)
    return Results(rows=tuple(rows), settings=settings, environment=environment, complete=complete)


def full(threads: Sequence[int] = (1, 2), kernels: Sequence[str] = tuple(KERNELS)) -> Results:
    """All cells of these kernels, as a quiet machine could give them; objectsum cannot release."""
    rows = []
    for kernel in kernels:
        _, _, _, numpy, ceiling = KERNELS[kernel]
        native = ("held", "auto") if kernel == "objectsum" else ("held", "released", "auto")
        cells = [("python", "own"), *((binding, policy) for binding in ("cython", "capi") for policy in native)]
        cells += [("numpy", "own")] if numpy else []
        cells += [("openmp", "released")] if kernel in OPENMP else []
        for implementation, policy in cells:
            share = 0.985 if policy in ("released", "auto") and kernel != "objectsum" else -0.005
            share = {"numpy": 0.55, "python": -0.03}.get(implementation, share)
            for workers in threads:
                limit = 1 + (ceiling - 1) * (workers - 1)
                speedup = 1 + share * (limit - 1)
                rows.append(
                    row(kernel, implementation, policy, workers, speedup=speedup, ceiling=limit, cpus=max(threads))
                )
    return document(rows)


def blank_pages(sources: Sequence[Path], folder: Path) -> list[Page]:
    """In the place of gilscope.annotate.annotate, which takes seconds."""
    folder.mkdir(parents=True)
    pages = [Page(source, source.stem, folder / f"{source.stem}.html") for source in sources]
    for page in pages:
        page.html.write_text("<!DOCTYPE html><title>a page</title>")
    return pages
