"""The kernel triad in Cython: see gilscope.kernels.triad."""
from cython.parallel cimport prange
from libc.stdint cimport int64_t

from support cimport *

cdef extern from "core/triad.h":
    int64_t TRIAD_THRESHOLD

THRESHOLD = TRIAD_THRESHOLD
UNIT = "elements"
OPENMP = bool(GS_OPENMP)


cdef gs_status compute(gs_slices *slices, double[::1] out, const double[::1] left, const double[::1] right,
                       double scale) noexcept nogil:
    cdef int64_t i
    while gs_next(slices):
        for i in range(slices.begin, slices.end):
            out[i] = left[i] + scale * right[i]
    return GS_OK


cdef gs_status compute_openmp(gs_slices *slices, double[::1] out, const double[::1] left, const double[::1] right,
                              double scale, int threads) noexcept nogil:
    cdef int64_t i
    while gs_next(slices):
        for i in prange(slices.begin, slices.end, schedule="static", num_threads=threads):
            out[i] = left[i] + scale * right[i]
    return GS_OK


cdef int check(out, left, right, scale, double *factor) except -1:
    gs_buffer_check("triad", "out", out, &gs_float64, 1, GS_WRITE)
    gs_buffer_check("triad", "left", left, &gs_float64, 1, GS_READ)
    gs_buffer_check("triad", "right", right, &gs_float64, 1, GS_READ)
    return gs_real("triad", "scale", scale, factor)


def triad(out, left, right, scale, *, policy="auto"):
    """Write left + scale*right into `out`. All three are float64 buffers of one length, C-contiguous;
    `out` must not overlap the others. The product is rounded before the sum, as in NumPy.
    """
    cdef gs_policy how
    cdef gs_run run
    cdef double factor
    gs_policy_from("triad", policy, &how)
    check(out, left, right, scale, &factor)
    cdef double[::1] to = out
    cdef const double[::1] first = left, second = right
    gs_length("triad", "left", first.shape[0], "out", to.shape[0])
    gs_length("triad", "right", second.shape[0], "out", to.shape[0])
    gs_disjoint_check("triad", "out", out, "left", left)
    gs_disjoint_check("triad", "out", out, "right", right)
    gs_run_start(&run, "triad", how, to.shape[0], TRIAD_THRESHOLD, to.shape[0], gs_slice_of(4))
    while gs_pending(&run):
        if run.release:
            with nogil:
                run.status = compute(&run.slices, to, first, second, factor)
        else:
            run.status = compute(&run.slices, to, first, second, factor)


def triad_openmp(out, left, right, scale, *, threads):
    """The same with the elements shared by `threads` OpenMP threads, the GIL released."""
    cdef gs_run run
    cdef double factor
    cdef int64_t team
    gs_int("triad", "threads", threads, 1, 1024, &team)
    check(out, left, right, scale, &factor)
    cdef double[::1] to = out
    cdef const double[::1] first = left, second = right
    gs_length("triad", "left", first.shape[0], "out", to.shape[0])
    gs_length("triad", "right", second.shape[0], "out", to.shape[0])
    gs_disjoint_check("triad", "out", out, "left", left)
    gs_disjoint_check("triad", "out", out, "right", right)
    gs_run_start(&run, "triad", GS_RELEASED, 0, 0, to.shape[0], 8 * team * gs_slice_of(4))  # each ends in a barrier
    while gs_pending(&run):
        with nogil:
            run.status = compute_openmp(&run.slices, to, first, second, factor, <int>team)
