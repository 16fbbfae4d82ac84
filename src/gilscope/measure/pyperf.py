"""From results to pyperf's format, for `pyperf compare_to` and its other commands.

pyperf has no place for speed-ups, ceilings and verdicts; they are left out.
"""

from gilscope.results import Results, Row
from gilscope.results.codec import Json

VERSION = "1.0"  # of pyperf's format


def to_pyperf(results: Results) -> Json:
    """The raw values as a pyperf suite: one benchmark and one run per row, one value (seconds per call) per round.

    ValueError if there are no rows: pyperf cannot read a suite without a benchmark.
    """
    if not results.rows:
        raise ValueError("no rows: pyperf cannot read an empty suite")
    return {
        "version": VERSION,
        "metadata": _metadata(results),
        "benchmarks": [_benchmark(row) for row in results.rows],
    }


def _metadata(results: Results) -> Json:
    """The facts about all benchmarks, under pyperf's own names."""
    environment = results.environment
    python, machine = environment.python, environment.machine
    known = {
        "unit": "second",
        "description": f"gilscope {environment.gilscope}",
        "python_version": f"{python.version} ({'free-threaded' if python.free_threaded else 'default'} build)",
        "python_implementation": (python.implementation or "unknown").lower(),
        "platform": machine.system,
        "cpu_model_name": machine.cpu,
        "cpu_count": environment.cpus.os,
    }
    return {name: value for name, value in known.items() if value is not None}


def _benchmark(row: Row) -> Json:
    cell = f"{row.kernel}/{row.implementation}/{row.policy}"
    name = f"{cell} {row.executor}={row.workers} {row.scaling} size={row.size_number}"
    return {"metadata": {"name": name, "loops": row.calls}, "runs": [{"values": list(row.call_seconds())}]}
