/* What the sampler reads inside the interpreter, for each version; everywhere else this is the only file that knows.
 *
 * The fields are read from a thread that has no thread state and never takes the GIL. The GIL's struct lives as
 * long as the interpreter. A thread state lives as long as it is in the interpreter's list, whose lock is held
 * while the list is walked; `last_holder` is compared and never followed.
 *
 * Where it is in CPython: Include/internal/pycore_gil.h (struct _gil_runtime_state), Python/ceval_gil.c. */
#ifndef GILSCOPE_SCOPE_INTERNALS_H
#define GILSCOPE_SCOPE_INTERNALS_H

#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE 1
#include <Python.h>

#if PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x03100000 && !defined(PYPY_VERSION)
#define GS_INTERNALS 1
/* The interpreter's own headers are not compiled with these warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#pragma GCC diagnostic pop
#else
#define GS_INTERNALS 0 /* not known: the sampler still reads the CPU clocks, and says what is missing */
#endif

#undef Py_BUILD_CORE

#include <stdbool.h>
#include <stdint.h>

/* What the GIL says at one moment. */
typedef struct {
    bool locked;
    uintptr_t last_holder; /* a thread state; stale unless locked */
    int64_t switches;      /* hand-offs from one thread to another since the interpreter started */
} gs_gil;

#if GS_INTERNALS

typedef struct _gil_runtime_state gs_gil_struct;

static inline gs_gil_struct *gs_gil_of(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX >= 0x030c0000
    return interpreter->ceval.gil;
#else
    return &_PyRuntime.ceval.gil;
#endif
}

static inline gs_gil gs_gil_read(const gs_gil_struct *gil) {
    /* A word each, written under the GIL's own mutex, read here without it: any of them may be one step ahead. */
    return (gs_gil){
        .locked = __atomic_load_n((const int *)&gil->locked, __ATOMIC_ACQUIRE) == 1,
        .last_holder = __atomic_load_n((const uintptr_t *)&gil->last_holder, __ATOMIC_ACQUIRE),
        .switches = (int64_t)__atomic_load_n(&gil->switch_number, __ATOMIC_RELAXED),
    };
}

/* False on a free-threaded build that runs without its GIL. */
static inline bool gs_gil_enabled(const gs_gil_struct *gil) {
#ifdef Py_GIL_DISABLED
    return __atomic_load_n(&gil->enabled, __ATOMIC_RELAXED) != 0;
#else
    return true;
#endif
}

static inline void gs_threads_lock(void) {
#if PY_VERSION_HEX >= 0x030d0000
    PyMutex_Lock(&_PyRuntime.interpreters.mutex);
#else
    PyThread_acquire_lock(_PyRuntime.interpreters.mutex, WAIT_LOCK);
#endif
}

static inline void gs_threads_unlock(void) {
#if PY_VERSION_HEX >= 0x030d0000
    PyMutex_Unlock(&_PyRuntime.interpreters.mutex);
#else
    PyThread_release_lock(_PyRuntime.interpreters.mutex);
#endif
}

/* Whether the thread state is attached: on a free-threaded build many are at once. */
static inline bool gs_attached(const PyThreadState *thread) {
#if PY_VERSION_HEX >= 0x030d0000
    return __atomic_load_n(&thread->state, __ATOMIC_RELAXED) == 1; /* _Py_THREAD_ATTACHED */
#else
    return false;
#endif
}

#endif
#endif
