/* One call of a kernel, from policy to exception: whether to release, when to pause for Ctrl-C, and
 * what to raise. Both bindings run their kernels through it:
 *
 *     while ((pending = gs_pending(&run)) > 0)
 *         run.status = ... compute(&run.slices) ...;    with or without the GIL, as run.release says
 */
#ifndef GILSCOPE_SUPPORT_RUN_H
#define GILSCOPE_SUPPORT_RUN_H

#include <Python.h>

#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#else
#include <pthread.h>
#endif

#include "../core/base.h"

typedef enum { GS_HELD, GS_RELEASED, GS_AUTO } gs_policy;

typedef struct {
    const char *kernel;
    gs_slices slices;
    gs_status status;
    bool release; /* compute with the GIL released (the thread state detached) */
    bool watch;   /* look for Ctrl-C: in the main thread, which alone runs signal handlers */
    bool started;
} gs_run;

/* A released call on the main thread comes back this often to look for Ctrl-C, so that it stops within
 * 0.3 s. More often would cost: beside a busy Python thread, each return waits a switch interval. */
enum { GS_PAUSE_NS = 150000000 };

static inline int gs_policy_from(const char *kernel, PyObject *object, gs_policy *policy) {
    static const char *const names[] = {"held", "released", "auto"};
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s: policy must be a str, not %.100s", kernel, Py_TYPE(object)->tp_name);
        return -1;
    }
    for (int i = 0; i < 3; i++) {
        if (PyUnicode_CompareWithASCIIString(object, names[i]) == 0) {
            *policy = (gs_policy)i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "%s: policy must be 'held', 'released' or 'auto', not %.100R", kernel, object);
    return -1;
}

/* For a kernel that touches Python objects all the way: it cannot release, so `auto` means held. */
static inline int gs_policy_held_only(const char *kernel, gs_policy *policy) {
    if (*policy == GS_RELEASED) {
        PyErr_Format(PyExc_ValueError, "%s: touches Python objects and cannot release the GIL; use policy='held'",
                     kernel);
        return -1;
    }
    *policy = GS_HELD;
    return 0;
}

static inline bool gs_on_main_thread(void) {
    static _Thread_local int known; /* 0: not asked yet, 1: main, 2: other */
    if (known == 0) {
#ifdef __linux__
        known = syscall(SYS_gettid) == getpid() ? 1 : 2;
#else
        known = pthread_main_np() ? 1 : 2;
#endif
    }
    return known == 1;
}

/* `work` is compared with the kernel's threshold, in the kernel's unit; `total` and `step` are slices. */
static inline void gs_run_start(gs_run *run, const char *kernel, gs_policy policy, int64_t work, int64_t threshold,
                                int64_t total, int64_t step) {
    *run = (gs_run){
        .kernel = kernel,
        .slices = {.total = total, .step = step},
        .release = policy == GS_RELEASED || (policy == GS_AUTO && work >= threshold),
        .watch = total > step && gs_on_main_thread(),
    };
}

/* The one place where a status becomes an exception. */
static inline void gs_raise(const char *kernel, gs_status status, int64_t where) {
    switch (status) {
    case GS_OK:
    case GS_RAISED: break;
    case GS_NO_MEMORY: PyErr_NoMemory(); break;
    case GS_BAD_VALUE:
        PyErr_Format(PyExc_ValueError, "%s: the value at index %lld is out of range", kernel, (long long)where);
        break;
    }
}

/* Needs the GIL. 1: compute (on); 0: all is done; -1: an exception is set. */
static inline int gs_pending(gs_run *run) {
    if (run->status != GS_OK) {
        gs_raise(run->kernel, run->status, run->slices.begin);
        return -1;
    }
    if (run->slices.end >= run->slices.total) return 0;
    if (run->watch) {
        if (run->started && PyErr_CheckSignals() < 0) return -1;
        run->slices.pause_at = gs_now() + GS_PAUSE_NS;
    }
    run->started = true;
    return 1;
}

#endif
