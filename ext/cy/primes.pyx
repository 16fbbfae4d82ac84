"""The kernel primes in Cython: see gilscope.kernels.primes."""
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.math cimport log, sqrt
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

from support cimport *

cdef extern from "core/primes.h":
    int64_t PRIMES_THRESHOLD, PRIMES_ROOT_WORK, PRIMES_HIGH_MAX

THRESHOLD = PRIMES_THRESHOLD
UNIT = "numbers"

cdef enum:
    SEGMENT = 128 << 10  # flags: they stay in the L2 cache while every base prime strikes them

# A flag for each odd number: flag i is the number 2i + 1.
ctypedef struct Sieve:
    int64_t low, high, root
    int64_t found
    uint8_t *flags      # a segment, or the odd numbers up to the root
    uint32_t *prime     # the odd base primes, ascending
    uint32_t *next      # of each, the next flag to strike, counted from the segment's first
    int64_t count       # of base primes
    int64_t active      # of those with a square in what is sieved so far


cdef int64_t flags_wanted(const Sieve *sieve) noexcept nogil:
    return max(<int64_t>SEGMENT, sieve.root // 2 + 1)


cdef int64_t primes_most(int64_t root) noexcept nogil:
    """More than there are primes up to the root: pi(x) < 1.2551 x / log x."""
    return <int64_t>(1.26 * root / log(root)) if root > 1 else 0


cdef void find_base(Sieve *sieve) noexcept nogil:
    cdef int64_t i, flag, prime, size = (sieve.root + 1) // 2
    memset(sieve.flags, 1, size)
    sieve.count = sieve.active = 0
    for i in range(1, size):
        if not sieve.flags[i]:
            continue
        prime = 2 * i + 1
        sieve.prime[sieve.count] = <uint32_t>prime
        sieve.count += 1
        flag = prime * prime // 2
        while flag < size:
            sieve.flags[flag] = 0
            flag += prime


cdef void activate(Sieve *sieve, int64_t begin, int64_t end) noexcept nogil:
    """Brings in the base primes whose squares lie below flag `end`; none strikes below its square."""
    cdef int64_t prime, factor
    while sieve.active < sieve.count:
        prime = sieve.prime[sieve.active]
        if prime * prime // 2 >= end:
            return
        factor = max(prime, (2 * begin + prime) // prime | 1)  # the first odd one whose multiple is in or after
        sieve.next[sieve.active] = <uint32_t>(prime * factor // 2 - begin)
        sieve.active += 1


cdef int64_t count_segment(Sieve *sieve, int64_t begin, int64_t end) noexcept nogil:
    cdef int64_t i, flag, prime, size = end - begin, found = 0
    cdef uint8_t *flags = sieve.flags
    activate(sieve, begin, end)
    memset(flags, 1, size)
    if begin == 0:
        flags[0] = 0  # 1 is no prime
    for i in range(sieve.active):
        flag = sieve.next[i]
        prime = sieve.prime[i]
        while flag < size:
            flags[flag] = 0
            flag += prime
        sieve.next[i] = <uint32_t>(flag - size)
    for i in range(size):
        found += flags[i]
    return found


cdef gs_status compute(gs_slices *slices, Sieve *sieve) noexcept nogil:
    cdef int64_t segment, begin
    if slices.end == 0:
        find_base(sieve)
    while gs_next(slices):
        for segment in range(slices.begin, slices.end):
            begin = sieve.low // 2 + segment * SEGMENT
            sieve.found += count_segment(sieve, begin, min(begin + SEGMENT, sieve.high // 2))
    return GS_OK


def primes(low, high, *, policy="auto"):
    """Return how many primes p satisfy low <= p < high, for 0 <= low <= high <= 10**14.

    Each call finds the primes up to the square root of `high` anew, in memory of its own.
    """
    cdef Sieve sieve
    cdef gs_policy how
    cdef gs_run run
    cdef int64_t segments
    gs_policy_from("primes", policy, &how)
    gs_int("primes", "high", high, 0, PRIMES_HIGH_MAX, &sieve.high)
    gs_int("primes", "low", low, 0, sieve.high, &sieve.low)
    sieve.root = <int64_t>sqrt(sieve.high)
    sieve.found = sieve.low <= 2 < sieve.high  # the one prime without a flag
    cdef int64_t most = primes_most(sieve.root)
    sieve.prime = <uint32_t *>PyMem_RawMalloc(most * 2 * sizeof(uint32_t) + flags_wanted(&sieve))
    if sieve.prime is NULL:
        raise MemoryError
    sieve.next = sieve.prime + most
    sieve.flags = <uint8_t *>(sieve.next + most)
    segments = (sieve.high // 2 - sieve.low // 2 + SEGMENT - 1) // SEGMENT if sieve.low < sieve.high else 0
    gs_run_start(&run, "primes", how, sieve.high - sieve.low + PRIMES_ROOT_WORK * sieve.root, PRIMES_THRESHOLD,
                 segments, 1)
    try:
        while gs_pending(&run):
            if run.release:
                with nogil:
                    run.status = compute(&run.slices, &sieve)
            else:
                run.status = compute(&run.slices, &sieve)
    finally:
        PyMem_RawFree(sieve.prime)
    return sieve.found
