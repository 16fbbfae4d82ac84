"""The kernel mandelbrot in Cython: see gilscope.kernels.mandelbrot."""
from cython.parallel cimport prange
from libc.stdint cimport INT32_MAX, int32_t, int64_t

from support cimport *

cdef extern from "core/mandelbrot.h":
    int64_t MANDELBROT_THRESHOLD, MANDELBROT_LIMIT_MAX

THRESHOLD = MANDELBROT_THRESHOLD
UNIT = "pixel-iterations"
OPENMP = bool(GS_OPENMP)

ctypedef struct Grid:
    double left, top, step
    int64_t first_row
    int32_t limit


cdef inline int32_t escape(const Grid *grid, int64_t row, int64_t column) noexcept nogil:
    cdef double x = grid.left + column * grid.step, y = grid.top + (grid.first_row + row) * grid.step
    cdef double real = 0, imaginary = 0, real2, imaginary2
    cdef int32_t count
    for count in range(grid.limit):
        real2 = real * real
        imaginary2 = imaginary * imaginary
        if real2 + imaginary2 > 4:
            return count
        imaginary = 2 * real * imaginary + y
        real = real2 - imaginary2 + x
    return grid.limit


cdef gs_status compute(gs_slices *slices, const Grid *grid, int32_t[:, ::1] out) noexcept nogil:
    cdef int64_t pixel, columns = out.shape[1]
    while gs_next(slices):
        for pixel in range(slices.begin, slices.end):
            out[pixel // columns, pixel % columns] = escape(grid, pixel // columns, pixel % columns)
    return GS_OK


cdef gs_status compute_openmp(gs_slices *slices, const Grid *grid, int32_t[:, ::1] out, int threads) noexcept nogil:
    cdef int64_t pixel, columns = out.shape[1]
    cdef int chunk = <int>(1 + slices.step // (64 * threads))  # one pixel costs a hundred times another: deal out few
    while gs_next(slices):
        for pixel in prange(slices.begin, slices.end, schedule="dynamic", chunksize=chunk, num_threads=threads):
            out[pixel // columns, pixel % columns] = escape(grid, pixel // columns, pixel % columns)
    return GS_OK


cdef int32_t[:, ::1] parse(out, left, top, step, limit, first_row, Grid *grid):
    cdef int64_t most
    gs_buffer_check("mandelbrot", "out", out, &gs_int32, 2, GS_WRITE)
    gs_real("mandelbrot", "left", left, &grid.left)
    gs_real("mandelbrot", "top", top, &grid.top)
    gs_real("mandelbrot", "step", step, &grid.step)
    gs_int("mandelbrot", "limit", limit, 1, MANDELBROT_LIMIT_MAX, &most)
    gs_int("mandelbrot", "first_row", first_row, 0, INT32_MAX, &grid.first_row)
    grid.limit = <int32_t>most
    return out


def mandelbrot(out, left, top, step, limit, first_row=0, *, policy="auto"):
    """Write escape counts into `out`, an int32 buffer of (rows, columns), C-contiguous.

    Pixel (row, column) is c = (left + column*step) + i*(top + (first_row + row)*step); its count is the
    number of steps z <- z*z + c, from z = 0, that start with |z| <= 2, at most `limit` (1 to 1,000,000).
    """
    cdef Grid grid
    cdef gs_policy how
    cdef gs_run run
    gs_policy_from("mandelbrot", policy, &how)
    cdef int32_t[:, ::1] counts = parse(out, left, top, step, limit, first_row, &grid)
    cdef int64_t pixels = counts.shape[0] * counts.shape[1]
    gs_run_start(&run, "mandelbrot", how, gs_product(pixels, grid.limit), MANDELBROT_THRESHOLD,
                 pixels, gs_slice_of(4.0 * grid.limit))
    while gs_pending(&run):
        if run.release:
            with nogil:
                run.status = compute(&run.slices, &grid, counts)
        else:
            run.status = compute(&run.slices, &grid, counts)


def mandelbrot_openmp(out, left, top, step, limit, first_row=0, *, threads):
    """The same with the pixels dealt out to `threads` OpenMP threads, the GIL released."""
    cdef Grid grid
    cdef int64_t team
    cdef gs_run run
    gs_int("mandelbrot", "threads", threads, 1, 1024, &team)
    cdef int32_t[:, ::1] counts = parse(out, left, top, step, limit, first_row, &grid)
    gs_run_start(&run, "mandelbrot", GS_RELEASED, 0, 0, counts.shape[0] * counts.shape[1],
                 8 * team * gs_slice_of(4.0 * grid.limit))
    while gs_pending(&run):
        with nogil:
            run.status = compute_openmp(&run.slices, &grid, counts, <int>team)
