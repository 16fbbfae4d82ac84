#include "core/montecarlo.h"

#include "check.h"

/* The known answers that the authors publish with Random123 (kat_vectors, "philox4x32 10"). */
static void philox_vectors(void) {
    static const struct {
        uint32_t counter[4], key[2], image[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t words[4];
        memcpy(words, known[i].counter, sizeof words);
        philox4x32_10(words, known[i].key);
        for (int word = 0; word < 4; word++) CHECK_EQUAL(words[word], known[i].image[word]);
    }
}

/* One sample, from the definition. */
static int64_t hit(uint64_t seed, int64_t sample) {
    uint64_t block = (uint64_t)sample / 2;
    uint32_t words[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0};
    philox4x32_10(words, (uint32_t[2]){(uint32_t)seed, (uint32_t)(seed >> 32)});
    uint64_t x = words[sample % 2 * 2] >> 1, y = words[sample % 2 * 2 + 1] >> 1;
    return x * x + y * y < UINT64_C(1) << 62;
}

/* Every run of up to `most` samples from `first` on. */
static void runs(gs_vector level, uint64_t seed, int64_t first, int64_t most) {
    int64_t hits = 0;
    for (int64_t samples = 0; samples <= most; samples++) {
        CHECK_EQUAL(montecarlo_hits(seed, level, first, first + samples), hits);
        hits += hit(seed, first + samples);
    }
}

static void test(gs_vector level) {
    philox_vectors();
    for (int64_t first = 0; first < 4; first++) runs(level, UINT64_C(0x123456789abcdef0), first, 200);
    for (int64_t first = (INT64_C(1) << 33) - 60; first <= (INT64_C(1) << 33) + 3; first++) runs(level, 1, first, 60);
    runs(level, INT64_MAX, MONTECARLO_MAX, 100);
    runs(level, UINT64_MAX, 2 * MONTECARLO_MAX - 100, 100);

    int64_t whole = montecarlo_hits(42, level, 3, 1000003);
    for (int64_t cut = 3; cut <= 1000003; cut += 71429)
        CHECK_EQUAL(montecarlo_hits(42, level, 3, cut) + montecarlo_hits(42, level, cut, 1000003), whole);
    CHECK(whole > 784000 && whole < 786800); /* 785,398 = pi/4 million, give or take three deviations */
}
