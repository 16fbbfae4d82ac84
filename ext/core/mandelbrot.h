/* mandelbrot: escape counts on a grid, float64 -> int32.
 *
 * count(c) is the number of steps z <- z*z + c, from z = 0, that start with |z|^2 <= 4, at most `limit`.
 * The operations and their order are those of the Python reference, and none is fused, so the counts
 * agree bit for bit. */
#ifndef GILSCOPE_CORE_MANDELBROT_H
#define GILSCOPE_CORE_MANDELBROT_H

#include "base.h"

#include <string.h>

enum {
    MANDELBROT_THRESHOLD = 4000,    /* pixel-iterations; measured by benchmarks/thresholds.py */
    MANDELBROT_LIMIT_MAX = 1000000, /* one block stays far below the 0.3 s in which Ctrl-C must act */
    MANDELBROT_STRIDE = 4,          /* steps between two looks whether all points of a block have left */
};

typedef struct {
    int32_t *out; /* rows x columns, C order */
    int64_t rows, columns;
    double left, top, step; /* pixel (row, column) is left + column*step, top + (first_row + row)*step */
    int64_t first_row;
    int32_t limit;
} mandelbrot_task;

/* Points go through their steps in blocks, one a lane, several vectors side by side: each step of a point waits
 * for the one before, so it takes many points to fill the arithmetic units. A block ends when its last
 * point has left; neighbours leave at about the same time. */
enum { MANDELBROT_LANES = 4, MANDELBROT_CHAINS = 4, MANDELBROT_BLOCK = MANDELBROT_LANES * MANDELBROT_CHAINS };

typedef double mandelbrot_reals __attribute__((vector_size(8 * MANDELBROT_LANES)));
typedef int64_t mandelbrot_counts __attribute__((vector_size(8 * MANDELBROT_LANES)));

/* Counts one block: points x[k] + i*y[k]. */
GS_INLINE void mandelbrot_block(const double *x, const double *y, int32_t limit, int32_t *out) {
    mandelbrot_reals cx[MANDELBROT_CHAINS], cy[MANDELBROT_CHAINS], real[MANDELBROT_CHAINS],
        imaginary[MANDELBROT_CHAINS];
    mandelbrot_counts inside[MANDELBROT_CHAINS], count[MANDELBROT_CHAINS];
    memcpy(cx, x, sizeof cx);
    memcpy(cy, y, sizeof cy);
    for (int c = 0; c < MANDELBROT_CHAINS; c++) {
        real[c] = imaginary[c] = (mandelbrot_reals){0};
        count[c] = (mandelbrot_counts){0};
        inside[c] = ~count[c];
    }
    for (int32_t step = 0; step < limit; step += MANDELBROT_STRIDE) {
        for (int s = 0; s < MANDELBROT_STRIDE; s++) {
            for (int c = 0; c < MANDELBROT_CHAINS; c++) {
                mandelbrot_reals real2 = real[c] * real[c], imaginary2 = imaginary[c] * imaginary[c];
                inside[c] &=
                    real2 + imaginary2 <= 4.0; /* once outside, always outside; also when it is a NaN by then */
                count[c] -= inside[c];         /* true is -1 */
                imaginary[c] = (real[c] + real[c]) * imaginary[c] + cy[c];
                real[c] = real2 - imaginary2 + cx[c];
            }
        }
        mandelbrot_counts any = inside[0];
        for (int c = 1; c < MANDELBROT_CHAINS; c++) any |= inside[c];
        if (!(any[0] | any[1] | any[2] | any[3])) break;
    }
    for (int k = 0; k < MANDELBROT_BLOCK; k++) {
        int64_t steps = count[k / MANDELBROT_LANES][k % MANDELBROT_LANES];
        out[k] = steps < limit ? (int32_t)steps : limit; /* the last stride may go past the limit */
    }
}

GS_INLINE void mandelbrot_blocks(const mandelbrot_task *task, int64_t begin, int64_t end) {
    double x[MANDELBROT_BLOCK], y[MANDELBROT_BLOCK];
    int32_t counts[MANDELBROT_BLOCK];
    int64_t row = begin / task->columns, column = begin % task->columns;
    for (int64_t pixel = begin; pixel < end; pixel += MANDELBROT_BLOCK) {
        int64_t size = end - pixel < MANDELBROT_BLOCK ? end - pixel : MANDELBROT_BLOCK;
        for (int k = 0; k < MANDELBROT_BLOCK; k++) {
            x[k] = task->left + (double)column * task->step;
            y[k] = task->top + (double)(task->first_row + row) * task->step;
            if (k + 1 < size && ++column == task->columns) column = 0, row++; /* spare lanes repeat the last point */
        }
        mandelbrot_block(x, y, task->limit, counts);
        memcpy(task->out + pixel, counts, (size_t)size * sizeof *counts);
        if (++column == task->columns) column = 0, row++;
    }
}

static void mandelbrot_baseline(const mandelbrot_task *task, int64_t begin, int64_t end) {
    mandelbrot_blocks(task, begin, end);
}

#if GS_HAVE_AVX2
GS_TARGET_AVX2 static void mandelbrot_avx2(const mandelbrot_task *task, int64_t begin, int64_t end) {
    mandelbrot_blocks(task, begin, end);
}
#endif

/* Computes pixels begin <= p < end, counted along the rows. */
static inline void mandelbrot_pixels(const mandelbrot_task *task, gs_vector level, int64_t begin, int64_t end) {
#if GS_HAVE_AVX2
    if (level == GS_AVX2) {
        mandelbrot_avx2(task, begin, end);
        return;
    }
#endif
    mandelbrot_baseline(task, begin, end);
}

#endif
