/* spin: rounds of integer mixing that touch no memory. A unit of pure CPU time.
 *
 * The round is a 64-bit multiply-xorshift step; each needs the one before, so no compiler can skip or
 * reorder them and a round costs the same everywhere on one CPU. */
#ifndef GILSCOPE_CORE_SPIN_H
#define GILSCOPE_CORE_SPIN_H

#include "base.h"

enum { SPIN_THRESHOLD = 4000 }; /* rounds; measured by benchmarks/thresholds.py */

static inline uint64_t spin_rounds(uint64_t state, int64_t rounds) {
    for (int64_t i = 0; i < rounds; i++) {
        state ^= state >> 32;
        state *= UINT64_C(0xd6e8feb86659fd93); /* an odd constant with well-spread bits */
        state += UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio: zero does not stay zero */
    }
    return state;
}

#endif
