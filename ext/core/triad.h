/* triad: out = left + scale*right, float64.
 *
 * Two flops for 24 bytes: out of cache the memory decides, not the CPU. The product is rounded before the
 * sum, as NumPy does it in two steps, so the answers agree bit for bit. */
#ifndef GILSCOPE_CORE_TRIAD_H
#define GILSCOPE_CORE_TRIAD_H

#include "base.h"

#if GS_HAVE_AVX2
#include <immintrin.h>
#endif

enum {
    TRIAD_THRESHOLD = 30000, /* elements; measured by benchmarks/thresholds.py */
    /* Elements from which the three arrays no longer fit in a core's share of the last-level cache (12 MB). The
     * output then goes to memory by streaming stores, which do not first read the lines that they replace. */
    TRIAD_STREAM = 1 << 19,
};

typedef struct {
    double *out;
    const double *left, *right;
    double scale;
    int64_t length;
} triad_task;

GS_INLINE void triad_plain(const triad_task *task, int64_t begin, int64_t end) {
    double *restrict out = task->out; /* the binding has checked that it shares no memory with the inputs */
    for (int64_t i = begin; i < end; i++) out[i] = task->left[i] + task->scale * task->right[i];
}

static inline void triad_baseline(const triad_task *task, int64_t begin, int64_t end) { triad_plain(task, begin, end); }

#if GS_HAVE_AVX2
GS_TARGET_AVX2 static inline void triad_avx2(const triad_task *task, int64_t begin, int64_t end) {
    triad_plain(task, begin, end);
}

GS_TARGET_AVX2 static inline void triad_stream(const triad_task *task, int64_t begin, int64_t end) {
    const __m256d scale = _mm256_set1_pd(task->scale);
    int64_t i = begin, aligned = begin + (int64_t)(-(uintptr_t)(task->out + begin) % 32 / sizeof(double));
    if (aligned > end) aligned = end;
    triad_plain(task, begin, aligned);
    for (i = aligned; i + 4 <= end; i += 4) {
        __m256d product = _mm256_mul_pd(scale, _mm256_loadu_pd(task->right + i));
        _mm256_stream_pd(task->out + i, _mm256_add_pd(_mm256_loadu_pd(task->left + i), product));
    }
    triad_plain(task, i, end);
    _mm_sfence(); /* streaming stores are ordered with nothing until a fence; who reads `out` next may be another thread
                   */
}
#endif

/* Computes elements begin <= i < end. */
static inline void triad_elements(const triad_task *task, gs_vector level, int64_t begin, int64_t end) {
#if GS_HAVE_AVX2
    if (level == GS_AVX2) {
        (task->length < TRIAD_STREAM ? triad_avx2 : triad_stream)(task, begin, end);
        return;
    }
#endif
    (void)level;
    triad_baseline(task, begin, end);
}

#endif
