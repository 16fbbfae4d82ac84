/* The ceiling: the same work on plain pthreads that no interpreter knows of. What they gain by running
 * side by side is what this machine can give at this moment, and no GIL policy can gain more. */
#ifndef GILSCOPE_SUPPORT_CEILING_H
#define GILSCOPE_SUPPORT_CEILING_H

#include <pthread.h>

#include "../core/base.h"

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    bool open;
} gs_gate;

typedef struct {
    gs_status (*compute)(void *job, gs_slices *slices);
    void *job;
    int64_t total, step, calls;
    gs_gate *gate;
    pthread_t thread;
    int64_t started, ended; /* monotonic ns */
    gs_status status;
} gs_lane;

static inline void *gs_lane_main(void *argument) {
    gs_lane *lane = argument;
    pthread_mutex_lock(&lane->gate->mutex);
    while (!lane->gate->open) pthread_cond_wait(&lane->gate->opened, &lane->gate->mutex);
    pthread_mutex_unlock(&lane->gate->mutex);
    lane->started = gs_now();
    for (int64_t call = 0; call < lane->calls && lane->status == GS_OK; call++) {
        gs_slices slices = {.total = lane->total, .step = lane->step};
        lane->status = lane->compute(lane->job, &slices);
    }
    lane->ended = gs_now();
    return NULL;
}

/* Runs the lanes together, one thread each, and joins them. Needs no GIL. Returns the nanoseconds from the
 * first start to the last end, or -1 if a thread could not be created. */
static inline int64_t gs_lanes_run(gs_lane *lanes, ptrdiff_t count) {
    gs_gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    ptrdiff_t created = 0;
    for (; created < count; created++) {
        lanes[created].gate = &gate;
        if (pthread_create(&lanes[created].thread, NULL, gs_lane_main, &lanes[created]) != 0) break;
    }
    if (created < count)
        for (ptrdiff_t i = 0; i < created; i++) lanes[i].calls = 0;
    pthread_mutex_lock(&gate.mutex);
    gate.open = true;
    pthread_cond_broadcast(&gate.opened);
    pthread_mutex_unlock(&gate.mutex);
    int64_t first = INT64_MAX, last = 0;
    for (ptrdiff_t i = 0; i < created; i++) {
        pthread_join(lanes[i].thread, NULL);
        if (lanes[i].started < first) first = lanes[i].started;
        if (lanes[i].ended > last) last = lanes[i].ended;
    }
    return created < count ? -1 : last - first;
}

#endif
