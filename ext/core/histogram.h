/* histogram: how often each key occurs, uint8 -> int64, with four ways to share the counts between threads.
 *
 * Private counts go to several tables in turn, since runs of one key are common: an increment that has to
 * wait for the one before, still on its way to the cache, takes several cycles (store-to-load forwarding). */
#ifndef GILSCOPE_CORE_HISTOGRAM_H
#define GILSCOPE_CORE_HISTOGRAM_H

#include "base.h"

#include <pthread.h>
#include <string.h>

enum {
    HISTOGRAM_THRESHOLD = 30000, /* keys; measured by benchmarks/thresholds.py */
    HISTOGRAM_BINS_MAX = 256,
    HISTOGRAM_TABLES = 8,
    HISTOGRAM_FEW = 2048, /* keys that are not worth clearing the tables for */
};

typedef enum {
    HISTOGRAM_PRIVATE,     /* into scratch of the call, which is added to the counts in the end */
    HISTOGRAM_ATOMIC,      /* one atomic addition per key */
    HISTOGRAM_LOCKED,      /* one lock and plain addition per key */
    HISTOGRAM_SHARED_LINE, /* one plain addition per key: right only where no other thread writes these counts */
} histogram_sharing;

/* The word for each, in their order, ended by NULL. */
static const char *const histogram_sharings[] = {"private", "atomic", "locked", "shared-line", NULL};

typedef struct {
    const uint8_t *keys;
    int64_t *counts; /* bin b is counts[b * stride] */
    ptrdiff_t stride;
    int64_t bins;
    histogram_sharing sharing;
    pthread_mutex_t *lock; /* for HISTOGRAM_LOCKED: the same for all calls that share these counts */
} histogram_task;

/* What a call with private counts has counted. Every key has a place, whatever the number of bins: a key may
 * change at any time. */
typedef struct {
    int64_t totals[HISTOGRAM_BINS_MAX];
} histogram_scratch;

/* Keys in a slice. The shared ways are slow where threads meet. */
static inline int64_t histogram_step(histogram_sharing sharing) {
    static const double nanoseconds[] = {1, 100, 500, 50};
    return gs_slice_of(nanoseconds[sharing]);
}

/* Where the first key of begin .. end lies that has no bin; `begin` where there is none (any more: another
 * thread may rewrite keys). */
static inline int64_t histogram_misfit(const histogram_task *task, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
        if (task->keys[i] >= task->bins) return i;
    return begin;
}

/* Adds the counts of many keys (below 2^32) to the totals. */
static inline void histogram_count(const uint8_t *keys, const uint8_t *end, int64_t *totals) {
    uint32_t tables[HISTOGRAM_TABLES][HISTOGRAM_BINS_MAX] = {{0}};
    for (; end - keys >= HISTOGRAM_TABLES; keys += HISTOGRAM_TABLES)
        for (int i = 0; i < HISTOGRAM_TABLES; i++) tables[i][keys[i]]++;
    for (; keys < end; keys++) tables[0][*keys]++;
    for (int i = 0; i < HISTOGRAM_TABLES; i++)
        for (int key = 0; key < HISTOGRAM_BINS_MAX; key++) totals[key] += tables[i][key];
}

static inline gs_status histogram_private(const histogram_task *task, histogram_scratch *scratch, gs_slices *slices) {
    const uint8_t *keys = task->keys + slices->begin, *end = task->keys + slices->end;
    if (end - keys < HISTOGRAM_FEW)
        for (; keys < end; keys++) scratch->totals[*keys]++;
    else histogram_count(keys, end, scratch->totals);
    for (int64_t key = task->bins; key < HISTOGRAM_BINS_MAX; key++) {
        if (scratch->totals[key] == 0) continue;
        slices->begin = histogram_misfit(task, slices->begin, slices->end);
        return GS_BAD_VALUE;
    }
    return GS_OK;
}

static inline void histogram_merge(const histogram_task *task, const histogram_scratch *scratch) {
    for (int64_t key = 0; key < task->bins; key++)
        if (scratch->totals[key] != 0)
            __atomic_fetch_add(&task->counts[key * task->stride], scratch->totals[key], __ATOMIC_RELAXED);
}

/* Counts the slice straight into the counts. Each key is read once: what was checked is what is used. */
GS_INLINE gs_status histogram_direct(const histogram_task *task, histogram_sharing sharing, gs_slices *slices) {
    for (int64_t i = slices->begin; i < slices->end; i++) {
        uint8_t key = __atomic_load_n(&task->keys[i], __ATOMIC_RELAXED);
        if (key >= task->bins) {
            slices->begin = i;
            return GS_BAD_VALUE;
        }
        int64_t *count = &task->counts[key * task->stride];
        if (sharing == HISTOGRAM_ATOMIC) {
            __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
        } else {
            if (sharing == HISTOGRAM_LOCKED) pthread_mutex_lock(task->lock);
            /* A load and a store, each whole but the pair not: the plain addition, said so that C allows races. */
            __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
            if (sharing == HISTOGRAM_LOCKED) pthread_mutex_unlock(task->lock);
        }
    }
    return GS_OK;
}

/* Goes on counting for as long as slices are handed out. With private counts nothing is written before all
 * keys are counted and found good; with the others, the keys before a bad one stay counted. */
static inline gs_status histogram_run(const histogram_task *task, histogram_scratch *scratch, gs_slices *slices) {
    gs_status status = GS_OK;
    if (slices->end == 0) memset(scratch->totals, 0, sizeof scratch->totals);
    while (status == GS_OK && gs_next(slices)) {
        switch (task->sharing) {
        case HISTOGRAM_PRIVATE:
            status = histogram_private(task, scratch, slices);
            if (status == GS_OK && slices->end == slices->total) histogram_merge(task, scratch);
            break;
        case HISTOGRAM_ATOMIC: status = histogram_direct(task, HISTOGRAM_ATOMIC, slices); break;
        case HISTOGRAM_LOCKED: status = histogram_direct(task, HISTOGRAM_LOCKED, slices); break;
        case HISTOGRAM_SHARED_LINE: status = histogram_direct(task, HISTOGRAM_SHARED_LINE, slices); break;
        }
    }
    return status;
}

#endif
