/* The ledger's clock. To read the cycle counter costs a third of asking for the time. */
#ifndef GILSCOPE_SCOPE_CYCLES_H
#define GILSCOPE_SCOPE_CYCLES_H

#include "../core/base.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <x86intrin.h>
#endif

static bool cycles_even; /* whether the CPU has a cycle counter that runs evenly; else cycles are ns */

static inline int64_t cycles_now(void) {
#if defined(__x86_64__)
    return cycles_even ? (int64_t)__rdtsc() : gs_now();
#else
    int64_t count;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#endif
}

/* Once, before the clock is read. */
static void cycles_set_up(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    cycles_even = __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1 << 8); /* "invariant TSC" */
#endif
}

/* Both clocks at one moment: the closest of a few tries. */
static void cycles_read_both(int64_t *ns, int64_t *cycles) {
    int64_t closest = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t before = cycles_now(), time = gs_now(), after = cycles_now();
        if (after - before < closest) {
            closest = after - before;
            *ns = time;
            *cycles = before + (after - before) / 2;
        }
    }
}

#endif
