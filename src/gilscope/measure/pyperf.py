"""From our results to pyperf's format, so that `pyperf compare_to` and its kin work on them.

What pyperf has no place for, the speed-ups, ceilings and verdicts, stays behind.
"""

from collections.abc import Mapping
from typing import Any

VERSION = "1.0"  # of pyperf's format


def to_pyperf(results: Mapping[str, Any]) -> dict[str, Any]:
    """The same raw values as a pyperf suite: one benchmark a row, one run with one value a round, seconds of a call.

    ValueError if there are no rows, for pyperf knows no suite without a benchmark.
    """
    if not results["rows"]:
        raise ValueError("no rows: pyperf has no empty suite")
    return {
        "version": VERSION,
        "metadata": _metadata(results),
        "benchmarks": [_benchmark(row) for row in results["rows"]],
    }


def _metadata(results: Mapping[str, Any]) -> dict[str, Any]:
    """What holds for all benchmarks, under pyperf's own names."""
    python, machine = results["environment"]["python"], results["environment"]["machine"]
    known = {
        "unit": "second",
        "description": f"gilscope {results['environment']['gilscope']}",
        "python_version": f"{python['version']} ({'free-threaded' if python['free_threaded'] else 'default'} build)",
        "python_implementation": python["implementation"].lower(),
        "platform": machine["system"],
        "cpu_model_name": machine["cpu"],
        "cpu_count": results["environment"]["cpus"]["os"],
    }
    return {name: value for name, value in known.items() if value is not None}


def _benchmark(row: Mapping[str, Any]) -> dict[str, Any]:
    name = "{kernel}/{implementation}/{policy} {executor}={workers} {scaling} size={size_number}".format_map(row)
    return {
        "metadata": {"name": name, "loops": row["calls"]},
        "runs": [{"values": [seconds / row["calls"] for seconds in row["seconds"]]}],
    }
