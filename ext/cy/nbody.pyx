"""The kernel nbody in Cython: see gilscope.kernels.nbody."""
from cython.parallel cimport prange
from libc.math cimport sqrt
from libc.stdint cimport INT64_MAX, int64_t

from support cimport *

cdef extern from "core/nbody.h":
    int64_t NBODY_THRESHOLD

THRESHOLD = NBODY_THRESHOLD
UNIT = "interactions"
OPENMP = bool(GS_OPENMP)


cdef inline void accelerate(const double[:, ::1] positions, const double[::1] masses, double softening2,
                            double[:, ::1] out, int64_t first, int64_t target) noexcept nogil:
    cdef double x = positions[0, first + target], y = positions[1, first + target], z = positions[2, first + target]
    cdef double ax = 0, ay = 0, az = 0, dx, dy, dz, r2, pull
    cdef int64_t j
    for j in range(masses.shape[0]):
        dx = positions[0, j] - x
        dy = positions[1, j] - y
        dz = positions[2, j] - z
        r2 = dx * dx + dy * dy + dz * dz + softening2
        pull = masses[j] / (r2 * sqrt(r2))
        ax = ax + pull * dx
        ay = ay + pull * dy
        az = az + pull * dz
    out[0, target] = ax
    out[1, target] = ay
    out[2, target] = az


cdef gs_status compute(gs_slices *slices, const double[:, ::1] positions, const double[::1] masses, double softening2,
                       double[:, ::1] out, int64_t first) noexcept nogil:
    cdef int64_t target
    while gs_next(slices):
        for target in range(slices.begin, slices.end):
            accelerate(positions, masses, softening2, out, first, target)
    return GS_OK


cdef gs_status compute_openmp(gs_slices *slices, const double[:, ::1] positions, const double[::1] masses,
                              double softening2, double[:, ::1] out, int64_t first, int threads) noexcept nogil:
    cdef int64_t target
    while gs_next(slices):
        for target in prange(slices.begin, slices.end, schedule="static", num_threads=threads):
            accelerate(positions, masses, softening2, out, first, target)
    return GS_OK


cdef int parse(positions, masses, softening, out, first, double *epsilon, int64_t *start) except -1:
    gs_buffer_check("nbody", "positions", positions, &gs_float64, 2, GS_READ)
    gs_buffer_check("nbody", "masses", masses, &gs_float64, 1, GS_READ)
    gs_real_positive("nbody", "softening", softening, epsilon)
    gs_buffer_check("nbody", "out", out, &gs_float64, 2, GS_WRITE)
    gs_int("nbody", "first", first, 0, INT64_MAX, start)
    return 0


cdef int fit(const double[:, ::1] positions, const double[::1] masses, double[:, ::1] out, int64_t start) except -1:
    gs_rows("nbody", "positions", positions.shape[0], 3)
    gs_rows("nbody", "out", out.shape[0], 3)
    gs_length("nbody", "masses", masses.shape[0], "positions", positions.shape[1])
    gs_window("nbody", "first", start, "out", out.shape[1], "positions", positions.shape[1])
    return 0


def nbody(positions, masses, softening, out, first=0, *, policy="auto"):
    """Write the accelerations of particles first, first + 1, ... into `out`, float64 of (3, m).

    positions: float64 of (3, n), C-contiguous, all x, all y, all z; masses: float64 of (n,). All n
    particles pull, with G = 1 and their distances softened: |d|^2 + softening^2, softening above 0.
    """
    cdef double epsilon
    cdef int64_t start
    cdef gs_policy how
    cdef gs_run run
    gs_policy_from("nbody", policy, &how)
    parse(positions, masses, softening, out, first, &epsilon, &start)
    cdef const double[:, ::1] places = positions
    cdef const double[::1] weights = masses
    cdef double[:, ::1] pulls = out
    fit(places, weights, pulls, start)
    gs_disjoint_check("nbody", "out", out, "positions", positions)
    gs_disjoint_check("nbody", "out", out, "masses", masses)
    cdef int64_t targets = pulls.shape[1], count = weights.shape[0]
    gs_run_start(&run, "nbody", how, gs_product(targets, count), NBODY_THRESHOLD, targets,
                 gs_slice_of(5.0 * count + 1))
    while gs_pending(&run):
        if run.release:
            with nogil:
                run.status = compute(&run.slices, places, weights, epsilon * epsilon, pulls, start)
        else:
            run.status = compute(&run.slices, places, weights, epsilon * epsilon, pulls, start)


def nbody_openmp(positions, masses, softening, out, first=0, *, threads):
    """The same with the targets shared among `threads` OpenMP threads, the GIL released."""
    cdef double epsilon
    cdef int64_t start, team
    cdef gs_run run
    gs_int("nbody", "threads", threads, 1, 1024, &team)
    parse(positions, masses, softening, out, first, &epsilon, &start)
    cdef const double[:, ::1] places = positions
    cdef const double[::1] weights = masses
    cdef double[:, ::1] pulls = out
    fit(places, weights, pulls, start)
    gs_disjoint_check("nbody", "out", out, "positions", positions)
    gs_disjoint_check("nbody", "out", out, "masses", masses)
    cdef int64_t targets = pulls.shape[1], count = weights.shape[0]
    gs_run_start(&run, "nbody", GS_RELEASED, 0, 0, targets, 20 * team * gs_slice_of(5.0 * count + 1))
    while gs_pending(&run):
        with nogil:
            run.status = compute_openmp(&run.slices, places, weights, epsilon * epsilon, pulls, start, <int>team)
