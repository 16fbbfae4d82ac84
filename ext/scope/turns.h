/* The log of the wait ledger: who asks for the GIL, who lets it go and who takes it, while somebody waits for it.
 *
 * All that writes runs under the GIL's own mutex, so one log does for all threads, and its order is that in which
 * things happened. While nobody wants the GIL, `turns.wanting` is 0 and nothing is written. */
#ifndef GILSCOPE_SCOPE_TURNS_H
#define GILSCOPE_SCOPE_TURNS_H

#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/base.h"
#include "layout.h"

enum { TURNS_CHUNK = 4096 };

typedef struct turns_chunk {
    struct turns_chunk *next;
    int64_t count;
    layout_turn turns[TURNS_CHUNK];
} turns_chunk;

static struct {
    int open;            /* whether turns are written; atomic */
    int inside;          /* somebody writes just now; atomic */
    int wanting;         /* threads that want the GIL and do not have it; atomic */
    uint32_t generation; /* of the recording */
    int64_t budget;      /* turns that there is still room for */
    int64_t count, dropped;
    turns_chunk *first, *last;
} turns;

/* What a thread knows of itself; of an earlier recording where the generation is not this one's. */
static _Thread_local struct {
    uint32_t generation;
    int tid;
    bool wants;
} turns_mine;

static void turns_free(turns_chunk *first) {
    while (first != NULL) {
        turns_chunk *next = first->next;
        free(first);
        first = next;
    }
}

/* `inside` and `open` are the two sides of a handshake: either this sees that the log was closed, or turns_close() sees
 * that somebody writes, and waits for these few instructions. */
static inline bool turns_enter(void) {
    __atomic_store_n(&turns.inside, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&turns.open, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&turns.inside, 0, __ATOMIC_RELEASE);
        return false;
    }
    if (turns_mine.generation != turns.generation) {
        turns_mine.generation = turns.generation;
        turns_mine.wants = false;
    }
    if (turns_mine.tid == 0) turns_mine.tid = (int)syscall(SYS_gettid);
    return true;
}

static inline void turns_leave(void) { __atomic_store_n(&turns.inside, 0, __ATOMIC_RELEASE); }

static inline bool turns_wanted(void) { return __atomic_load_n(&turns.wanting, __ATOMIC_RELAXED) > 0; }

static inline void turns_set_wants(bool wants) {
    if (wants == turns_mine.wants) return;
    turns_mine.wants = wants;
    __atomic_store_n(&turns.wanting, turns.wanting + (wants ? 1 : -1), __ATOMIC_RELAXED);
}

/* A chunk with room, or NULL. It is whole before it is in the list: a fork may come in between. */
static turns_chunk *turns_room(void) {
    turns_chunk *last = turns.last;
    if (last != NULL && last->count < TURNS_CHUNK) return last;
    if (turns.budget <= 0) return NULL;
    turns_chunk *chunk = malloc(sizeof *chunk);
    if (chunk == NULL) return NULL;
    chunk->next = NULL;
    chunk->count = 0;
    if (last == NULL) turns.first = chunk;
    else last->next = chunk;
    turns.budget -= TURNS_CHUNK;
    return turns.last = chunk;
}

/* Whoever had the GIL for long either computed, or had no core: only its own clock knows. */
static inline int64_t turns_cpu_ns(void) {
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

static inline void turns_write(layout_turn_kind kind, int64_t time, uintptr_t site) {
    turns_chunk *chunk = turns_room();
    if (chunk == NULL) {
        turns.dropped++;
        return;
    }
    int64_t cpu = kind == LAYOUT_WANT || kind == LAYOUT_ASKED ? 0 : turns_cpu_ns();
    chunk->turns[chunk->count++] = (layout_turn){time, cpu, site, turns_mine.tid, kind};
    turns.count++;
}

/* The thread begins to wait. What it waits for since it was forced off began with that. */
static void turns_want(void) {
    if (!turns_enter()) return;
    if (!turns_mine.wants) turns_write(LAYOUT_WANT, gs_now(), 0);
    turns_set_wants(true);
    turns_leave();
}

/* The thread has waited for a switch interval. */
static void turns_ask(void) {
    if (!turns_enter()) return;
    if (turns_mine.wants) turns_write(LAYOUT_ASKED, gs_now(), 0);
    turns_leave();
}

/* The thread has released the GIL, at `time`. One that was forced to wants the GIL back from that moment. */
static void turns_drop(bool forced, int64_t time, uintptr_t site) {
    if (!turns_enter()) return;
    turns_write(forced ? LAYOUT_FORCED : LAYOUT_DROP, time, site);
    if (forced) turns_set_wants(true);
    turns_leave();
}

/* The thread has the GIL. */
static void turns_take(void) {
    if (!turns_enter()) return;
    turns_write(LAYOUT_TOOK, gs_now(), 0);
    turns_set_wants(false);
    turns_leave();
}

/* Only while the log is closed. */
static void turns_open(int64_t limit) {
    turns.budget = limit;
    turns.count = turns.dropped = 0;
    turns.generation++;
    __atomic_store_n(&turns.wanting, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&turns.open, 1, __ATOMIC_SEQ_CST);
}

/* Nobody writes any more when this returns. Whoever writes needs no GIL to come to an end. */
static void turns_close(void) {
    __atomic_store_n(&turns.open, 0, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&turns.inside, __ATOMIC_SEQ_CST)) sched_yield();
    __atomic_store_n(&turns.wanting, 0, __ATOMIC_SEQ_CST);
}

/* Hands the chunks over to the caller. */
static turns_chunk *turns_take_out(void) {
    turns_chunk *first = turns.first;
    turns.first = turns.last = NULL;
    return first;
}

/* The child of a fork has one thread, which has the GIL, and another tid. */
static void turns_reset_in_child(void) {
    turns.open = turns.inside = turns.wanting = 0;
    turns_free(turns_take_out());
    turns_mine.tid = 0;
    turns_mine.wants = false;
}

#endif
