/* Where the GIL is, and how a thread that is forced off it looks: learnt by provoking one wait and one forced drop.
 *
 * A probe thread asks for the GIL while the caller has it: what it waits on is gil->cond. The caller then runs bytecode
 * until it is forced off: by which calls it drops the GIL is what a forced drop looks like. The probe takes the GIL:
 * what it signals is gil->switch_cond. Then it releases by PyEval_SaveThread(): the first return address that differs
 * from the forced drop's tells the two apart. No header and no symbol of the interpreter is needed, so link-time
 * optimisation and other versions do no harm. Where CPython has it: struct _gil_runtime_state, take_gil() and
 * drop_gil(). */
#ifndef GILSCOPE_SCOPE_LEARN_H
#define GILSCOPE_SCOPE_LEARN_H

#include <Python.h>

#include <pthread.h>

#include "../core/base.h"
#include "callers.h"

enum { LEARN_DEEP = 8, LEARN_PATIENCE_NS = 2000000000 };

typedef enum {
    LEARN_IDLE,
    LEARN_WAIT,    /* the probe is to wait */
    LEARN_DROP,    /* the caller is to be forced off */
    LEARN_TAKE,    /* the probe is to take the GIL */
    LEARN_RELEASE, /* the probe is to release it */
    LEARN_DONE,
} learn_step;

typedef enum { LEARN_NOBODY, LEARN_CALLER, LEARN_PROBE } learn_role;

static struct {
    int step;    /* a learn_step; atomic */
    bool agrees; /* whether the words before `cond` have been what they should be so far */
    pthread_cond_t *cond, *switch_cond;
    PyThreadState *caller;
    unsigned long switches;
    uintptr_t forced[LEARN_DEEP], released[LEARN_DEEP]; /* return addresses, from pthread_cond_signal() outwards */
    int depth;                                          /* the first at which the two differ */
    pthread_t probe;
    int64_t until;
} learn;

static _Thread_local learn_role learn_mine;

static inline learn_step learn_at(void) { return (learn_step)__atomic_load_n(&learn.step, __ATOMIC_ACQUIRE); }

static void learn_go_on(learn_step next) { __atomic_store_n(&learn.step, next, __ATOMIC_RELEASE); }

static inline bool learn_is_on(void) {
    learn_step step = learn_at();
    return step != LEARN_IDLE && step != LEARN_DONE;
}

/* What lies before `cond` in the GIL's struct. */
typedef struct {
    PyThreadState *last_holder;
    int locked;
    unsigned long switches;
} learn_words;

static learn_words learn_read(const pthread_cond_t *cond) {
    const char *at = (const char *)cond;
    return (learn_words){
        .last_holder = __atomic_load_n((PyThreadState *const *)(at - 24), __ATOMIC_RELAXED),
        .locked = __atomic_load_n((const int *)(at - 16), __ATOMIC_RELAXED),
        .switches = __atomic_load_n((const unsigned long *)(at - 8), __ATOMIC_RELAXED),
    };
}

static void learn_path(uintptr_t address, uintptr_t slot, uintptr_t *path) {
    callers_cursor at = {.first = address, .address = address, .slot = slot};
    for (int i = 0; i < LEARN_DEEP; i++) {
        path[i] = at.address;
        if (i + 1 == LEARN_DEEP || !callers_up(&at)) break;
    }
}

/* pthread_cond_timedwait() on `cond`. */
static void learn_from_wait(pthread_cond_t *cond) {
    if (learn_mine != LEARN_PROBE || learn_at() != LEARN_WAIT) return;
    learn_words words = learn_read(cond);
    learn.agrees = words.last_holder == learn.caller && words.locked == 1;
    learn.switches = words.switches;
    learn.cond = cond;
    learn_go_on(LEARN_DROP);
}

/* pthread_cond_signal() on `cond`, which will return to `address`; that lies at `slot`. */
static void learn_from_signal(pthread_cond_t *cond, uintptr_t address, uintptr_t slot) {
    learn_step step = learn_at();
    if (learn_mine == LEARN_CALLER && step == LEARN_DROP && cond == learn.cond) {
        learn_path(address, slot, learn.forced);
        learn.agrees = learn.agrees && learn_read(learn.cond).locked == 0;
        learn_go_on(LEARN_TAKE);
    } else if (learn_mine == LEARN_PROBE && step == LEARN_TAKE && cond != learn.cond) {
        learn_words words = learn_read(learn.cond);
        learn.agrees =
            learn.agrees && words.locked == 1 && words.last_holder != learn.caller && words.switches != learn.switches;
        learn.switch_cond = cond;
        learn_go_on(LEARN_RELEASE);
    } else if (learn_mine == LEARN_PROBE && step == LEARN_RELEASE && cond == learn.cond) {
        learn_path(address, slot, learn.released);
        learn_go_on(LEARN_DONE);
    }
}

static void *learn_probe(void *unused) {
    learn_mine = LEARN_PROBE;
    PyGILState_STATE state = PyGILState_Ensure();
    if (learn_at() == LEARN_RELEASE) {
        learn_words words = learn_read(learn.cond);
        learn.agrees = learn.agrees && words.locked == 1 && words.last_holder == PyThreadState_Get();
        PyEval_RestoreThread(PyEval_SaveThread());
    }
    PyGILState_Release(state);
    return NULL;
}

/* With the GIL, and the hooks in place. The caller then runs bytecode while learn_goes_on(). False without a thread. */
static bool learn_begin(void) {
    learn.caller = PyThreadState_Get();
    learn.cond = learn.switch_cond = NULL;
    learn.until = gs_now() + LEARN_PATIENCE_NS;
    learn_mine = LEARN_CALLER;
    learn_go_on(LEARN_WAIT);
    if (pthread_create(&learn.probe, NULL, learn_probe, NULL) == 0) return true;
    learn_mine = LEARN_NOBODY;
    learn_go_on(LEARN_IDLE);
    return false;
}

/* Until the probe waits, the GIL is not released: it must be the caller's when the probe asks for it. */
static bool learn_goes_on(void) {
    while (learn_at() == LEARN_WAIT && gs_now() < learn.until) sched_yield();
    return learn_is_on() && gs_now() < learn.until;
}

/* Back with the GIL. Why nothing could be learnt; NULL if all is well. */
static const char *learn_end(void) {
    bool done = learn_at() == LEARN_DONE;
    learn_mine = LEARN_NOBODY;
    if (!done) learn_go_on(LEARN_IDLE);
    Py_BEGIN_ALLOW_THREADS;
    pthread_join(learn.probe, NULL); /* it has nothing more to do than to release the GIL */
    Py_END_ALLOW_THREADS;
    if (!done) return "no wait for the GIL could be provoked";
    for (learn.depth = 0; learn.depth < LEARN_DEEP; learn.depth++)
        if (learn.forced[learn.depth] != learn.released[learn.depth]) break;
    const char *reason = NULL;
    if (!learn.agrees) reason = "the words before the GIL's condition variable are not those of the GIL";
    else if (learn.depth == LEARN_DEEP || learn.forced[learn.depth] == 0)
        reason = "a forced drop of the GIL looks like any other release";
    if (reason != NULL) learn_go_on(LEARN_IDLE);
    return reason;
}

#endif
