"""The kernel blur in Cython: see gilscope.kernels.blur."""
from cython.parallel cimport prange, threadid
from libc.math cimport exp
from libc.stdint cimport INT64_MAX, int64_t
from libc.stdlib cimport free, malloc

from support cimport *

cdef extern from "core/blur.h":
    int64_t BLUR_THRESHOLD, BLUR_TILE
    int BLUR_SIGMA_MAX

THRESHOLD = BLUR_THRESHOLD
UNIT = "pixel-taps"
OPENMP = bool(GS_OPENMP)

ctypedef struct Filter:
    int64_t radius, first
    float *weights  # of the middle tap and of those to one side: radius + 1
    float *lines    # one a thread
    int64_t line    # floats in one of them


cdef inline int64_t reflect(int64_t i, int64_t length) noexcept nogil:
    i %= 2 * length
    if i < 0:
        i += 2 * length
    return i if i < length else 2 * length - 1 - i


cdef inline float weight(const Filter *gauss, int64_t tap) noexcept nogil:
    return gauss.weights[-tap if tap < 0 else tap]


cdef void blur_row(int64_t unit, const Filter *gauss, int thread, const float[:, :] image,
                   float[:, ::1] out) noexcept nogil:
    """One row of one tile of columns, left <= column < right."""
    cdef int64_t columns = image.shape[1], radius = gauss.radius, row = unit % out.shape[0], source, column, tap
    cdef int64_t left = unit // out.shape[0] * BLUR_TILE, right = min(left + BLUR_TILE, columns)
    cdef int64_t low = max(left - radius, 0), high = min(right + radius, columns)
    cdef float *line = gauss.lines + thread * gauss.line + radius - left  # line[c] is column c
    cdef float w
    for column in range(low, high):
        line[column] = 0
    for tap in range(-radius, radius + 1):
        source = reflect(gauss.first + row + tap, image.shape[0])
        w = weight(gauss, tap)
        for column in range(low, high):
            line[column] += w * image[source, column]
    for column in range(left - radius, low):
        line[column] = line[reflect(column, columns)]
    for column in range(high, right + radius):
        line[column] = line[reflect(column, columns)]
    for column in range(left, right):
        out[row, column] = 0
    for tap in range(-radius, radius + 1):
        w = weight(gauss, tap)
        for column in range(left, right):
            out[row, column] += w * line[column + tap]


cdef gs_status compute(gs_slices *slices, const Filter *gauss, const float[:, :] image,
                       float[:, ::1] out) noexcept nogil:
    cdef int64_t unit
    while gs_next(slices):
        for unit in range(slices.begin, slices.end):
            blur_row(unit, gauss, 0, image, out)
    return GS_OK


cdef gs_status compute_openmp(gs_slices *slices, const Filter *gauss, const float[:, :] image, float[:, ::1] out,
                              int threads) noexcept nogil:
    cdef int64_t unit
    while gs_next(slices):
        for unit in prange(slices.begin, slices.end, schedule="static", num_threads=threads):
            blur_row(unit, gauss, threadid(), image, out)
    return GS_OK


cdef int check(image, sigma, out, first, double *width, Filter *gauss) except -1:
    gs_buffer_check("blur", "image", image, &gs_float32, 2, GS_STRIDED)
    gs_real_within("blur", "sigma", sigma, BLUR_SIGMA_MAX, width)
    gs_buffer_check("blur", "out", out, &gs_float32, 2, GS_WRITE)
    gs_int("blur", "first", first, 0, INT64_MAX, &gauss.first)
    gauss.radius = <int64_t>(4 * width[0] + 0.5)
    return 0


cdef int check_shapes(image, const float[:, :] pixels, out, float[:, ::1] result, const Filter *gauss) except -1:
    gs_length("blur", "out's rows", result.shape[1], "those of image", pixels.shape[1])
    gs_window("blur", "first", gauss.first, "out", result.shape[0], "image", pixels.shape[0])
    return gs_disjoint_check("blur", "out", out, "image", image)


cdef int prepare(Filter *gauss, double sigma, int64_t columns, int64_t threads) except -1:
    """Allocates `weights`, with the lines behind them, for the caller to free."""
    cdef int64_t tap
    cdef double total = 1
    gauss.line = min(columns, BLUR_TILE) + 2 * gauss.radius
    gauss.weights = <float *>malloc((gauss.radius + 1 + threads * gauss.line) * sizeof(float))
    if gauss.weights == NULL:
        raise MemoryError
    gauss.lines = gauss.weights + gauss.radius + 1
    for tap in range(1, gauss.radius + 1):
        total += 2 * exp(-0.5 * (tap / sigma) * (tap / sigma))
    for tap in range(gauss.radius + 1):
        gauss.weights[tap] = <float>(exp(-0.5 * (tap / sigma) * (tap / sigma)) / total)
    return 0


cdef int start(gs_run *run, gs_policy policy, int64_t rows, int64_t columns, const Filter *gauss,
               int64_t slices) except -1:
    cdef int64_t taps = 2 * gauss.radius + 1
    gs_run_start(run, "blur", policy, gs_product(rows * columns, taps), BLUR_THRESHOLD,
                 (columns + BLUR_TILE - 1) // BLUR_TILE * rows,
                 slices * gs_slice_of((<double>gauss.line + 1) * taps))
    return 0


def blur(image, sigma, out, first=0, *, policy="auto"):
    """Blur `image` with a Gaussian of `sigma` pixels (above 0, at most 250) and write the rows from
    `first` on into `out`, as many as it has.

    `image` is a float32 buffer of (rows, columns) with any strides, `out` one of (at most rows - first,
    columns), C-contiguous, that does not overlap it. The Gaussian is cut at 4 sigma and the borders
    reflect (d c b a | a b c d | d c b a), as scipy.ndimage.gaussian_filter does it by default. Values
    are summed in float32.
    """
    cdef gs_policy how
    cdef gs_run run
    cdef double width
    cdef Filter gauss
    gs_policy_from("blur", policy, &how)
    check(image, sigma, out, first, &width, &gauss)
    cdef const float[:, :] pixels = image
    cdef float[:, ::1] result = out
    check_shapes(image, pixels, out, result, &gauss)
    prepare(&gauss, width, pixels.shape[1], 1)
    try:
        start(&run, how, result.shape[0], result.shape[1], &gauss, 1)
        while gs_pending(&run):
            if run.release:
                with nogil:
                    run.status = compute(&run.slices, &gauss, pixels, result)
            else:
                run.status = compute(&run.slices, &gauss, pixels, result)
    finally:
        free(gauss.weights)


def blur_openmp(image, sigma, out, first=0, *, threads):
    """The same with the rows shared by `threads` OpenMP threads, the GIL released."""
    cdef gs_run run
    cdef double width
    cdef int64_t team
    cdef Filter gauss
    gs_int("blur", "threads", threads, 1, 1024, &team)
    check(image, sigma, out, first, &width, &gauss)
    cdef const float[:, :] pixels = image
    cdef float[:, ::1] result = out
    check_shapes(image, pixels, out, result, &gauss)
    prepare(&gauss, width, pixels.shape[1], team)
    try:
        start(&run, GS_RELEASED, result.shape[0], result.shape[1], &gauss, 8 * team)  # each slice ends in a barrier
        while gs_pending(&run):
            with nogil:
                run.status = compute_openmp(&run.slices, &gauss, pixels, result, <int>team)
    finally:
        free(gauss.weights)
