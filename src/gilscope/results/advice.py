"""Advice on what to change in a function, from a probe of it: pure functions."""

from collections.abc import Iterator

from gilscope.results.looks import Look, Together

FREE_FROM = 1.5
"""With free cores, plain C threads reach at least this speed-up. Below, the machine is too busy or too small."""
OWN_THREADS_FROM = 1.3
"""From this many busy CPUs per caller on, the function has its own threads."""
ASLEEP_BELOW = 0.7
"""Callers that keep less than this share of their CPUs busy are asleep for the rest."""
PAIR_NS = 50.0
"""A release and its re-take that nobody contends: measured by benchmarks/thresholds.py. Printed advice says "about"."""
OFTEN_NS = 20 * PAIR_NS


def of_probe(look: Look, together: Together | None, threads: int, cpus: float) -> Iterator[str]:
    """What to change, the most important cause first."""
    if cpus < threads:
        usable = f"only {cpus:g} CPU{'' if cpus == 1 else 's'} can be used"
        yield f"{usable}: {threads} threads cannot all run at once here"
    yield from of_look(look)
    if look.verdict == "releases" and together is not None:
        yield _gain(together, threads)


def of_look(look: Look) -> Iterator[str]:
    """What to change in the call itself."""
    if look.verdict == "too short to tell":
        yield "probe a larger input: a call must take at least 20 us"
    elif look.verdict == "holds":
        yield _where_to_release(look.call_ns)
    else:
        yield from _fewer_hand_offs(look)
        if look.verdict == "partly":
            held = 1 - look.released_share.median
            most = 1 / max(held, 1e-3)
            yield f"a call holds the GIL for {held:.0%} of its time, so no number of threads exceeds {most:.1f}x"


def _where_to_release(call_ns: float) -> str:
    if call_ns < 100 * PAIR_NS:
        return f"leave it: a release (about {PAIR_NS:g} ns) would cost over 1 % of a call of {call_ns / 1e3:.1f} us"
    return (
        "release around the part that uses no Python object (Py_BEGIN_ALLOW_THREADS, `with nogil:`); worth it "
        f"for calls over {100 * PAIR_NS / 1e3:g} us (overhead under 1 %)"
    )


def _fewer_hand_offs(look: Look) -> Iterator[str]:
    for site in look.sites:
        per_release = site.count / max(1, sum(s.count for s in look.sites if s.kind == "release"))
        if site.kind == "take" and per_release >= 1:
            yield (
                f"it takes the GIL back at {site.place}, {per_release:,.0f} times for each release: look for a "
                "`with gil`, a callback, or a cdef function without `noexcept`"
            )
    if look.releases_per_call and look.releases_per_call > 2:
        each = look.released_share.median * look.call_ns / look.releases_per_call
        if each < OFTEN_NS:
            yield (
                f"it releases {look.releases_per_call:,.0f} times per call, for {each:,.0f} ns each, which costs "
                "as much as it gains: release once, around the loop"
            )


def _gain(together: Together, threads: int) -> str:
    """Whether several callers of a function that releases run faster than one."""
    gain = (together.speedup.median - 1) / max(together.ceiling.median - 1, 1e-9)
    if together.ceiling.median < FREE_FROM:
        return (
            f"it releases, but the machine is too busy to tell whether it scales: {threads} plain C threads reach only "
            f"{together.ceiling.median:.2f}x"
        )
    if gain < 0.5:
        return (
            f"it releases, but {threads} threads reach only {together.speedup.median:.2f}x (C threads: "
            f"{together.ceiling.median:.2f}x): {_what_stops(together, threads)}"
        )
    return "call it from a thread pool: it scales here"


def _what_stops(together: Together, threads: int) -> str:
    """Why several callers that release are not faster than one, from the CPU time that they use."""
    if together.cpus_alone > OWN_THREADS_FROM:
        return (
            f"one call keeps {together.cpus_alone:.1f} CPUs busy by itself, so several calls at once oversubscribe "
            "them: limit its own threads to one (threadpoolctl, OMP_NUM_THREADS=1), or call it from one thread"
        )
    if together.cpus_alone < ASLEEP_BELOW:
        asleep = 1 - together.cpus_alone
        return f"a call is off the CPU for {asleep:.0%} of its time, waiting for I/O or another process"
    if together.cpus_together < ASLEEP_BELOW * threads * together.cpus_alone:
        return (
            f"together they keep only {together.cpus_together:.1f} CPUs busy, so they wait for each other: for a lock "
            "inside, or an object that they share; give each thread its own"
        )
    return (
        f"they keep {together.cpus_together:.1f} CPUs busy and wait for memory: its bandwidth, or a cache line that "
        "they all write; work on smaller blocks or private copies"
    )
