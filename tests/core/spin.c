#include "core/spin.h"

#include "check.h"

static void test(gs_vector level) {
    (void)level;
    /* What the definition gives in Python's unbounded integers. */
    CHECK(spin_rounds(7, 0) == 7);
    CHECK(spin_rounds(0, 1) == UINT64_C(0x9e3779b97f4a7c15));
    CHECK(spin_rounds(7, 1) == UINT64_C(0x7e9670c44bc06b1a));
    CHECK(spin_rounds(7, 1000) == UINT64_C(0xe41ea3b5cab14abf));
    CHECK(spin_rounds(UINT64_MAX, 12345) == UINT64_C(0x890c14d19405b4a5));
    for (int64_t cut = 0; cut <= 100; cut++) CHECK(spin_rounds(spin_rounds(7, cut), 100 - cut) == spin_rounds(7, 100));
}
