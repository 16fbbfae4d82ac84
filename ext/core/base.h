/* What every kernel's core stands on: a status, slices of work, the vector level.
 *
 * The core never sees Python: plain pointers and sizes come in, a status goes out. A core file is a
 * header of static functions, so that a kernel is one file and a binding compiles it in. */
#ifndef GILSCOPE_CORE_BASE_H
#define GILSCOPE_CORE_BASE_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime; Python.h sets its own when it comes first */
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef enum {
    GS_OK = 0,
    GS_NO_MEMORY,
    GS_BAD_VALUE, /* the input at index `slices->begin` is outside what the kernel allows */
    GS_RAISED,    /* a Python exception is set; only from a kernel that computes on Python objects */
} gs_status;

/* Work is a run of units 0 .. total, computed slice by slice. Between two slices a kernel may be told
 * to pause, so that a long call can look for Ctrl-C; it goes on later where it stopped. */
typedef struct {
    int64_t begin, end; /* the slice to compute now: units begin <= u < end */
    int64_t total;
    int64_t step;     /* units in a slice: some milliseconds of work */
    int64_t pause_at; /* monotonic ns after which no further slice is handed out; 0: never */
} gs_slices;

static inline int64_t gs_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Moves to the next slice. False at the end of the work, or when it is time to pause. */
static inline bool gs_next(gs_slices *slices) {
    int64_t left = slices->total - slices->end;
    if (left <= 0) return false;
    if (slices->pause_at && gs_now() >= slices->pause_at) return false;
    slices->begin = slices->end;
    slices->end += left < slices->step ? left : slices->step;
    return true;
}

/* Units in a slice of about 4 ms, for units that take about `nanoseconds` each on a slow machine. */
static inline int64_t gs_slice_of(double nanoseconds) {
    double units = 4e6 / nanoseconds;
    return units < 1 ? 1 : (int64_t)units;
}

/* a * b for sizes that are not negative, or INT64_MAX where that does not fit. */
static inline int64_t gs_product(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

/* The characters of a str as Python stores them, `width` bytes each (1, 2 or 4): code points in native order. */
typedef struct {
    const void *characters;
    int32_t length, width;
} gs_text;

/* The vector level is chosen at run time, so one build is fast on every CPU. A core with vector code
 * has one function per level; the level comes in as an argument. */
typedef enum { GS_BASELINE = 0, GS_AVX2 = 1 } gs_vector;

#define GS_INLINE static inline __attribute__((always_inline))

/* Before a loop: so many rounds of it at a time. */
#define GS_PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define GS_UNROLL(rounds) GS_PRAGMA(clang loop unroll_count(rounds))
#else
#define GS_UNROLL(rounds) GS_PRAGMA(GCC unroll rounds)
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#define GS_HAVE_AVX2 1
#define GS_TARGET_AVX2 __attribute__((target("avx2,fma,bmi,bmi2,lzcnt,popcnt")))
#else
#define GS_HAVE_AVX2 0
#endif

/* The best level that this CPU and its operating system offer. */
static inline gs_vector gs_vector_detect(void) {
#if GS_HAVE_AVX2
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return GS_AVX2;
#endif
    return GS_BASELINE;
}

#endif
