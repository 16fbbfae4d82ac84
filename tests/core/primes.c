#include "core/primes.h"

#include "check.h"

/* Counts [low, high), the first `cut` blocks in one slice and the rest in another. */
static int64_t count_cut(gs_vector level, int64_t low, int64_t high, int64_t cut) {
    void *scratch = check_memory(primes_scratch(high));
    primes_sieve sieve;
    primes_start(&sieve, low, high, scratch);
    primes_count(&sieve, level, 0, cut);
    primes_count(&sieve, level, cut, primes_blocks(low, high));
    free(scratch);
    return sieve.found;
}

static int64_t count(gs_vector level, int64_t low, int64_t high) { return count_cut(level, low, high, 0); }

/* pi(10^k): sequence A006880 of the OEIS. */
static void published(gs_vector level) {
    static const int64_t pi[] = {0, 4, 25, 168, 1229, 9592, 78498, 664579, 5761455};
    int64_t power = 1;
    for (size_t k = 0; k < sizeof pi / sizeof *pi; k++, power *= 10) CHECK_EQUAL(count(level, 0, power), pi[k]);
    CHECK_EQUAL(count(level, 1000000, 10000000), 664579 - 78498);
}

/* Against the plain sieve of all numbers below some blocks' end. */
static void against_plain(gs_vector level) {
    const int64_t block = 30 * (int64_t)PRIMES_BLOCK, chunk = 30 * (int64_t)PRIMES_CHUNK, end = 2 * block + 200;
    int32_t *below = check_memory((size_t)(end + 1) * sizeof *below); /* below[n]: how many primes are below n */
    uint8_t *struck = check_memory((size_t)end);
    memset(struck, 0, (size_t)end);
    for (int64_t p = 2; p * p < end; p++)
        for (int64_t multiple = p * p; !struck[p] && multiple < end; multiple += p) struck[multiple] = 1;
    below[0] = below[1] = below[2] = 0;
    for (int64_t n = 2; n < end; n++) below[n + 1] = below[n] + !struck[n];

    for (int64_t low = 0; low <= 100; low++)
        for (int64_t high = low; high <= 100; high++) CHECK_EQUAL(count(level, low, high), below[high] - below[low]);
    for (int64_t high = 4300; high <= 4600; high++) /* 67 * 67, the first square that is struck, lies here */
        CHECK_EQUAL(count(level, 4300, high), below[high] - below[4300]);
    for (int64_t near = -33; near <= 33; near++) {
        CHECK_EQUAL(count(level, 0, chunk + near), below[chunk + near]);
        CHECK_EQUAL(count(level, chunk + near, 2 * chunk), below[2 * chunk] - below[chunk + near]);
        CHECK_EQUAL(count(level, block + near, block + 40), below[block + 40] - below[block + near]);
        CHECK_EQUAL(count(level, block - 40, block + near), below[block + near] - below[block - 40]);
    }
    CHECK_EQUAL(count(level, 7, 2 * block + 100), below[2 * block + 100] - below[7]); /* three blocks */
    uint64_t state = 1;
    for (int i = 0; i < 100; i++) {
        int64_t low = check_random(&state) % (uint32_t)end, high = low + check_random(&state) % 20000;
        if (high > end) high = end;
        CHECK_EQUAL(count(level, low, high), below[high] - below[low]);
    }
    free(struck);
    free(below);
}

static bool is_prime(int64_t number) {
    for (int64_t divisor = 2; divisor * divisor <= number; divisor++)
        if (number % divisor == 0) return false;
    return number > 1;
}

static void test(gs_vector level) {
    published(level);
    against_plain(level);
    int64_t low = 1000000000000, high = low + 3 * 30 * (int64_t)PRIMES_BLOCK + 1000; /* four blocks */
    for (int64_t cut = 0; cut <= primes_blocks(low, high); cut++)
        CHECK_EQUAL(count_cut(level, low, high, cut), count(level, low, high));
    int64_t found = 0;
    for (int64_t number = PRIMES_HIGH_MAX - 60; number < PRIMES_HIGH_MAX; number++) found += is_prime(number);
    CHECK_EQUAL(count(level, PRIMES_HIGH_MAX - 60, PRIMES_HIGH_MAX), found);
    CHECK_EQUAL(primes_blocks(PRIMES_HIGH_MAX, PRIMES_HIGH_MAX), 0);
}
