/* mandelbrot: escape counts on a grid, float64 -> int32.
 *
 * count(c) is the number of steps z <- z*z + c, from z = 0, that start with |z|^2 <= 4, at most `limit`.
 * The operations and their order are those of the Python reference, and none is fused, so the counts
 * agree bit for bit.
 *
 * Each step of a point waits for the one before, so the speed lies in taking many points at once: a group
 * is six vectors, and their six chains of operations fill one another's gaps. But points need from 1 to
 * `limit` steps, and a group is as slow as its slowest point. So points under way are kept in a pool:
 *
 *   1. New points take their first steps, counted. Most of them leave now; the others enter the pool.
 *   2. The pool takes STRIDE steps without looking, and only then tests |z|^2 <= 4. That is enough, for
 *      what is outside stays there. Points that are outside now repeat these steps, counted.
 *   3. A point that runs into a fixed point ends as soon as that is proved: see mandelbrot_stays.
 *   4. The last point of the pool takes the place of one that ends, so that all groups but one are full.
 *
 * What is outside stays there: |z| > 2 and |z| >= |c| give |z*z + c| >= |z|*(|z| - 1) > |z|. Rounding could
 * change that only where there is no margin, with |c| as good as 2; those few points go one by one. */
#ifndef GILSCOPE_CORE_MANDELBROT_H
#define GILSCOPE_CORE_MANDELBROT_H

#include "base.h"

enum {
    MANDELBROT_THRESHOLD = 120000,             /* pixel-iterations; measured by benchmarks/thresholds.py */
    MANDELBROT_LIMIT_MAX = 1000000,            /* a group stays well below the 0.3 s in which Ctrl-C must act */
    MANDELBROT_FIRST = 16,                     /* steps of new points, */
    MANDELBROT_FIRST_STRIDE = 4,               /* in strides of so many, until all of a group have left */
    MANDELBROT_STRIDE = 24,                    /* steps of the pool between two looks */
    MANDELBROT_CHAINS = 6,                     /* vectors in a group */
    MANDELBROT_WIDEST = 4 * MANDELBROT_CHAINS, /* points in a group of the widest vectors */
    MANDELBROT_POOL = 32 * MANDELBROT_WIDEST,
    MANDELBROT_LEFT = MANDELBROT_POOL, /* behind the pool: a group of points that have left and are to be counted, */
    MANDELBROT_NEW = MANDELBROT_LEFT + MANDELBROT_WIDEST, /* and a group of new points, with room for one more */
    MANDELBROT_PLACES = MANDELBROT_NEW + 2 * MANDELBROT_WIDEST,
};

#define MANDELBROT_ROUNDING 1e-14 /* ten times and more what one step's rounding can add where |z| <= 2 */
#define MANDELBROT_CLOSE 1e-11    /* |c|^2 is as good as 4 */

typedef struct {
    int32_t *out; /* rows x columns, C order */
    int64_t rows, columns;
    double left, top, step; /* pixel (row, column) is left + column*step, top + (first_row + row)*step */
    int64_t first_row;
    int32_t limit;
} mandelbrot_task;

typedef struct {
    double x[MANDELBROT_PLACES], y[MANDELBROT_PLACES];
    double real[2][MANDELBROT_PLACES], imaginary[2][MANDELBROT_PLACES]; /* two states: before a stride, and after */
    int32_t pixel[MANDELBROT_PLACES];                                   /* counted from `out` */
    int32_t before[MANDELBROT_WIDEST]; /* of the points in LEFT: steps taken before the stride in which they left */
    int size, left;                    /* points in the pool, and in LEFT */
    int32_t *out;
} mandelbrot_points;

/* Read at run time: a compiler that knows the 2 makes 2*x an addition again. */
static const volatile double mandelbrot_two = 2;

static inline int32_t mandelbrot_escape(double x, double y, int32_t limit) {
    double real = 0, imaginary = 0;
    for (int32_t count = 0; count < limit; count++) {
        double real2 = real * real, imaginary2 = imaginary * imaginary;
        if (real2 + imaginary2 > 4) return count;
        imaginary = 2 * real * imaginary + y;
        real = real2 - imaginary2 + x;
    }
    return limit;
}

static inline void mandelbrot_move(mandelbrot_points *points, int to_state, int to, int from_state, int from) {
    points->x[to] = points->x[from];
    points->y[to] = points->y[from];
    points->real[to_state][to] = points->real[from_state][from];
    points->imaginary[to_state][to] = points->imaginary[from_state][from];
    points->pixel[to] = points->pixel[from];
}

/* A point that stays at 0, to fill a group. */
static inline void mandelbrot_clear(mandelbrot_points *points, int k) {
    points->x[k] = points->y[k] = points->real[0][k] = points->imaginary[0][k] = 0;
}

/* This file includes itself, once for each vector level: a vector type cannot be a parameter. */
#define LEVEL(name) name##_baseline
#define TARGET
#define LANES 2
#include "mandelbrot.h"

#if GS_HAVE_AVX2
#define LEVEL(name) name##_avx2
#define TARGET GS_TARGET_AVX2
#define LANES 4
#include "mandelbrot.h"
#endif

/* Pixels in a slice of some ms: never less than a group. */
static inline int64_t mandelbrot_slice(int32_t limit) {
    int64_t pixels = gs_slice_of(5 + 0.5 * limit);
    return pixels < MANDELBROT_WIDEST ? MANDELBROT_WIDEST : pixels;
}

/* Computes pixels begin <= p < end, counted along the rows; end - begin is at most INT32_MAX. */
static inline void mandelbrot_pixels(const mandelbrot_task *task, gs_vector level, int64_t begin, int64_t end) {
#if GS_HAVE_AVX2
    if (level == GS_AVX2) {
        mandelbrot_pixels_avx2(task, begin, end);
        return;
    }
#endif
    (void)level;
    mandelbrot_pixels_baseline(task, begin, end);
}

#elif defined(LANES) /* the steps of a group, in vectors of LANES doubles */

typedef double LEVEL(mandelbrot_reals) __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef int64_t LEVEL(mandelbrot_masks) __attribute__((vector_size(LANES * 8), aligned(8), may_alias));

enum { LEVEL(MANDELBROT_GROUP) = LANES * MANDELBROT_CHAINS };

#define REALS LEVEL(mandelbrot_reals)
#define MASKS LEVEL(mandelbrot_masks)
#define GROUP LEVEL(MANDELBROT_GROUP)
#define EACH_CHAIN(c) _Pragma("GCC unroll 6") for (int c = 0; c < MANDELBROT_CHAINS; c++)

/* A bit for each lane of the masks. */
TARGET GS_INLINE uint32_t LEVEL(mandelbrot_bits)(const MASKS *masks) {
    MASKS bits = {0};
    EACH_CHAIN(c) {
        MASKS weights;
        for (int lane = 0; lane < LANES; lane++) weights[lane] = 1 << (c * LANES + lane);
        bits |= masks[c] & weights;
    }
    int64_t all = 0;
    for (int lane = 0; lane < LANES; lane++) all |= bits[lane];
    return (uint32_t)all;
}

TARGET GS_INLINE bool LEVEL(mandelbrot_any)(MASKS mask) {
    int64_t any = 0;
    for (int lane = 0; lane < LANES; lane++) any |= mask[lane];
    return any != 0;
}

/* A group of points at k begins, with z = c, along a row from `column` on. Returns a bit for each point that is
 * close to |c| = 2. */
TARGET static inline uint32_t LEVEL(mandelbrot_begin)(mandelbrot_points *points, int k, double left, double column,
                                                      double step, double y) {
    REALS columns = {0};
    MASKS close[MANDELBROT_CHAINS];
    for (int lane = 0; lane < LANES; lane++) columns[lane] = lane;
    columns += column;
    EACH_CHAIN(c) {
        REALS x = left + columns * step, beyond = x * x + y * y - 4;
        close[c] = (beyond > -MANDELBROT_CLOSE) & (beyond < MANDELBROT_CLOSE);
        *(REALS *)&points->x[k + c * LANES] = *(REALS *)&points->real[0][k + c * LANES] = x;
        *(REALS *)&points->y[k + c * LANES] = *(REALS *)&points->imaginary[0][k + c * LANES] = y - (REALS){0};
        columns += LANES;
    }
    return LEVEL(mandelbrot_bits)(close);
}

/* Marks points that never leave: a step f maps the disc of radius r around z into itself.
 *
 * For w in the disc, |f(w) - z| <= |f(z) - z| + |w - z|*|w + z| <= |f(z) - z| + r*(2|z| + r). With r = 1/2 - |z|
 * that is |f(z) - z| + r - r*r, so it is enough that |f(z) - z| <= r*r, less what a rounded step may add. And
 * r >= 1/4 - |z|^2, which saves a root. */
TARGET GS_INLINE MASKS LEVEL(mandelbrot_stays)(REALS x, REALS y, REALS real, REALS imaginary) {
    REALS real2 = real * real, imaginary2 = imaginary * imaginary;
    REALS right = real2 - imaginary2 + x - real, up = 2 * real * imaginary + y - imaginary;
    REALS radius = 0.25 - (real2 + imaginary2), most = radius * radius - MANDELBROT_ROUNDING;
    return (radius > 0) & (most > 0) & (right * right + up * up <= most * most);
}

/* A bit for each point of the group at k, in state 0, that is sure to stay. */
TARGET static inline uint32_t LEVEL(mandelbrot_sure)(const mandelbrot_points *points, int k) {
    MASKS stays[MANDELBROT_CHAINS];
    EACH_CHAIN(c) {
        stays[c] = LEVEL(mandelbrot_stays)(*(REALS *)&points->x[k + c * LANES], *(REALS *)&points->y[k + c * LANES],
                                           *(REALS *)&points->real[0][k + c * LANES],
                                           *(REALS *)&points->imaginary[0][k + c * LANES]);
    }
    return LEVEL(mandelbrot_bits)(stays);
}

/* Takes the group at k `steps` steps on, in state 0, and adds to counts[i] how many of them point i started with
 * |z|^2 <= 4. Returns a bit for each point that did so every time. */
TARGET static inline uint32_t LEVEL(mandelbrot_count)(mandelbrot_points *points, int k, int32_t steps,
                                                      int64_t *counts) {
    const REALS *x = (REALS *)&points->x[k], *y = (REALS *)&points->y[k];
    REALS *reals = (REALS *)&points->real[0][k], *imaginaries = (REALS *)&points->imaginary[0][k];
    REALS real[MANDELBROT_CHAINS], imaginary[MANDELBROT_CHAINS], zero = {0}, two = mandelbrot_two + zero;
    MASKS count[MANDELBROT_CHAINS], inside[MANDELBROT_CHAINS], any = {0};
    EACH_CHAIN(c) {
        real[c] = reals[c];
        imaginary[c] = imaginaries[c];
        count[c] = (MASKS){0};
    }
    for (int32_t step = 0; step < steps; step++) {
        EACH_CHAIN(c) {
            REALS real2 = real[c] * real[c], imaginary2 = imaginary[c] * imaginary[c];
            count[c] -= real2 + imaginary2 <= 4.0;
            imaginary[c] = two * real[c] * imaginary[c] + y[c];
            real[c] = real2 - imaginary2 + x[c];
        }
    }
    EACH_CHAIN(c) {
        reals[c] = real[c];
        imaginaries[c] = imaginary[c];
        inside[c] = count[c] == steps;
        any |= inside[c];
        *(MASKS *)&counts[c * LANES] += count[c];
    }
    if (!LEVEL(mandelbrot_any)(any)) return 0;
    return LEVEL(mandelbrot_bits)(inside);
}

/* Takes the group at k `steps` steps on, from state `now` to the other one, and looks only then. Returns a bit
 * for each point that need not go on, because it is outside or never will be; if there is one, `inside`
 * gets a bit for each point with |z|^2 <= 4. */
TARGET static inline uint32_t LEVEL(mandelbrot_advance)(mandelbrot_points *points, int now, int k, int32_t steps,
                                                        uint32_t *inside) {
    const REALS *x = (REALS *)&points->x[k], *y = (REALS *)&points->y[k];
    const REALS *real_before = (REALS *)&points->real[now][k], *imaginary_before = (REALS *)&points->imaginary[now][k];
    REALS *real_after = (REALS *)&points->real[!now][k], *imaginary_after = (REALS *)&points->imaginary[!now][k];
    REALS real[MANDELBROT_CHAINS], imaginary[MANDELBROT_CHAINS], zero = {0}, two = mandelbrot_two + zero;
    MASKS within[MANDELBROT_CHAINS], going[MANDELBROT_CHAINS], any = {0};
    EACH_CHAIN(c) {
        real[c] = real_before[c];
        imaginary[c] = imaginary_before[c];
    }
    for (int32_t step = 0; step < steps; step++) {
        EACH_CHAIN(c) {
            REALS real2 = real[c] * real[c], imaginary2 = imaginary[c] * imaginary[c];
            REALS twice = c % 2 ? two * real[c] : real[c] + real[c]; /* to load the multipliers and the adders alike */
            imaginary[c] = twice * imaginary[c] + y[c];
            real[c] = real2 - imaginary2 + x[c];
        }
    }
    EACH_CHAIN(c) {
        within[c] = real[c] * real[c] + imaginary[c] * imaginary[c] <= 4.0;
        going[c] = ~within[c] | LEVEL(mandelbrot_stays)(x[c], y[c], real[c], imaginary[c]);
        any |= going[c];
        real_after[c] = real[c];
        imaginary_after[c] = imaginary[c];
    }
    if (!LEVEL(mandelbrot_any)(any)) return 0;
    *inside = LEVEL(mandelbrot_bits)(within);
    return LEVEL(mandelbrot_bits)(going);
}

/* Counts the last steps of the points in LEFT. */
TARGET static inline void LEVEL(mandelbrot_settle)(mandelbrot_points *points) {
    int64_t counts[GROUP] = {0};
    LEVEL(mandelbrot_count)(points, MANDELBROT_LEFT, MANDELBROT_STRIDE, counts);
    for (int i = 0; i < points->left; i++)
        points->out[points->pixel[MANDELBROT_LEFT + i]] = points->before[i] + (int32_t)counts[i];
    points->left = 0;
}

/* Takes all points of the pool to their end. */
TARGET static inline void LEVEL(mandelbrot_drain)(mandelbrot_points *points, int32_t limit) {
    int now = 0;
    for (int k = points->size; k % GROUP != 0; k++) mandelbrot_clear(points, k);
    for (int32_t done = MANDELBROT_FIRST; done < limit && points->size > 0; done += MANDELBROT_STRIDE) {
        int32_t steps = limit - done < MANDELBROT_STRIDE ? limit - done : MANDELBROT_STRIDE;
        /* From the end, so that a point which fills a gap has taken its steps already. */
        for (int k = (points->size - 1) / GROUP * GROUP; k >= 0; k -= GROUP) {
            uint32_t inside, going = LEVEL(mandelbrot_advance)(points, now, k, steps, &inside);
            if (points->size - k < GROUP) going &= (1u << (points->size - k)) - 1;
            while (going != 0) {
                int i = 31 - __builtin_clz(going);
                going ^= 1u << i;
                if (inside >> i & 1) {
                    points->out[points->pixel[k + i]] = limit;
                } else {
                    mandelbrot_move(points, 0, MANDELBROT_LEFT + points->left, now, k + i);
                    points->before[points->left++] = done;
                    if (points->left == GROUP) LEVEL(mandelbrot_settle)(points);
                }
                mandelbrot_move(points, !now, k + i, !now, --points->size);
            }
        }
        now = !now;
    }
    for (int k = 0; k < points->size; k++) points->out[points->pixel[k]] = limit;
    points->size = 0;
}

TARGET static inline void LEVEL(mandelbrot_pixels)(const mandelbrot_task *task, int64_t begin, int64_t end) {
    mandelbrot_points points;
    int64_t counts[GROUP], row = begin / task->columns, column = begin % task->columns;
    int32_t first = task->limit < MANDELBROT_FIRST ? task->limit : MANDELBROT_FIRST;
    points.out = task->out + begin;
    points.size = points.left = 0;
    for (int i = 0; i < GROUP; i++) mandelbrot_clear(&points, MANDELBROT_LEFT + i);
    for (int32_t pixel = 0; pixel < end - begin; pixel += GROUP) {
        int taken = end - begin - pixel < GROUP ? (int)(end - begin - pixel) : GROUP;
        uint32_t close = 0;
        for (int i = 0; i < taken;) {
            double y = task->top + (double)(task->first_row + row) * task->step;
            int run = task->columns - column < taken - i ? (int)(task->columns - column) : taken - i;
            close &= (1u << i) - 1;
            close |= LEVEL(mandelbrot_begin)(&points, MANDELBROT_NEW + i, task->left, (double)column, task->step, y)
                     << i;
            i += run;
            column += run;
            if (column == task->columns) column = 0, row++;
        }
        uint32_t all = (1u << taken) - 1, inside = all;
        for (int i = 0; i < GROUP; i++) counts[i] = 1;
        for (int32_t done = 1, steps; done < first && inside != 0; done += steps) {
            steps = first - done < MANDELBROT_FIRST_STRIDE ? first - done : MANDELBROT_FIRST_STRIDE;
            inside = LEVEL(mandelbrot_count)(&points, MANDELBROT_NEW, steps, counts) & all;
        }
        for (int i = 0; i < taken; i++) points.out[pixel + i] = (int32_t)counts[i];
        inside &= ~close;
        close &= all;
        for (; close != 0; close &= close - 1) {
            int i = __builtin_ctz(close);
            points.out[pixel + i] =
                mandelbrot_escape(points.x[MANDELBROT_NEW + i], points.y[MANDELBROT_NEW + i], task->limit);
        }
        if (inside == 0) continue;
        uint32_t stays = LEVEL(mandelbrot_sure)(&points, MANDELBROT_NEW);
        for (; inside != 0; inside &= inside - 1) {
            int i = __builtin_ctz(inside);
            points.out[pixel + i] = task->limit;
            points.pixel[MANDELBROT_NEW + i] = pixel + i;
            mandelbrot_move(&points, 0, points.size, 0, MANDELBROT_NEW + i);
            points.size += ~stays >> i & 1;
        }
        if (points.size > MANDELBROT_POOL - GROUP) LEVEL(mandelbrot_drain)(&points, task->limit);
    }
    LEVEL(mandelbrot_drain)(&points, task->limit);
    LEVEL(mandelbrot_settle)(&points);
}

#undef REALS
#undef MASKS
#undef GROUP
#undef EACH_CHAIN
#undef LEVEL
#undef TARGET
#undef LANES

#endif
