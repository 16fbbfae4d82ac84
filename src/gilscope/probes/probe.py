"""One function under the scope: does it release the GIL, for how much of its time, and what is that worth?

    gilscope.probe(zlib.compress, bytes(1 << 22)).verdict     # "releases"

Five short measurements, each with what it alone can tell. By one caller (a look):

    oracle      whether it releases at all: a yes or no that load does not affect
    recording   for how much of a call, how often, where in the code, and the longest hold (sampler and ledger)

By several callers together:

    speed-up    N threads over one, beside N plain C threads: what the machine can give at this moment
    bystander   what a pure Python thread keeps of its own speed while another one calls the function
    event loop  the longest gap in an asyncio loop's heartbeat while `asyncio.to_thread` calls the function
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from gilscope.host import usable_cpus
from gilscope.probes import together
from gilscope.probes.look import look_at
from gilscope.probes.target import Target, from_function
from gilscope.results.looks import Look
from gilscope.results.probes import Probe

LOOK, TOGETHER = 0.3, 0.6
"""Parts of the time; warming up and the oracle take the rest."""


def probe(
    function: Callable[..., object],
    *arguments: Any,
    threads: int = 2,
    seconds: float = 2.0,
    name: str | None = None,
    **keywords: Any,
) -> Probe:
    """Probes `function(*arguments, **keywords)`, called many times and from several threads at once.

    What the function prints, it prints.

    Parameters
    ----------
    function
        Whatever can be called.
    *arguments, **keywords
        What it is called with; every call gets the same objects.
    threads
        How many callers there are at once, for the speed-up; at least 2.
    seconds
        About how long it all takes; a call that takes longer than a tenth of it makes it longer.
    name
        What to call the function in messages; by default its `__qualname__`.

    Returns
    -------
    gilscope.results.Probe
        `.verdict`, `.reason`, `.released_share`, `.longest_hold_ms`, `.sites`, `.advice`; `.together.speedup`. The
        recording behind these figures comes from `gilscope.probes.look.look_at`.

    Raises
    ------
    gilscope.probes.target.ProbeError
        The function raises, returns in a forked child, or returns a coroutine or generator, of which nothing has run.
    gilscope.scope.recording.RecordingError
        A recording runs already in this process, or this platform has no means to make one.
    ValueError
        Less than two threads.
    """
    *_, whole = halves(from_function(function, arguments, keywords, name), threads, seconds)
    return whole


def look(
    function: Callable[..., object], *arguments: Any, seconds: float = 0.6, name: str | None = None, **keywords: Any
) -> Look:
    """Looks at `function(*arguments, **keywords)`: the first half of a probe, which needs no second core.

    Parameters
    ----------
    function, *arguments, **keywords, name
        As for `gilscope.probe`.
    seconds
        About how long to record.

    Returns
    -------
    gilscope.results.Look
        `.verdict`, `.reason`, `.oracle`, `.released_share`, `.longest_hold_ms`, `.releases_per_call`, `.sites`.

    Raises
    ------
    gilscope.probes.target.ProbeError, gilscope.scope.recording.RecordingError
        As for `gilscope.probe`.
    """
    return look_at(from_function(function, arguments, keywords, name), seconds)[0]


def halves(target: Target, threads: int, seconds: float) -> Iterator[Probe]:
    """A probe in two steps: one that has only a look, as soon as there is one, and then the whole."""
    if threads < 2:
        raise ValueError(f"a speed-up needs at least 2 threads, not {threads}")
    first, _ = look_at(target, seconds * LOOK)
    half = Probe(first, threads, None, usable_cpus())
    yield half
    yield replace(half, together=together.measure(target, first, threads, seconds * TOGETHER))
