"""The kernel histogram in Cython: see gilscope.kernels.histogram."""
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from support cimport *

cdef extern from "core/histogram.h":
    int64_t HISTOGRAM_THRESHOLD
    enum:
        HISTOGRAM_BINS_MAX
    ctypedef enum histogram_sharing:
        HISTOGRAM_PRIVATE
        HISTOGRAM_ATOMIC
        HISTOGRAM_LOCKED
    const char *const *histogram_sharings
    int64_t histogram_step(histogram_sharing sharing)

cdef extern from *:
    """
    static inline void add_atomic(int64_t *count, int64_t more) { __atomic_fetch_add(count, more, __ATOMIC_RELAXED); }
    /* A load and a store, each whole but the pair not. */
    static inline void add_plain(int64_t *count) {
        __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
    }
    static inline uint8_t read_once(const uint8_t *key) { return __atomic_load_n(key, __ATOMIC_RELAXED); }
    """
    void add_atomic(int64_t *count, int64_t more) noexcept nogil
    void add_plain(int64_t *count) noexcept nogil
    uint8_t read_once(const uint8_t *key) noexcept nogil

THRESHOLD = HISTOGRAM_THRESHOLD
UNIT = "keys"

ctypedef struct Private:
    int64_t counts[4][HISTOGRAM_BINS_MAX]  # in turn, so that a run of one key does not wait for itself


cdef gs_status count_private(gs_slices *slices, const uint8_t[::1] keys, int64_t bins, Private *private) noexcept nogil:
    cdef int64_t i, end = slices.end, fours = slices.begin + (end - slices.begin) // 4 * 4
    for i in range(slices.begin, fours, 4):
        private.counts[0][keys[i]] += 1
        private.counts[1][keys[i + 1]] += 1
        private.counts[2][keys[i + 2]] += 1
        private.counts[3][keys[i + 3]] += 1
    for i in range(fours, end):
        private.counts[0][keys[i]] += 1
    for i in range(bins, HISTOGRAM_BINS_MAX):
        if private.counts[0][i] or private.counts[1][i] or private.counts[2][i] or private.counts[3][i]:
            break
    else:
        return GS_OK
    for i in range(slices.begin, end):  # a key has no bin: where? It may be gone, since others can rewrite keys
        if keys[i] >= bins:
            slices.begin = i
            break
    return GS_BAD_VALUE


cdef gs_status count_direct(gs_slices *slices, const uint8_t[::1] keys, int64_t[:] counts, int sharing,
                            pthread_mutex_t *lock) noexcept nogil:
    cdef int64_t i
    cdef uint8_t key
    for i in range(slices.begin, slices.end):
        key = read_once(&keys[i])  # what is checked is what is used
        if key >= counts.shape[0]:
            slices.begin = i
            return GS_BAD_VALUE
        if sharing == HISTOGRAM_ATOMIC:
            add_atomic(&counts[key], 1)
        elif sharing == HISTOGRAM_LOCKED:
            pthread_mutex_lock(lock)
            add_plain(&counts[key])
            pthread_mutex_unlock(lock)
        else:
            add_plain(&counts[key])
    return GS_OK


cdef gs_status compute(gs_slices *slices, const uint8_t[::1] keys, int64_t[:] counts, int sharing,
                       pthread_mutex_t *lock, Private *private) noexcept nogil:
    cdef gs_status status = GS_OK
    cdef int64_t i
    while status == GS_OK and gs_next(slices):
        if sharing == HISTOGRAM_PRIVATE:
            status = count_private(slices, keys, counts.shape[0], private)
        else:
            status = count_direct(slices, keys, counts, sharing, lock)
    if status == GS_OK and sharing == HISTOGRAM_PRIVATE and slices.end == slices.total:
        for i in range(counts.shape[0]):
            add_atomic(&counts[i], private.counts[0][i] + private.counts[1][i] + private.counts[2][i]
                       + private.counts[3][i])
    return status


def histogram(keys, counts, sharing="private", *, policy="auto"):
    """Add to `counts`, int64 of 1 to 256 bins, how often each key occurs in `keys`, uint8, C-contiguous.

    `sharing` says how threads may share `counts`. 'private': each call counts for itself and adds its counts
    in the end, atomically. 'atomic': each key is added atomically. 'locked': each key is added under a lock,
    which keeps calls of this module apart that got the same `counts`. 'shared-line': each key is added
    plainly, which loses updates where another thread writes the same bins, and is right where they only
    share its cache lines.

    A key without a bin raises ValueError and names its index. `counts` is then unchanged with 'private';
    with the others it has the keys before that one.
    """
    cdef gs_policy how
    cdef gs_run run
    cdef int way
    cdef Private private
    gs_policy_from("histogram", policy, &how)
    gs_buffer_check("histogram", "keys", keys, &gs_uint8, 1, GS_READ)
    gs_buffer_check("histogram", "counts", counts, &gs_int64, 1, GS_WRITE | GS_STRIDED)
    gs_disjoint_check("histogram", "counts", counts, "keys", keys)
    cdef const uint8_t[::1] read = keys
    cdef int64_t[:] written = counts
    gs_length_between("histogram", "counts", written.shape[0], 1, HISTOGRAM_BINS_MAX)
    gs_choice("histogram", "sharing", sharing, histogram_sharings, &way)
    cdef pthread_mutex_t *lock = gs_lock_of(&written[0])
    memset(&private, 0, sizeof(private))
    gs_run_start(&run, "histogram", how, read.shape[0], HISTOGRAM_THRESHOLD, read.shape[0],
                 histogram_step(<histogram_sharing>way))
    while gs_pending(&run):
        if run.release:
            with nogil:
                run.status = compute(&run.slices, read, written, way, lock, &private)
        else:
            run.status = compute(&run.slices, read, written, way, lock, &private)
