/* What the tests of the core share. A test is one C file: it includes its core header and this file and
 * defines test(level). The program takes the level as its argument, stops at the first check that fails,
 * and ends with 77 where the CPU has no such level. */
#ifndef GILSCOPE_TESTS_CHECK_H
#define GILSCOPE_TESTS_CHECK_H

#include "core/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test(gs_vector level);

/* Macros, because a failure names its line. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                                  \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

#define CHECK_EQUAL(actual, expected)                                                                                  \
    do {                                                                                                               \
        long long is = (long long)(actual), should_be = (long long)(expected);                                         \
        if (is != should_be) {                                                                                         \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, is, should_be);              \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Memory of exactly this size, so that the address sanitizer sees one byte too many; never NULL. */
static inline void *check_memory(size_t size) {
    void *memory = malloc(size > 0 ? size : 1);
    CHECK(memory != NULL);
    return memory;
}

/* A stream of numbers that look random and are the same in each run. */
static inline uint32_t check_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 32);
}

int main(int count, char **arguments) {
    gs_vector level = count > 1 && strcmp(arguments[1], "avx2") == 0 ? GS_AVX2 : GS_BASELINE;
    if (level > gs_vector_detect()) return 77;
    test(level);
    return 0;
}

#endif
