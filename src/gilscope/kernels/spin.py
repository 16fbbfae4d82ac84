"""spin: rounds of integer mixing that touch no memory."""

from gilscope.kernels import Arguments, Count, Kernel, bands

MASK = 2**64 - 1


def python(rounds: int, seed: int = 0) -> int:
    state = seed
    for _ in range(rounds):
        state ^= state >> 32
        state = state * 0xD6E8FEB86659FD93 & MASK
        state = state + 0x9E3779B97F4A7C15 & MASK
    return state


def inputs(size: int, seed: int) -> Arguments:
    return size, seed


def work(arguments: Arguments) -> int:
    return int(arguments[0])


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    rounds, seed = arguments
    return [(end - begin, seed + part) for part, (begin, end) in enumerate(bands(rounds, parts))]


KERNEL = Kernel(
    name="spin",
    summary="rounds of integer mixing, no memory",
    lesson="A unit of pure CPU time: nothing but the GIL can keep two of these from running side by side.",
    arguments=(Count("rounds", 0, 2**63 - 1), Count("seed", 0, 2**63 - 1)),
    sizes={"tiny": 50_000, "small": 500_000, "medium": 5_000_000, "large": 50_000_000},
    size_unit="rounds",
    inputs=inputs,
    split=split,
    combine=None,  # each round needs the one before: n shorter chains are other work than one long chain
    python=python,
    work=work,
    source="xor-shift, odd multiply, add: the mixing steps of common 64-bit hash finalisers",
)
