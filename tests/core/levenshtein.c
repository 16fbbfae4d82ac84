#include "core/levenshtein.h"

#include "check.h"

/* A text in memory of exactly its size. The alphabet is small, so that there is much to match, and has
 * characters of every width that fits. */
static gs_text text_of(int32_t length, int32_t width, uint64_t *state) {
    static const uint32_t alphabet[] = {'a', 'b', 'c', 0xff, 0x100, 0x417, 0xd800, 0x1f40d, 0x10ffff};
    static const uint32_t sizes[] = {0, 4, 7, 0, 9};
    void *characters = check_memory((size_t)length * (size_t)width);
    for (int32_t i = 0; i < length; i++) {
        uint32_t character = alphabet[check_random(state) % sizes[width]];
        switch (width) {
        case 1: ((uint8_t *)characters)[i] = (uint8_t)character; break;
        case 2: ((uint16_t *)characters)[i] = (uint16_t)character; break;
        default: ((uint32_t *)characters)[i] = character;
        }
    }
    return (gs_text){.characters = characters, .length = length, .width = width};
}

/* The dynamic programme over whole rows. */
static int32_t distance(const gs_text *a, const gs_text *b) {
    int32_t *row = check_memory(((size_t)b->length + 1) * sizeof *row);
    for (int32_t j = 0; j <= b->length; j++) row[j] = j;
    for (int32_t i = 0; i < a->length; i++) {
        int32_t diagonal = row[0]++;
        for (int32_t j = 0; j < b->length; j++) {
            int32_t least = diagonal + (levenshtein_character(a, i) != levenshtein_character(b, j));
            if (row[j] + 1 < least) least = row[j] + 1;
            if (row[j + 1] + 1 < least) least = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = least;
        }
    }
    int32_t last = row[b->length];
    free(row);
    return last;
}

/* A query against so many choices of up to `most` characters, in two slices cut every `stride` units of work. */
static void query(gs_vector level, int32_t length, int64_t count, uint32_t most, int64_t stride) {
    static const int32_t widths[] = {1, 2, 4};
    uint64_t state = (uint64_t)length + 1;
    gs_text *choices = check_memory((size_t)count * sizeof *choices);
    int32_t *expected = check_memory((size_t)count * sizeof *expected), *distances;
    distances = check_memory((size_t)count * sizeof *distances);
    levenshtein_task task = {text_of(length, widths[length % 3], &state), choices, count, distances};
    int64_t characters = 0;
    for (int64_t i = 0; i < count; i++) {
        choices[i] = text_of((int32_t)(check_random(&state) % (most + 1)), widths[check_random(&state) % 3], &state);
        expected[i] = distance(&task.query, &choices[i]);
        characters += choices[i].length;
    }
    int64_t work = levenshtein_work(length, characters, count);
    levenshtein_state *memory = check_memory(levenshtein_state_size(length));
    for (int64_t cut = 0; cut <= work; cut += stride) {
        memset(distances, 0xff, (size_t)count * sizeof *distances);
        levenshtein_start(&task, memory);
        levenshtein_advance(&task, memory, level, cut);
        levenshtein_advance(&task, memory, level, work);
        for (int64_t i = 0; i < count; i++) CHECK_EQUAL(distances[i], expected[i]);
    }
    for (int64_t i = 0; i < count; i++) free((void *)choices[i].characters);
    free((void *)task.query.characters);
    free(memory);
    free(choices);
    free(expected);
    free(distances);
}

static void test(gs_vector level) {
    static const int32_t lengths[] = {0, 1, 2, 3, 31, 63, 64, 65, 127, 128, 129, 200};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (int64_t count = 0; count <= 17; count++) query(level, lengths[i], count, 20, INT32_MAX);
        query(level, lengths[i], 9, 150, 97);
    }
    query(level, 5, 11, 9, 1);
    query(level, 70, 9, 70, 1);
    for (int64_t count = LEVENSHTEIN_WINDOW - 1; count <= LEVENSHTEIN_WINDOW + 1; count++)
        query(level, 6, count, 12, 701);
    query(level, 6, 2, 5000, 1009);
    /* Few choices and many blocks: the lanes are blocks. */
    static const int32_t longer[] = {448, 449, 511, 512, 513, 577, 1030};
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
        for (int64_t count = 1; count <= 10; count++) query(level, longer[i], count, 20, INT32_MAX);
        query(level, longer[i], 2, 600, 409);
    }
    query(level, 130, 1, 40, 1);
    query(level, 530, 11, 40, 13);
}
