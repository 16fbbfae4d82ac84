"""The kernel montecarlo in Cython: see gilscope.kernels.montecarlo."""
from cython.parallel cimport prange
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t

from support cimport *

cdef extern from "core/montecarlo.h":
    int64_t MONTECARLO_THRESHOLD, MONTECARLO_MAX

THRESHOLD = MONTECARLO_THRESHOLD
UNIT = "samples"
OPENMP = bool(GS_OPENMP)

cdef enum:
    RUN = 4096  # samples that a thread of the team draws at a time

ctypedef struct Samples:
    int64_t count, seed, first


cdef inline int64_t inside(uint64_t word0, uint64_t word1) noexcept nogil:
    cdef uint64_t x = word0 >> 1, y = word1 >> 1
    return x * x + y * y < <uint64_t>1 << 62


cdef inline int64_t block_hits(uint64_t seed, uint64_t block, bint even, bint odd) noexcept nogil:
    """Hits among the even and the odd sample of a block of Philox 4x32-10, as far as they are wanted."""
    cdef uint32_t a = <uint32_t>block, b = <uint32_t>(block >> 32), c = 0, d = 0
    cdef uint32_t key0 = <uint32_t>seed, key1 = <uint32_t>(seed >> 32)
    cdef uint64_t product0, product1
    cdef int step
    for step in range(10):
        product0 = <uint64_t>0xD2511F53 * a
        product1 = <uint64_t>0xCD9E8D57 * c
        a = <uint32_t>(product1 >> 32) ^ b ^ key0
        b = <uint32_t>product1
        c = <uint32_t>(product0 >> 32) ^ d ^ key1
        d = <uint32_t>product0
        key0 += <uint32_t>0x9E3779B9
        key1 += <uint32_t>0xBB67AE85
    return (inside(a, b) if even else 0) + (inside(c, d) if odd else 0)


cdef int64_t count_hits(const Samples *samples, int64_t begin, int64_t end) noexcept nogil:
    """Hits among samples begin to end - 1, counted from the first one."""
    cdef int64_t hits = 0, block
    begin += samples.first
    end += samples.first
    for block in range(begin // 2, (end + 1) // 2):
        hits += block_hits(samples.seed, block, 2 * block >= begin, 2 * block + 1 < end)
    return hits


cdef gs_status compute(gs_slices *slices, const Samples *samples, int64_t *hits) noexcept nogil:
    while gs_next(slices):
        hits[0] += count_hits(samples, slices.begin, slices.end)
    return GS_OK


cdef gs_status compute_openmp(gs_slices *slices, const Samples *samples, int64_t *hits, int threads) noexcept nogil:
    cdef int64_t run, found = 0
    while gs_next(slices):  # in runs; each thread adds up its own hits, and the team its threads'
        for run in prange(slices.begin, slices.end, num_threads=threads):
            found += count_hits(samples, run * RUN, min((run + 1) * RUN, samples.count))
    hits[0] += found
    return GS_OK


cdef int parse(samples, seed, first, Samples *out) except -1:
    gs_int("montecarlo", "samples", samples, 0, MONTECARLO_MAX, &out.count)
    gs_int("montecarlo", "seed", seed, 0, INT64_MAX, &out.seed)
    gs_int("montecarlo", "first", first, 0, MONTECARLO_MAX, &out.first)
    return 0


def montecarlo(samples, seed, first=0, *, policy="auto"):
    """Return how many of the samples first to first + samples - 1 lie inside the quarter circle.

    The sequence is that of the key `seed` (0 to 2**63-1), the same however it is divided into calls;
    pi is about 4 * hits / samples. `samples` and `first` are from 0 to 10**18.
    """
    cdef Samples wanted
    cdef gs_policy how
    cdef gs_run run
    cdef int64_t hits = 0
    gs_policy_from("montecarlo", policy, &how)
    parse(samples, seed, first, &wanted)
    gs_run_start(&run, "montecarlo", how, wanted.count, MONTECARLO_THRESHOLD, wanted.count, gs_slice_of(10))
    while gs_pending(&run):
        if run.release:
            with nogil:
                run.status = compute(&run.slices, &wanted, &hits)
        else:
            run.status = compute(&run.slices, &wanted, &hits)
    return hits


def montecarlo_openmp(samples, seed, first=0, *, threads):
    """The same with the samples dealt out to `threads` OpenMP threads, the GIL released."""
    cdef Samples wanted
    cdef int64_t team, hits = 0
    cdef gs_run run
    gs_int("montecarlo", "threads", threads, 1, 1024, &team)
    parse(samples, seed, first, &wanted)
    gs_run_start(&run, "montecarlo", GS_RELEASED, 0, 0, (wanted.count + RUN - 1) // RUN,
                 team * gs_slice_of(10.0 * RUN))
    while gs_pending(&run):
        with nogil:
            run.status = compute_openmp(&run.slices, &wanted, &hits, <int>team)
    return hits
