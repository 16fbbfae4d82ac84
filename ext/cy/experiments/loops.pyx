"""One loop, the rounds of the kernel spin, in the states in which people write it in Cython; for the experiments."""
from libc.stdint cimport int64_t, uint64_t


def untyped(rounds, seed=0):
    """The Python source as it is, compiled."""
    state = seed
    for _ in range(rounds):
        state ^= state >> 32
        state = state * 0xD6E8FEB86659FD93 & 0xFFFFFFFFFFFFFFFF
        state = state + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    return state


cdef uint64_t mix(uint64_t state, int64_t rounds) noexcept nogil:
    cdef int64_t i
    for i in range(rounds):
        state ^= state >> 32
        state *= <uint64_t>0xd6e8feb86659fd93
        state += <uint64_t>0x9e3779b97f4a7c15
    return state


def typed(int64_t rounds, uint64_t seed=0):
    """With C types. The `nogil` in the signature of mix() releases nothing: the GIL is held."""
    return mix(seed, rounds)


def released(int64_t rounds, uint64_t seed=0):
    """With C types, and the GIL released."""
    cdef uint64_t state
    with nogil:
        state = mix(seed, rounds)
    return state
