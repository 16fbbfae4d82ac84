"""What `run` and `bench` share: the measurement, with its bar and its warnings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gilscope.cli._output import progress, warn
from gilscope.cli._program import USAGE, Failure

if TYPE_CHECKING:
    from gilscope.variants import Variant


def measure(
    cells: "Sequence[Variant]",
    threads: tuple[int, ...] | None,
    *,
    seconds: float,
    quiet: bool,
    warned: bool = False,
    size: str | int = "medium",
    scaling: str = "weak",
) -> dict[str, Any]:
    """Measures the cells on 1 and on all usable CPUs (at least 2), where `threads` does not say otherwise."""
    from gilscope.measure.bench import bench
    from gilscope.measure.environment import environment

    circumstances = environment()
    if not (quiet or warned):
        warn(circumstances)
    threads = threads or (1, max(2, int(circumstances["cpus"]["usable"])))
    try:
        with progress(quiet) as report:
            return bench(cells, threads=threads, size=size, scaling=scaling, seconds=seconds, progress=report)
    except RuntimeError as error:  # a wrong answer, or no more threads to be had
        raise Failure(str(error)) from error
    except (ValueError, OverflowError) as error:
        if isinstance(size, str):
            raise
        raise Failure(f"size {size}: {error}", USAGE) from error


def interrupted(document: dict[str, Any]) -> str:
    """What to say of a measurement that Ctrl-C ended."""
    rows, rounds = len(document["rows"]), document["settings"]["rounds"]
    return f"interrupted after {rounds} round{'' if rounds == 1 else 's'}; {rows or 'no'} rows were measured"
