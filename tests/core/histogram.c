#include "core/histogram.h"

#include "check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static gs_status run(const histogram_task *task, int64_t length, int64_t step, int64_t *where) {
    histogram_scratch scratch;
    gs_slices slices = {.total = length, .step = step};
    gs_status status = histogram_run(task, &scratch, &slices);
    *where = slices.begin;
    return status;
}

/* All keys, in slices of every size that cuts elsewhere. */
static void keys_of(histogram_sharing sharing, const uint8_t *keys, int64_t length, ptrdiff_t stride) {
    int64_t *counts = check_memory((size_t)(255 * stride + 1) * sizeof *counts), where;
    histogram_task task = {keys, counts, stride, 256, sharing, &lock};
    for (int64_t step = 1; step <= length + 1; step += 1 + step * 3 / 4) {
        int64_t expected[256] = {0};
        for (int64_t i = 0; i < 255 * stride + 1; i++) counts[i] = 5; /* what is there is added to */
        CHECK_EQUAL(run(&task, length, step, &where), GS_OK);
        for (int64_t i = 0; i < length; i++) expected[keys[i]]++;
        for (int64_t i = 0; i < 255 * stride + 1; i++)
            CHECK_EQUAL(counts[i], length == 0 || i % stride != 0 ? 5 : 5 + expected[i / stride]);
    }
    free(counts);
}

/* A key without a bin: named, and nothing written past the bins. */
static void misfit(histogram_sharing sharing, const uint8_t *keys, int64_t length, int bins) {
    int64_t *counts = check_memory((size_t)bins * sizeof *counts), where, first = 0;
    memset(counts, 0, (size_t)bins * sizeof *counts);
    histogram_task task = {keys, counts, 1, bins, sharing, &lock};
    while (first < length && keys[first] < bins) first++;
    CHECK_EQUAL(run(&task, length, 1000, &where), first < length ? GS_BAD_VALUE : GS_OK);
    if (first < length) CHECK_EQUAL(where, first);
    int64_t sum = 0;
    for (int i = 0; i < bins; i++) sum += counts[i];
    CHECK_EQUAL(sum, sharing == HISTOGRAM_PRIVATE && first < length ? 0 : first);
    free(counts);
}

enum { CALLS = 2000, KEYS = 3000 };

typedef struct {
    histogram_task task;
    int calls;
} counting;

static void *count_again(void *argument) {
    counting *counting = argument;
    int64_t where;
    for (int call = 0; call < counting->calls; call++) CHECK_EQUAL(run(&counting->task, KEYS, 700, &where), GS_OK);
    return NULL;
}

/* Two threads, one row of counts, nearly all keys the same: nothing is lost. */
static void shared(histogram_sharing sharing, const uint8_t *keys) {
    int64_t counts[256] = {0}, sum = 0;
    counting counting = {{keys, counts, 1, 256, sharing, &lock}, CALLS};
    pthread_t other;
    CHECK(pthread_create(&other, NULL, count_again, &counting) == 0);
    count_again(&counting);
    pthread_join(other, NULL);
    for (int key = 0; key < 256; key++) sum += counts[key];
    CHECK_EQUAL(sum, 2 * CALLS * KEYS);
}

/* While another holds the lock, nothing is counted. */
static void locked_out(const uint8_t *keys) {
    int64_t counts[256] = {0}, sum = 0;
    counting counting = {{keys, counts, 1, 256, HISTOGRAM_LOCKED, &lock}, 1};
    pthread_t other;
    pthread_mutex_lock(&lock);
    CHECK(pthread_create(&other, NULL, count_again, &counting) == 0);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    for (int key = 0; key < 256; key++) CHECK_EQUAL(__atomic_load_n(&counts[key], __ATOMIC_RELAXED), 0);
    pthread_mutex_unlock(&lock);
    pthread_join(other, NULL);
    for (int key = 0; key < 256; key++) sum += counts[key];
    CHECK_EQUAL(sum, KEYS);
}

static void test(gs_vector level) {
    (void)level;
    static const int64_t lengths[] = {0, 1, 2, 7, 8, 9, 63, HISTOGRAM_FEW - 1, HISTOGRAM_FEW, HISTOGRAM_FEW + 1, 5003};
    uint64_t state = 9;
    uint8_t *memory = check_memory(5004);
    for (int i = 0; i < 5004; i++) memory[i] = (uint8_t)(check_random(&state) >> (i % 2 ? 4 : 0)); /* any key */
    for (histogram_sharing sharing = HISTOGRAM_PRIVATE; sharing <= HISTOGRAM_SHARED_LINE; sharing++) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            uint8_t *keys = check_memory((size_t)lengths[i]);
            memcpy(keys, memory + i % 2, (size_t)lengths[i]);
            keys_of(sharing, keys, lengths[i], 1);
            keys_of(sharing, keys, lengths[i], 8);
            free(keys);
        }
        memset(memory, 7, 3000); /* a run of one key */
        keys_of(sharing, memory, 3000, 1);
        memory[2990] = 200;
        for (int bins = 1; bins <= 256; bins += 51) misfit(sharing, memory, 3000, bins);
        memory[3] = 255;
        misfit(sharing, memory, 3000, 255);
        misfit(sharing, memory, 0, 1);
    }
    shared(HISTOGRAM_PRIVATE, memory);
    shared(HISTOGRAM_ATOMIC, memory);
    locked_out(memory);
    free(memory);
}
