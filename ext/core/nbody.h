/* nbody: all-pairs softened accelerations, G = 1, float64.
 *
 *     a_i = sum over j of m_j (x_j - x_i) / (|x_j - x_i|^2 + softening^2)^(3/2)
 *
 * The AVX2 code gains three times over a plain vectorised loop:
 *
 * - What costs is the power -3/2: a square root and a division, neither of them pipelined. It starts from the CPU's
 *   12-bit estimate y of 1/sqrt(r2) instead and corrects it in one go. With e = 1 - r2*y^2, |e| < 7.4e-4,
 *       r2^(-3/2) = y^3 (1 - e)^(-3/2) = y^3 (1 + 3/2 e + 15/8 e^2 + 35/16 e^3 + 315/128 e^4 + ...);
 *   its fourth term is spread over the lower ones (Chebyshev economisation), which leaves an error of 1e-13.
 * - If all particles are targets, a pair is computed once and counts for both (Newton's third law).
 * - Pairs go through three short loops, a block at a time, instead of one long one: a pair's operations depend on
 *   one another, and more of them than a CPU can keep in sight are needed to fill its units. */
#ifndef GILSCOPE_CORE_NBODY_H
#define GILSCOPE_CORE_NBODY_H

#include "base.h"

#include <math.h>
#include <string.h>

enum {
    NBODY_THRESHOLD = 8000, /* interactions; measured by benchmarks/thresholds.py */
    NBODY_GROUP = 4,        /* targets in a unit: as many as a vector has lanes */
};

typedef struct {
    const double *x, *y, *z, *mass; /* of all `count` particles */
    int64_t count;
    double softening2;
    double *ax, *ay, *az; /* of the targets: particles first .. first + targets - 1 */
    int64_t first, targets;
} nbody_task;

/* A copy of the particles in aligned rows, padded to whole groups with particles that weigh nothing. Nobody else
 * writes to it, and it has room for the accelerations of all of them. */
typedef struct {
    double *x, *y, *z, *mass, *ax, *ay, *az;
    int64_t padded;
    bool estimate; /* every r2 lies well within float32, where the CPU's estimate is good */
} nbody_copy;

static inline int64_t nbody_units(int64_t particles) {
    return particles / NBODY_GROUP + (particles % NBODY_GROUP != 0);
}

/* Bytes of scratch memory for so many particles, aligned to 64; INT64_MAX if that is no size. */
static inline int64_t nbody_scratch(int64_t count) { return gs_product(nbody_units(count) * NBODY_GROUP + 8, 7 * 8); }

/* Lays the copy out in scratch memory and fills it; its accelerations are zero. */
static inline nbody_copy nbody_start(const nbody_task *task, double *scratch) {
    int64_t padded = nbody_units(task->count) * NBODY_GROUP, row = (padded + 7) / 8 * 8;
    nbody_copy copy = {.x = scratch, .padded = padded};
    double **rows[] = {&copy.x, &copy.y, &copy.z, &copy.mass, &copy.ax, &copy.ay, &copy.az};
    const double *sources[] = {task->x, task->y, task->z, task->mass};
    double most = task->softening2;
    memset(scratch, 0, (size_t)(7 * row) * sizeof *scratch);
    for (int r = 0; r < 7; r++) *rows[r] = scratch + r * row;
    for (int r = 0; r < 4; r++) memcpy(*rows[r], sources[r], (size_t)task->count * sizeof *scratch);
    for (int axis = 0; axis < 3; axis++) { /* the largest r2 comes from the corners of the box around all */
        double low = 0, high = 0, finite = 0;
        for (int64_t j = 0; j < padded; j++) {
            double value = (*rows[axis])[j];
            low = value < low ? value : low;
            high = value > high ? value : high;
            finite += value * 0; /* 0, or NaN if one is not finite */
        }
        most += (high - low) * (high - low) + finite;
    }
    copy.estimate = task->softening2 > 1e-30 && most < 1e30;
    return copy;
}

/* The pulls of all particles on target i: so plain that a compiler takes several particles at a time by itself. */
static inline void nbody_portable(const nbody_task *task, const nbody_copy *copy, int64_t i) {
    const double *xs = copy->x, *ys = copy->y, *zs = copy->z, *masses = copy->mass;
    const double x = xs[i], y = ys[i], z = zs[i], softening2 = task->softening2;
    double ax = 0, ay = 0, az = 0;
    for (int64_t j = 0, count = task->count; j < count; j++) {
        double dx = xs[j] - x, dy = ys[j] - y, dz = zs[j] - z;
        double r2 = dx * dx + dy * dy + dz * dz + softening2;
        double pull = masses[j] / (r2 * sqrt(r2));
        ax += pull * dx;
        ay += pull * dy;
        az += pull * dz;
    }
    copy->ax[i] = ax;
    copy->ay[i] = ay;
    copy->az[i] = az;
}

#if GS_HAVE_AVX2
#include <immintrin.h>

enum {
    NBODY_PAIR = 2,   /* targets side by side, so that what they share is loaded once for both */
    NBODY_BLOCK = 48, /* vectors of particles in a block */
};

GS_TARGET_AVX2 GS_INLINE double nbody_sum(__m256d v) {
    __m128d half = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

/* Pulls between targets i, i + 1 and particles from <= j < to, both multiples of 4: on the targets and, with
 * `both`, on the particles. */
GS_TARGET_AVX2 GS_INLINE void nbody_pairs(const nbody_copy *copy, double softening2, int64_t i, int64_t from,
                                          int64_t to, const bool both) {
    const double c4 = 315.0 / 128, bound2 = 7.4e-4 * 7.4e-4;
    const __m256d one = _mm256_set1_pd(1), soft = _mm256_set1_pd(softening2);
    const __m256d c0 = _mm256_set1_pd(1 - c4 * bound2 * bound2 / 8), c1 = _mm256_set1_pd(3.0 / 2);
    const __m256d c2 = _mm256_set1_pd(15.0 / 8 + c4 * bound2), c3 = _mm256_set1_pd(35.0 / 16);
    __m256d r2s[NBODY_BLOCK][NBODY_PAIR], powers[NBODY_BLOCK][NBODY_PAIR];
    __m256d x[NBODY_PAIR], y[NBODY_PAIR], z[NBODY_PAIR], mass[NBODY_PAIR];
    __m256d ax[NBODY_PAIR], ay[NBODY_PAIR], az[NBODY_PAIR];
    for (int t = 0; t < NBODY_PAIR; t++) {
        x[t] = _mm256_set1_pd(copy->x[i + t]);
        y[t] = _mm256_set1_pd(copy->y[i + t]);
        z[t] = _mm256_set1_pd(copy->z[i + t]);
        mass[t] = _mm256_set1_pd(copy->mass[i + t]);
        ax[t] = ay[t] = az[t] = _mm256_setzero_pd();
    }
    for (; from < to; from += 4 * NBODY_BLOCK) {
        int vectors = (int)((to - from < 4 * NBODY_BLOCK ? to - from : 4 * NBODY_BLOCK) / 4);
        const double *xs = copy->x + from, *ys = copy->y + from, *zs = copy->z + from, *masses = copy->mass + from;
        double *axs = copy->ax + from, *ays = copy->ay + from, *azs = copy->az + from;
        GS_UNROLL(2) for (int v = 0; v < vectors; v++) {
            __m256d xj = _mm256_load_pd(xs + 4 * v), yj = _mm256_load_pd(ys + 4 * v), zj = _mm256_load_pd(zs + 4 * v);
            for (int t = 0; t < NBODY_PAIR; t++) {
                __m256d dx = _mm256_sub_pd(xj, x[t]), dy = _mm256_sub_pd(yj, y[t]), dz = _mm256_sub_pd(zj, z[t]);
                __m256d r2 = _mm256_fmadd_pd(dx, dx, _mm256_fmadd_pd(dy, dy, _mm256_fmadd_pd(dz, dz, soft)));
                r2s[v][t] = r2;
                powers[v][t] = _mm256_cvtps_pd(_mm_rsqrt_ps(_mm256_cvtpd_ps(r2))); /* the estimate, so far */
            }
        }
        GS_UNROLL(2) for (int v = 0; v < vectors; v++) {
            for (int t = 0; t < NBODY_PAIR; t++) {
                __m256d estimate = powers[v][t], square = _mm256_mul_pd(estimate, estimate);
                __m256d e = _mm256_fnmadd_pd(r2s[v][t], square, one);
                __m256d series = _mm256_fmadd_pd(_mm256_fmadd_pd(_mm256_fmadd_pd(c3, e, c2), e, c1), e, c0);
                powers[v][t] = _mm256_mul_pd(_mm256_mul_pd(square, estimate), series);
            }
        }
        GS_UNROLL(2) for (int v = 0; v < vectors; v++) {
            __m256d xj = _mm256_load_pd(xs + 4 * v), yj = _mm256_load_pd(ys + 4 * v), zj = _mm256_load_pd(zs + 4 * v);
            __m256d massj = _mm256_load_pd(masses + 4 * v), axj, ayj, azj;
            if (both)
                axj = _mm256_load_pd(axs + 4 * v), ayj = _mm256_load_pd(ays + 4 * v), azj = _mm256_load_pd(azs + 4 * v);
            for (int t = 0; t < NBODY_PAIR; t++) {
                __m256d dx = _mm256_sub_pd(xj, x[t]), dy = _mm256_sub_pd(yj, y[t]), dz = _mm256_sub_pd(zj, z[t]);
                __m256d pull = _mm256_mul_pd(powers[v][t], massj);
                ax[t] = _mm256_fmadd_pd(pull, dx, ax[t]);
                ay[t] = _mm256_fmadd_pd(pull, dy, ay[t]);
                az[t] = _mm256_fmadd_pd(pull, dz, az[t]);
                if (both) {
                    pull = _mm256_mul_pd(powers[v][t], mass[t]);
                    axj = _mm256_fnmadd_pd(pull, dx, axj);
                    ayj = _mm256_fnmadd_pd(pull, dy, ayj);
                    azj = _mm256_fnmadd_pd(pull, dz, azj);
                }
            }
            if (both) {
                _mm256_store_pd(axs + 4 * v, axj);
                _mm256_store_pd(ays + 4 * v, ayj);
                _mm256_store_pd(azs + 4 * v, azj);
            }
        }
    }
    for (int t = 0; t < NBODY_PAIR; t++) {
        copy->ax[i + t] += nbody_sum(ax[t]);
        copy->ay[i + t] += nbody_sum(ay[t]);
        copy->az[i + t] += nbody_sum(az[t]);
    }
}

/* The group of particles i .. i + 3, a multiple of 4: each among themselves, and with all behind them. */
GS_TARGET_AVX2 static void nbody_group_avx2(const nbody_copy *copy, double softening2, int64_t i) {
    for (int t = 0; t < NBODY_GROUP; t += NBODY_PAIR) {
        nbody_pairs(copy, softening2, i + t, i, i + NBODY_GROUP, false);
        nbody_pairs(copy, softening2, i + t, i + NBODY_GROUP, copy->padded, true);
    }
}

/* Targets i, i + 1 with all particles. */
GS_TARGET_AVX2 static void nbody_targets_avx2(const nbody_copy *copy, double softening2, int64_t i) {
    nbody_pairs(copy, softening2, i, 0, copy->padded, false);
}
#endif

/* Computes units begin <= u < end: groups of targets. */
static inline void nbody_groups(const nbody_task *task, const nbody_copy *copy, gs_vector level, int64_t begin,
                                int64_t end) {
    int64_t behind = task->first + task->targets;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t i = task->first + unit * NBODY_GROUP, last = i + NBODY_GROUP < behind ? i + NBODY_GROUP : behind;
#if GS_HAVE_AVX2
        if (level == GS_AVX2 && copy->estimate) {
            if (task->targets == task->count) {
                nbody_group_avx2(copy, task->softening2, i);
                continue;
            }
            for (; last - i >= NBODY_PAIR; i += NBODY_PAIR) nbody_targets_avx2(copy, task->softening2, i);
        }
#endif
        for (; i < last; i++) nbody_portable(task, copy, i);
    }
}

/* Hands the accelerations over, after the last unit. */
static inline void nbody_finish(const nbody_task *task, const nbody_copy *copy) {
    size_t size = (size_t)task->targets * sizeof *task->ax;
    memcpy(task->ax, copy->ax + task->first, size);
    memcpy(task->ay, copy->ay + task->first, size);
    memcpy(task->az, copy->az + task->first, size);
}

#endif
