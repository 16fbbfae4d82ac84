/* blur: Gaussian blur of a float32 image, as scipy.ndimage.gaussian_filter does it by default.
 *
 * The filter is separable: first down the columns, then along the rows. Both passes are one function, which
 * weighs vectors of 8 values and transposes them as it stores them. The first takes vectors along the rows of
 * the image and leaves, in scratch memory, 8 rows interleaved: the 8 values of a column lie side by side. The
 * second takes those vectors and so leaves rows again. In a block of 8 x 8 values each vector that was loaded
 * serves up to 8 sums, so arithmetic is the limit and not the loads.
 *
 * Wide images are cut into tiles of columns, so that the rows of a tile are still in the cache when the next
 * 8 rows of the answer need them. Borders reflect: d c b a | a b c d | d c b a. */
#ifndef GILSCOPE_CORE_BLUR_H
#define GILSCOPE_CORE_BLUR_H

#include "base.h"

#include <math.h>
#include <string.h>

#if GS_HAVE_AVX2
#include <immintrin.h>
#endif

enum {
    BLUR_THRESHOLD = 150000, /* pixel-taps; measured by benchmarks/thresholds.py */
    BLUR_SIGMA_MAX = 250,    /* 2001 taps: this bounds the work between two looks for Ctrl-C */
    BLUR_BLOCK = 8,          /* rows of the answer computed together, and the length of a vector */
    BLUR_TILE = 1024,        /* columns of a tile, besides its margins: 72 rows (sigma 8) in 300 KB of cache */
};

typedef struct {
    const char *image; /* rows x columns of float32, at any strides in bytes */
    ptrdiff_t row_stride, column_stride;
    int64_t rows, columns;
    float *out; /* C order; its row 0 is row `first` of the answer */
    int64_t out_rows, first;
    int64_t radius;
} blur_task;

/* One thread's memory, of blur_scratch_size() bytes. */
typedef struct {
    const char **down;  /* where each row of the image begins that the block needs, from top to bottom */
    const char **along; /* where each column of `line` begins */
    float *line;        /* BLUR_BLOCK rows of a tile, interleaved, with a margin of `radius` columns on either side */
    float *weights;     /* one per tap */
} blur_scratch;

/* Both passes reach this far; beyond it a weight would be below 0.0004 of the middle one. */
static inline int64_t blur_radius(double sigma) { return (int64_t)(4 * sigma + 0.5); }

/* Columns of a tile: many against the two margins, which only the first pass computes. */
static inline int64_t blur_tile(const blur_task *task) {
    int64_t tile = BLUR_TILE + 2 * task->radius;
    return task->columns < tile ? task->columns : tile;
}

static inline int64_t blur_blocks(const blur_task *task) { return (task->out_rows + BLUR_BLOCK - 1) / BLUR_BLOCK; }

/* A unit of work is one block of rows of one tile; the units of a tile follow each other. */
static inline int64_t blur_units(const blur_task *task) {
    return task->columns == 0 ? 0 : ((task->columns - 1) / blur_tile(task) + 1) * blur_blocks(task);
}

/* What `auto` compares with the threshold: the pixels of the answer times the taps of one pass. */
static inline int64_t blur_work(const blur_task *task) {
    return gs_product(task->out_rows * task->columns, 2 * task->radius + 1);
}

/* For gs_slice_of(): a unit's pixels with those in the margins, times the taps. */
static inline double blur_unit_ns(const blur_task *task) {
    double taps = 2 * (double)task->radius + 1;
    return BLUR_BLOCK * ((double)blur_tile(task) + taps) * taps;
}

static inline size_t blur_scratch_size(const blur_task *task) {
    size_t taps = 2 * (size_t)task->radius + 1, columns = (size_t)blur_tile(task) + 2 * (size_t)task->radius;
    return 2 * (taps + BLUR_BLOCK) * sizeof(char *) + (columns * BLUR_BLOCK + taps) * sizeof(float);
}

/* Lays the scratch out in `memory` and computes the weights. */
static inline blur_scratch blur_prepare(const blur_task *task, double sigma, void *memory) {
    int64_t radius = task->radius, taps = 2 * radius + 1;
    blur_scratch scratch = {.down = memory, .along = (const char **)memory + taps + BLUR_BLOCK};
    scratch.line = (float *)(scratch.along + taps + BLUR_BLOCK);
    scratch.weights = scratch.line + (blur_tile(task) + 2 * radius) * BLUR_BLOCK;
    for (int64_t i = 0; i < taps + BLUR_BLOCK; i++) scratch.along[i] = (const char *)(scratch.line + i * BLUR_BLOCK);
    double sum = 0;
    for (int64_t k = -radius; k <= radius; k++) sum += exp(-0.5 * ((double)k / sigma) * ((double)k / sigma));
    for (int64_t k = -radius; k <= radius; k++)
        scratch.weights[k + radius] = (float)(exp(-0.5 * ((double)k / sigma) * ((double)k / sigma)) / sum);
    return scratch;
}

/* The index inside 0 <= i < length that lies at `i` when the borders reflect, however far outside. */
static inline int64_t blur_reflect(int64_t i, int64_t length) {
    i %= 2 * length;
    if (i < 0) i += 2 * length;
    return i < length ? i : 2 * length - 1 - i;
}

/* What a pass weighs: vectors of values, `stride` bytes apart. Vector s at position x starts at sources[s] + x*step;
 * the sum for row or column j of a block is over the vectors j <= s < j + taps. */
typedef struct {
    const char *const *sources;
    ptrdiff_t step, stride; /* bytes */
    const float *weights;
    int64_t taps;
} blur_vectors;

/* A block at position x, at most 8 x 8: value i of sum j goes to to[i*to_stride + j]. */
static inline void blur_block_any(const blur_vectors *vectors, int64_t x, int64_t sums, int64_t values, float *to,
                                  int64_t to_stride) {
    typedef float vector __attribute__((vector_size(BLUR_BLOCK * sizeof(float))));
    vector block[BLUR_BLOCK] = {{0}};
    for (int64_t s = 0; s < vectors->taps + sums - 1; s++) {
        vector here = {0};
        const char *source = vectors->sources[s] + x * vectors->step;
        if (vectors->stride == sizeof(float) && values == BLUR_BLOCK) memcpy(&here, source, sizeof here);
        else
            for (int64_t i = 0; i < values; i++)
                memcpy((float *)&here + i, source + i * vectors->stride, sizeof(float));
        int64_t first = s < vectors->taps ? 0 : s - vectors->taps + 1, last = s < sums ? s : sums - 1;
        if (last - first == BLUR_BLOCK - 1)
            for (int64_t j = 0; j < BLUR_BLOCK; j++) block[j] += vectors->weights[s - j] * here;
        else
            for (int64_t j = first; j <= last; j++) block[j] += vectors->weights[s - j] * here;
    }
    for (int64_t i = 0; i < values; i++)
        for (int64_t j = 0; j < sums; j++) to[i * to_stride + j] = block[j][i];
}

#if GS_HAVE_AVX2
/* Adds vector s to the sums first <= j <= last. */
GS_TARGET_AVX2 GS_INLINE void blur_add_avx2(const char *source, const float *weights, int first, int last,
                                            __m256 *block) {
    __m256 here = _mm256_loadu_ps((const float *)source);
#pragma GCC unroll 8
    for (int j = 0; j < BLUR_BLOCK; j++)
        if (first <= j && j <= last) block[j] = _mm256_fmadd_ps(_mm256_broadcast_ss(weights - j), here, block[j]);
}

GS_TARGET_AVX2 GS_INLINE void blur_transpose_avx2(__m256 *block) {
    __m256 pairs[8], fours[8];
#pragma GCC unroll 4
    for (int j = 0; j < 8; j += 2) {
        pairs[j] = _mm256_unpacklo_ps(block[j], block[j + 1]);
        pairs[j + 1] = _mm256_unpackhi_ps(block[j], block[j + 1]);
    }
#pragma GCC unroll 2
    for (int j = 0; j < 8; j += 4) {
        fours[j] = _mm256_shuffle_ps(pairs[j], pairs[j + 2], 0x44);
        fours[j + 1] = _mm256_shuffle_ps(pairs[j], pairs[j + 2], 0xee);
        fours[j + 2] = _mm256_shuffle_ps(pairs[j + 1], pairs[j + 3], 0x44);
        fours[j + 3] = _mm256_shuffle_ps(pairs[j + 1], pairs[j + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        block[j] = _mm256_permute2f128_ps(fours[j], fours[j + 4], 0x20);
        block[j + 4] = _mm256_permute2f128_ps(fours[j], fours[j + 4], 0x31);
    }
}

/* The same for adjacent values, 8 sums of 8, and at least 7 taps. Stores only the first `values` of each sum. */
GS_TARGET_AVX2 static inline void blur_block_avx2(const blur_vectors *vectors, int64_t x, int64_t values, float *to,
                                                  int64_t to_stride) {
    const char *const *sources = vectors->sources;
    const float *weights = vectors->weights;
    const int64_t taps = vectors->taps;
    const ptrdiff_t offset = x * vectors->step;
    __m256 block[BLUR_BLOCK];
#pragma GCC unroll 8
    for (int j = 0; j < BLUR_BLOCK; j++) block[j] = _mm256_setzero_ps();
#pragma GCC unroll 7
    for (int s = 0; s < BLUR_BLOCK - 1; s++) blur_add_avx2(sources[s] + offset, weights + s, 0, s, block);
    for (int64_t s = BLUR_BLOCK - 1; s < taps; s++)
        blur_add_avx2(sources[s] + offset, weights + s, 0, BLUR_BLOCK - 1, block);
#pragma GCC unroll 7
    for (int s = 0; s < BLUR_BLOCK - 1; s++)
        blur_add_avx2(sources[taps + s] + offset, weights + taps + s, s + 1, BLUR_BLOCK - 1, block);
    blur_transpose_avx2(block);
#pragma GCC unroll 8
    for (int i = 0; i < BLUR_BLOCK; i++)
        if (i < values) _mm256_storeu_ps(to + i * to_stride, block[i]);
}
#endif

/* The first pass: 8 rows of the answer at columns 0 <= x < count, into the interleaved line at `to`. */
static inline void blur_down(const blur_vectors *vectors, int64_t count, float *to, gs_vector level) {
    int64_t x = 0;
#if GS_HAVE_AVX2
    if (level == GS_AVX2 && vectors->stride == sizeof(float) && count >= BLUR_BLOCK) {
        for (; x < count - BLUR_BLOCK; x += BLUR_BLOCK)
            blur_block_avx2(vectors, x, BLUR_BLOCK, to + x * BLUR_BLOCK, BLUR_BLOCK);
        x = count - BLUR_BLOCK; /* may do some columns again */
        blur_block_avx2(vectors, x, BLUR_BLOCK, to + x * BLUR_BLOCK, BLUR_BLOCK);
        return;
    }
#endif
    (void)level;
    for (; x < count; x += BLUR_BLOCK) {
        int64_t width = count - x < BLUR_BLOCK ? count - x : BLUR_BLOCK;
        blur_block_any(vectors, x, BLUR_BLOCK, width, to + x * BLUR_BLOCK, BLUR_BLOCK);
    }
}

/* The second pass: columns 0 <= x < count of `rows` rows, at most 8, into the answer at `to`. */
static inline void blur_along(const blur_vectors *vectors, int64_t count, int64_t rows, float *to, int64_t to_stride,
                              gs_vector level) {
    int64_t x = 0;
#if GS_HAVE_AVX2
    if (level == GS_AVX2 && count >= BLUR_BLOCK) {
        for (; x < count - BLUR_BLOCK; x += BLUR_BLOCK) blur_block_avx2(vectors, x, rows, to + x, to_stride);
        x = count - BLUR_BLOCK;
        blur_block_avx2(vectors, x, rows, to + x, to_stride);
        return;
    }
#endif
    (void)level;
    for (; x < count; x += BLUR_BLOCK) {
        int64_t width = count - x < BLUR_BLOCK ? count - x : BLUR_BLOCK;
        blur_block_any(vectors, x, width, rows, to + x, to_stride);
    }
}

/* Computes units begin <= u < end. */
static inline void blur_rows(const blur_task *task, const blur_scratch *scratch, gs_vector level, int64_t begin,
                             int64_t end) {
    const int64_t radius = task->radius, taps = 2 * radius + 1, columns = task->columns, tile = blur_tile(task);
    if (taps < BLUR_BLOCK - 1) level = GS_BASELINE;
    const blur_vectors down = {scratch->down, task->column_stride, task->column_stride, scratch->weights, taps};
    const blur_vectors along = {scratch->along, BLUR_BLOCK * sizeof(float), sizeof(float), scratch->weights, taps};
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t row = unit % blur_blocks(task) * BLUR_BLOCK, left = unit / blur_blocks(task) * tile;
        int64_t rows = task->out_rows - row < BLUR_BLOCK ? task->out_rows - row : BLUR_BLOCK;
        int64_t right = columns - left < tile ? columns : left + tile;
        int64_t low = left < radius ? 0 : left - radius, high = columns - right < radius ? columns : right + radius;
        float *line = scratch->line + (radius - left) * BLUR_BLOCK; /* line + c*BLUR_BLOCK is column c */

        for (int64_t s = 0; s < taps + BLUR_BLOCK - 1; s++)
            scratch->down[s] = task->image + low * task->column_stride +
                               blur_reflect(task->first + row - radius + s, task->rows) * task->row_stride;
        blur_down(&down, high - low, line + low * BLUR_BLOCK, level);
        for (int64_t c = left - radius; c < right + radius; c++)
            if (c < low || c >= high)
                memcpy(line + c * BLUR_BLOCK, line + blur_reflect(c, columns) * BLUR_BLOCK, BLUR_BLOCK * sizeof *line);
        blur_along(&along, right - left, rows, task->out + row * columns + left, columns, level);
    }
}

#endif
