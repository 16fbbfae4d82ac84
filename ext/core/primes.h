/* primes: how many primes lie in [low, high). A segmented sieve of Eratosthenes on a wheel of 30.
 *
 * One byte stands for 30 numbers and each bit for one of the eight among them that 2, 3 and 5 do not
 * divide, so 256 KiB hold 7.8 million numbers. The work is blocked for two caches: primes that strike often
 * run over a chunk that stays in L1, the others over a block of chunks that stays in L2. Multiples of
 * the primes up to 61 are never struck one by one; ready-made patterns of them are ANDed in.
 *
 * Multiples of p: with p = 30a + r and w a wheel residue, p * (30t + w) lies in byte p*t + a*w + r*w/30,
 * at a bit that only r and w decide. So the multiples come in turns of eight, one turn is p bytes after
 * the other, and all primes with the same r strike the same bits. */
#ifndef GILSCOPE_CORE_PRIMES_H
#define GILSCOPE_CORE_PRIMES_H

#include "base.h"

#include <string.h>

enum {
    PRIMES_THRESHOLD = 80000, /* numbers, as primes_work() counts them; measured by benchmarks/thresholds.py */
    PRIMES_ROOT_WORK = 8,     /* a number up to the root takes as long as so many in the range */
    PRIMES_CHUNK = 32 << 10,  /* bytes: one L1 data cache */
    PRIMES_BLOCK = 256 << 10, /* bytes: half of a common L2 cache; a unit of work */
    PRIMES_OFTEN = 4 << 10,   /* primes below it go chunk by chunk */
    PRIMES_GROUPS = 7,
};

/* Up to here finding the base primes takes some 20 ms, a block as long, and the scratch is 7 MB. */
static const int64_t PRIMES_HIGH_MAX = INT64_C(100000000000000);

static const uint8_t primes_wheel[9] = {1, 7, 11, 13, 17, 19, 23, 29, 31};
static const uint8_t primes_tiny[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61};

/* Primes whose multiples share a pattern (1: no third one); it repeats after as many bytes as their product. */
static const uint8_t primes_group[PRIMES_GROUPS][3] = {
    {7, 11, 13}, {17, 61, 1}, {19, 59, 1}, {23, 53, 1}, {29, 47, 1}, {31, 43, 1}, {37, 41, 1},
};
enum { PRIMES_PATTERNS = 7 * 11 * 13 + 17 * 61 + 19 * 59 + 23 * 53 + 29 * 47 + 31 * 43 + 37 * 41 }; /* bytes */

/* A base prime, from 67 to the root, and its next multiple. */
typedef struct {
    uint32_t prime;
    uint32_t next : 29; /* bytes from where the sieving stands */
    uint32_t step : 3;  /* which of the eight of a turn */
} primes_base;

/* The base primes of one residue, in ascending order. */
typedef struct {
    primes_base *base;
    int64_t often;  /* how many are below PRIMES_OFTEN */
    int64_t active; /* how many have a square in what is sieved so far */
    int64_t count;
} primes_class;

typedef struct {
    int64_t low, high;
    int64_t first, last; /* bytes: first <= byte < last */
    int64_t found;       /* the answer, when all blocks are done */
    primes_class classes[8];
    primes_base *base; /* scratch, as are the next two */
    uint8_t *patterns; /* the groups', one after the other */
    uint8_t *bytes;    /* one block, or the numbers up to the root */
} primes_sieve;

static inline int64_t primes_root(int64_t number) {
    int64_t root = 0;
    for (int64_t bit = 1 << 23; bit > 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= number) root += bit;
    return root;
}

/* An upper bound of the number of primes up to the root: pi(x) < 1.2551 x / ln x = 1.811 x / log2 x. */
static inline int64_t primes_base_most(int64_t root) {
    return root < 2 ? 0 : 2 * root / (63 - __builtin_clzll((unsigned long long)root));
}

static inline int64_t primes_bytes(int64_t root) {
    int64_t bytes = root / 30 + 1;
    return bytes > PRIMES_BLOCK ? bytes : PRIMES_BLOCK;
}

static inline int64_t primes_work(int64_t low, int64_t high) {
    return high - low + PRIMES_ROOT_WORK * primes_root(high);
}

/* Bytes of scratch that primes_start() asks for; uninitialised, aligned as malloc does. */
static inline size_t primes_scratch(int64_t high) {
    int64_t root = primes_root(high);
    return (size_t)primes_base_most(root) * sizeof(primes_base) + PRIMES_PATTERNS + (size_t)primes_bytes(root);
}

/* The units of work: blocks. */
static inline int64_t primes_blocks(int64_t low, int64_t high) {
    return low == high ? 0 : ((high + 29) / 30 - low / 30 + PRIMES_BLOCK - 1) / PRIMES_BLOCK;
}

/* The byte of multiple `step` of a turn, counted from the turn's start, for p = 30a + r. */
GS_INLINE uint32_t primes_place(uint32_t a, uint32_t r, uint32_t step) {
    return a * primes_wheel[step] + r * primes_wheel[step] / 30;
}

/* What that multiple leaves of its byte. The wheel is such that n * 4 / 15 numbers its residues 0 to 7. */
GS_INLINE uint8_t primes_mask(uint32_t r, uint32_t step) {
    return (uint8_t)~(1u << r * primes_wheel[step] % 30 * 4 / 15);
}

/* Strikes the multiples of base primes of residue r in `size` bytes. Where r is a constant the masks are
 * too, and a whole turn is eight instructions. */
GS_INLINE void primes_cross_residue(uint8_t *bytes, uint32_t size, primes_base *base, int64_t count, uint32_t r) {
    uint8_t mask[8], gap_a[8], gap_1[8]; /* from multiple i of a turn to the next: gap_a * a + gap_1 bytes */
    for (uint32_t i = 0; i < 8; i++) {
        mask[i] = primes_mask(r, i);
        gap_a[i] = (uint8_t)(primes_place(1, 0, i + 1) - primes_place(1, 0, i));
        gap_1[i] = (uint8_t)(primes_place(0, r, i + 1) - primes_place(0, r, i));
    }
    for (primes_base *end = base + count; base < end; base++) {
        uint32_t p = base->prime, a = p / 30, at = base->next, step = base->step;
        /* The turn that began before these bytes. */
        for (; at < size && step > 0; step = (step + 1) % 8) {
            bytes[at] &= mask[step];
            at += a * gap_a[step] + gap_1[step];
        }
        if (at < size) {
            step = 0;
            uint32_t place[8];
            for (uint32_t i = 0; i < 8; i++) place[i] = primes_place(a, r, i) - primes_place(a, r, 0);
            for (; at + place[7] < size; at += p)
                for (uint32_t i = 0; i < 8; i++) bytes[at + place[i]] &= primes_mask(r, i);
            /* The turn that ends after them. */
            for (uint32_t turn = at; step < 7 && at < size; at = turn + place[step])
                bytes[at] &= primes_mask(r, step++);
        }
        base->next = at - size;
        base->step = step;
    }
}

/* The same for residue number `index`. */
static inline void primes_cross(uint8_t *bytes, int64_t bytes_size, primes_base *base, int64_t count, int index) {
    uint32_t size = (uint32_t)bytes_size;
    switch (index) {
    case 0: primes_cross_residue(bytes, size, base, count, 1); break;
    case 1: primes_cross_residue(bytes, size, base, count, 7); break;
    case 2: primes_cross_residue(bytes, size, base, count, 11); break;
    case 3: primes_cross_residue(bytes, size, base, count, 13); break;
    case 4: primes_cross_residue(bytes, size, base, count, 17); break;
    case 5: primes_cross_residue(bytes, size, base, count, 19); break;
    case 6: primes_cross_residue(bytes, size, base, count, 23); break;
    case 7: primes_cross_residue(bytes, size, base, count, 29); break;
    }
}

/* The first multiple to strike of a prime above 5 when sieving begins at byte `begin`: not below the
 * prime's own square, since smaller multiples have a smaller factor. */
static inline primes_base primes_aim(uint32_t prime, int64_t begin) {
    int64_t factor = (30 * begin + prime - 1) / prime;
    if (factor < prime) factor = prime;
    uint32_t step = 0;
    while (primes_wheel[step] < factor % 30) step++;
    int64_t byte = factor / 30 * prime + primes_place(prime / 30, prime % 30, step);
    return (primes_base){.prime = prime, .next = (uint32_t)(byte - begin), .step = step};
}

/* The pattern of each group: the multiples of its primes struck, the primes themselves among them. */
static inline void primes_fill_patterns(uint8_t *pattern) {
    memset(pattern, 0xff, PRIMES_PATTERNS);
    for (int group = 0; group < PRIMES_GROUPS; group++) {
        const uint8_t *primes = primes_group[group];
        int64_t period = primes[0] * primes[1] * primes[2];
        for (int i = 0; i < 3 && primes[i] > 1; i++) {
            primes_base base = {.prime = primes[i], .next = primes[i] / 30};
            primes_cross(pattern, period, &base, 1, primes[i] % 30 * 4 / 15);
        }
        pattern += period;
    }
}

/* Fills bytes begin <= b < begin + size of the number line with all but the multiples of primes up to 61. */
GS_INLINE void primes_fill(const primes_sieve *sieve, uint8_t *bytes, int64_t begin, int64_t size) {
    const uint8_t *pattern = sieve->patterns;
    memset(bytes, 0xff, (size_t)size);
    for (int group = 0; group < PRIMES_GROUPS; group++) {
        int64_t period = primes_group[group][0] * primes_group[group][1] * primes_group[group][2];
        int64_t phase = begin % period;
        for (int64_t done = 0, run; done < size; done += run, phase = 0) {
            run = period - phase < size - done ? period - phase : size - done;
            for (int64_t i = 0; i < run; i++) bytes[done + i] &= pattern[phase + i];
        }
        pattern += period;
    }
}

/* Finds the base primes: those up to the root that no pattern covers. The last byte may add some above the
 * root, but fewer than the eighteen that primes_base_most() counts and the patterns cover. */
static inline void primes_find_base(primes_sieve *sieve) {
    uint8_t *bytes = sieve->bytes;
    int64_t size = primes_root(sieve->high) / 30 + 1, counts[8] = {0};
    primes_fill(sieve, bytes, 0, size);
    bytes[0] &= 0xfe; /* 1 is no prime */
    /* What is still standing when its turn comes is prime, and strikes ahead in the same bytes. */
    for (int64_t byte = 0; 30 * byte * byte < size; byte++)
        for (int index = 0; index < 8; index++)
            if (bytes[byte] >> index & 1) {
                primes_base base = primes_aim((uint32_t)(30 * byte + primes_wheel[index]), 0);
                primes_cross(bytes, size, &base, 1, index);
            }
    for (int64_t byte = 0; byte < size; byte++)
        for (unsigned bits = bytes[byte]; bits != 0; bits &= bits - 1) counts[__builtin_ctz(bits)]++;
    primes_base *base = sieve->base;
    for (int index = 0; index < 8; index++) {
        sieve->classes[index] = (primes_class){.base = base};
        base += counts[index];
    }
    for (int64_t byte = 0; byte < size; byte++)
        for (unsigned bits = bytes[byte]; bits != 0; bits &= bits - 1) {
            primes_class *class = &sieve->classes[__builtin_ctz(bits)];
            uint32_t prime = (uint32_t)(30 * byte + primes_wheel[__builtin_ctz(bits)]);
            class->base[class->count++].prime = prime;
            class->often += prime < PRIMES_OFTEN;
        }
}

/* Makes ready to count the primes in [low, high) with primes_scratch(high) bytes of scratch. */
static inline void primes_start(primes_sieve *sieve, int64_t low, int64_t high, void *scratch) {
    *sieve = (primes_sieve){.low = low < 2 ? 2 : low, .high = high, .base = scratch};
    sieve->patterns = (uint8_t *)(sieve->base + primes_base_most(primes_root(high)));
    sieve->bytes = sieve->patterns + PRIMES_PATTERNS;
    sieve->first = low / 30;
    sieve->last = (high + 29) / 30;
    for (size_t i = 0; i < sizeof primes_tiny; i++) sieve->found += low <= primes_tiny[i] && primes_tiny[i] < high;
    primes_fill_patterns(sieve->patterns);
    primes_find_base(sieve);
}

/* Brings in the base primes whose squares lie below byte `end`. */
static inline void primes_activate(primes_class *class, int64_t begin, int64_t end) {
    for (; class->active < class->count; class->active++) {
        int64_t prime = class->base[class->active].prime;
        if (prime * prime >= 30 * end) return;
        class->base[class->active] = primes_aim((uint32_t)prime, begin);
    }
}

GS_INLINE int64_t primes_count_bits(const uint8_t *bytes, int64_t size) {
    int64_t count = 0, at = 0;
    for (uint64_t word; at + 8 <= size; at += 8) {
        memcpy(&word, bytes + at, 8);
        count += __builtin_popcountll(word);
    }
    for (; at < size; at++) count += __builtin_popcount(bytes[at]);
    return count;
}

/* Sieves and counts the next block, which begins at byte `begin`. */
GS_INLINE void primes_block_body(primes_sieve *sieve, int64_t begin) {
    uint8_t *bytes = sieve->bytes;
    int64_t size = sieve->last - begin < PRIMES_BLOCK ? sieve->last - begin : PRIMES_BLOCK;
    for (int index = 0; index < 8; index++) primes_activate(&sieve->classes[index], begin, begin + size);
    for (int64_t at = 0; at < size; at += PRIMES_CHUNK) {
        int64_t chunk = size - at < PRIMES_CHUNK ? size - at : PRIMES_CHUNK;
        primes_fill(sieve, bytes + at, begin + at, chunk);
        for (int index = 0; index < 8; index++) {
            primes_class *class = &sieve->classes[index];
            int64_t often = class->often < class->active ? class->often : class->active;
            primes_cross(bytes + at, chunk, class->base, often, index);
        }
    }
    for (int index = 0; index < 8; index++) {
        primes_class *class = &sieve->classes[index];
        if (class->active > class->often)
            primes_cross(bytes, size, class->base + class->often, class->active - class->often, index);
        /* Numbers below low in the first byte, and from high on in the last. */
        if (30 * begin + primes_wheel[index] < sieve->low) bytes[0] &= (uint8_t)~(1u << index);
        if (30 * (begin + size - 1) + primes_wheel[index] >= sieve->high) bytes[size - 1] &= (uint8_t)~(1u << index);
    }
    sieve->found += primes_count_bits(bytes, size);
}

#if GS_HAVE_AVX2
/* Not the striking, but the patterns and the bit counts gain from it. */
GS_TARGET_AVX2 static inline void primes_block_avx2(primes_sieve *sieve, int64_t begin) {
    primes_block_body(sieve, begin);
}
#endif

/* Counts the blocks begin <= b < end. They must come in order, from 0 on, each once. */
static inline void primes_count(primes_sieve *sieve, gs_vector level, int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) {
        int64_t byte = sieve->first + block * PRIMES_BLOCK;
#if GS_HAVE_AVX2
        if (level == GS_AVX2) {
            primes_block_avx2(sieve, byte);
            continue;
        }
#endif
        primes_block_body(sieve, byte);
    }
}

#endif
