/* montecarlo: how many of some samples of the unit square lie in the quarter circle; pi is about
 * 4 * hits / samples.
 *
 * The samples come from a counter-based generator, Philox 4x32-10 of Salmon, Moraes, Dror and Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3" (2011): the block with number n is a bijection of n under
 * a key, so any sample can be computed alone and no thread has to know what another one drew. Sample i is
 * words 0, 1 (i even) or 2, 3 (i odd) of block i / 2, and the seed is the key. A word gives a coordinate of
 * 31 bits; x*x + y*y < 2^62 is then exact in 64 bits, and everybody counts the same hits. */
#ifndef GILSCOPE_CORE_MONTECARLO_H
#define GILSCOPE_CORE_MONTECARLO_H

#include "base.h"

#if GS_HAVE_AVX2
#include <immintrin.h>
#endif

enum {
    MONTECARLO_THRESHOLD = 8000, /* samples; measured by benchmarks/thresholds.py */
    PHILOX_ROUNDS = 10,
};

/* For the first sample and for how many: their sum stays below 2^63. */
static const int64_t MONTECARLO_MAX = INT64_C(1000000000000000000);

static const uint32_t philox_factor[2] = {0xd2511f53, 0xcd9e8d57};
static const uint32_t philox_weyl[2] = {0x9e3779b9, 0xbb67ae85}; /* what each round adds to the key */

/* Replaces counter[0..3] by its image under key[0..1]. */
GS_INLINE void philox4x32_10(uint32_t counter[4], const uint32_t key[2]) {
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3], key0 = key[0], key1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t product0 = (uint64_t)philox_factor[0] * a, product1 = (uint64_t)philox_factor[1] * c;
        a = (uint32_t)(product1 >> 32) ^ b ^ key0;
        b = (uint32_t)product1;
        c = (uint32_t)(product0 >> 32) ^ d ^ key1;
        d = (uint32_t)product0;
        key0 += philox_weyl[0];
        key1 += philox_weyl[1];
    }
    counter[0] = a;
    counter[1] = b;
    counter[2] = c;
    counter[3] = d;
}

GS_INLINE int64_t montecarlo_hit(uint32_t word0, uint32_t word1) {
    uint64_t x = word0 >> 1, y = word1 >> 1;
    return !((x * x + y * y) >> 62);
}

/* The same as montecarlo_hits(), in portable C. */
static inline int64_t montecarlo_hits_baseline(uint64_t seed, int64_t begin, int64_t end) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    int64_t hits = 0;
    for (int64_t block = begin / 2; block < (end + 1) / 2; block++) {
        uint32_t words[4] = {(uint32_t)block, (uint32_t)(block >> 32)};
        philox4x32_10(words, key);
        if (2 * block >= begin) hits += montecarlo_hit(words[0], words[1]);
        if (2 * block + 1 < end) hits += montecarlo_hit(words[2], words[3]);
    }
    return hits;
}

#if GS_HAVE_AVX2
enum { MONTECARLO_STREAMS = 5, MONTECARLO_GROUP = 8 * MONTECARLO_STREAMS }; /* samples computed together */

/* Hits among the samples of `groups` whole groups, from block `first` on; all these blocks must have the
 * same high word. A vector holds one word of four blocks, each in the low half of a 64-bit lane: that is
 * where the 32 x 32 -> 64 bit product reads its factors and leaves its low word, and the high halves may
 * hold anything. A round has to wait for its products, so five such streams run side by side: more than fit the
 * registers, but with the rounds unrolled the CPU finds enough to do while it waits. */
GS_TARGET_AVX2 static inline int64_t montecarlo_groups_avx2(uint64_t seed, int64_t first, int64_t groups) {
    const __m256i factor0 = _mm256_set1_epi64x(philox_factor[0]), factor1 = _mm256_set1_epi64x(philox_factor[1]);
    __m256i key0[PHILOX_ROUNDS], key1[PHILOX_ROUNDS];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        key0[round] = _mm256_set1_epi64x((uint32_t)seed + (uint32_t)round * philox_weyl[0]);
        key1[round] = _mm256_set1_epi64x((uint32_t)(seed >> 32) + (uint32_t)round * philox_weyl[1]);
    }
    __m256i block = _mm256_add_epi64(_mm256_set1_epi64x(first), _mm256_set_epi64x(3, 2, 1, 0));
    __m256i misses = _mm256_setzero_si256();
    for (int64_t group = 0; group < groups; group++) {
        __m256i a[MONTECARLO_STREAMS], b[MONTECARLO_STREAMS], c[MONTECARLO_STREAMS], d[MONTECARLO_STREAMS];
        for (int s = 0; s < MONTECARLO_STREAMS; s++) {
            a[s] = block;
            b[s] = _mm256_set1_epi64x(first >> 32);
            c[s] = d[s] = _mm256_setzero_si256();
            block = _mm256_add_epi64(block, _mm256_set1_epi64x(4));
        }
        GS_UNROLL(10) for (int round = 0; round < PHILOX_ROUNDS; round++) {
            for (int s = 0; s < MONTECARLO_STREAMS; s++) {
                __m256i product0 = _mm256_mul_epu32(a[s], factor0), product1 = _mm256_mul_epu32(c[s], factor1);
                a[s] = _mm256_xor_si256(b[s], _mm256_xor_si256(_mm256_srli_epi64(product1, 32), key0[round]));
                c[s] = _mm256_xor_si256(d[s], _mm256_xor_si256(_mm256_srli_epi64(product0, 32), key1[round]));
                b[s] = product1;
                d[s] = product0;
            }
        }
        for (int s = 0; s < MONTECARLO_STREAMS; s++) {
            __m256i x0 = _mm256_srli_epi32(a[s], 1), y0 = _mm256_srli_epi32(b[s], 1);
            __m256i x1 = _mm256_srli_epi32(c[s], 1), y1 = _mm256_srli_epi32(d[s], 1);
            __m256i norm0 = _mm256_add_epi64(_mm256_mul_epu32(x0, x0), _mm256_mul_epu32(y0, y0));
            __m256i norm1 = _mm256_add_epi64(_mm256_mul_epu32(x1, x1), _mm256_mul_epu32(y1, y1));
            misses = _mm256_add_epi64(misses, _mm256_srli_epi64(norm0, 62));
            misses = _mm256_add_epi64(misses, _mm256_srli_epi64(norm1, 62));
        }
    }
    int64_t lanes[4];
    _mm256_storeu_si256((__m256i *)lanes, misses);
    return groups * MONTECARLO_GROUP - lanes[0] - lanes[1] - lanes[2] - lanes[3];
}
#endif

/* Hits among the samples begin <= i < end. */
static inline int64_t montecarlo_hits(uint64_t seed, gs_vector level, int64_t begin, int64_t end) {
    int64_t hits = 0;
    (void)level;
#if GS_HAVE_AVX2
    int64_t even = begin + begin % 2, groups = (end - even) / MONTECARLO_GROUP; /* from a block's first sample on */
    bool one_high_word = even >> 33 == end >> 33;                               /* false once in 2^33 samples */
    if (level == GS_AVX2 && groups > 0 && one_high_word) {
        hits += montecarlo_hits_baseline(seed, begin, even);
        hits += montecarlo_groups_avx2(seed, even / 2, groups);
        begin = even + groups * MONTECARLO_GROUP;
    }
#endif
    return hits + montecarlo_hits_baseline(seed, begin, end);
}

#endif
