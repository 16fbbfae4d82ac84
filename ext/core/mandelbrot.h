/* mandelbrot: escape counts on a grid, float64 -> int32.
 *
 * count(c) is the number of steps z <- z*z + c, from z = 0, that start with |z|^2 <= 4, at most `limit`.
 * The operations and their order are those of the Python reference, and none is fused, so the counts
 * agree bit for bit. */
#ifndef GILSCOPE_CORE_MANDELBROT_H
#define GILSCOPE_CORE_MANDELBROT_H

#include "base.h"

enum {
    MANDELBROT_THRESHOLD = 4000,     /* pixel-iterations; measured by benchmarks/thresholds.py */
    MANDELBROT_LIMIT_MAX = 10000000, /* one pixel stays far below the 0.3 s in which Ctrl-C must act */
};

typedef struct {
    int32_t *out; /* rows x columns, C order */
    int64_t rows, columns;
    double left, top, step; /* pixel (row, column) is left + column*step, top + (first_row + row)*step */
    int64_t first_row;
    int32_t limit;
} mandelbrot_task;

static inline int32_t mandelbrot_count(double x, double y, int32_t limit) {
    double real = 0, imaginary = 0;
    for (int32_t count = 0; count < limit; count++) {
        double real2 = real * real, imaginary2 = imaginary * imaginary;
        if (real2 + imaginary2 > 4) return count;
        imaginary = 2 * real * imaginary + y;
        real = real2 - imaginary2 + x;
    }
    return limit;
}

/* Computes pixels begin <= p < end, counted along the rows. */
static inline void mandelbrot_pixels(const mandelbrot_task *task, gs_vector level, int64_t begin, int64_t end) {
    (void)level;
    for (int64_t pixel = begin; pixel < end; pixel++) {
        int64_t row = pixel / task->columns, column = pixel % task->columns;
        task->out[pixel] = mandelbrot_count(task->left + (double)column * task->step,
                                            task->top + (double)(task->first_row + row) * task->step, task->limit);
    }
}

#endif
