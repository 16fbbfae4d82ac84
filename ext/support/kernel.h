/* What a C binding is made of. A kernel fills in a gs_kernel; this file does the rest: the policy, the release of the
 * GIL, the pure-C ceiling, and what the module says of itself.
 *
 * A call goes through four functions of the kernel:
 *     parse    with the GIL: from objects to plain memory; says how much work there is
 *     compute  with or without it: nothing but plain memory
 *     result   with the GIL: the object to return
 *     clear    with the GIL: gives back what parse took; runs on every way out, also after a failed parse
 */
#ifndef GILSCOPE_SUPPORT_KERNEL_H
#define GILSCOPE_SUPPORT_KERNEL_H

#include <Python.h>

#include "bound.h"
#include "ceiling.h"
#include "module.h"
#include "run.h"

enum { GS_JOB_MAX = 4096 }; /* bytes of a job, which a call keeps on its stack */

typedef struct {
    int64_t work;     /* what `auto` compares with the threshold, in the kernel's unit */
    int64_t total;    /* units for gs_next() */
    int64_t step;     /* units in a slice; see gs_slice_of() */
    gs_vector vector; /* comes in: the level to compute with */
} gs_plan;

typedef struct {
    const char *name;
    const char *arguments[GS_ARGUMENTS_MAX + 1]; /* in order, ended by NULL */
    int required;                                /* how many of them have no default */
    const char *unit;                            /* of work: "pixel-iterations" */
    int64_t threshold;                           /* `auto` releases from this much work */
    bool objects;                                /* compute touches Python objects: the GIL cannot be released */
    size_t job_size;                             /* of the memory that the four functions share; it comes in zeroed */
    int (*parse)(const gs_bound *in, void *job, gs_plan *plan);
    gs_status (*compute)(void *job, gs_slices *slices);
    PyObject *(*result)(void *job);
    void (*clear)(void *job);
} gs_kernel;

/* Module state, one per interpreter. */
typedef struct {
    const gs_kernel *kernel;
    gs_vector vector;
} gs_state;

/* The level in use: the CPU's, or a lower one that GILSCOPE_VECTOR names (for tests and comparisons). */
static inline gs_vector gs_vector_level(void) {
    const char *wanted = getenv("GILSCOPE_VECTOR");
    if (wanted != NULL && strcmp(wanted, "baseline") == 0) return GS_BASELINE;
    return gs_vector_detect();
}

static inline const char *gs_vector_name(gs_vector level) { return level == GS_AVX2 ? "avx2" : "baseline"; }

/* For `result` of a kernel that writes its answer into an argument. */
static inline PyObject *gs_none(void *job) {
    (void)job;
    Py_RETURN_NONE;
}

/* For `clear` of a kernel whose job owns nothing. */
static inline void gs_nothing_to_clear(void *job) { (void)job; }

/* Computes the parsed job slice by slice. 0: all is done; -1: an exception is set. */
static inline int gs_kernel_compute(const gs_kernel *kernel, void *job, gs_policy policy, const gs_plan *plan) {
    gs_run run;
    int pending;
    gs_run_start(&run, kernel->name, policy, plan->work, kernel->threshold, plan->total, plan->step);
    while ((pending = gs_pending(&run)) > 0) {
        if (run.release) {
            PyThreadState *thread = PyEval_SaveThread();
            run.status = kernel->compute(job, &run.slices);
            PyEval_RestoreThread(thread);
        } else {
            run.status = kernel->compute(job, &run.slices);
        }
    }
    return pending;
}

/* The module's function: kernel(*arguments, policy="auto"). */
static PyObject *gs_kernel_call(PyObject *module, PyObject *const *arguments, Py_ssize_t positional,
                                PyObject *keywords) {
    const gs_state *state = PyModule_GetState(module);
    const gs_kernel *kernel = state->kernel;
    gs_bound in;
    gs_policy policy = GS_AUTO;
    gs_plan plan = {.step = 1, .vector = state->vector};
    if (gs_bind(&in, kernel->name, kernel->arguments, kernel->required, true, arguments, positional, keywords) < 0)
        return NULL;
    if (in.policy != NULL && gs_policy_from(kernel->name, in.policy, &policy) < 0) return NULL;
    if (kernel->objects && gs_policy_held_only(kernel->name, &policy) < 0) return NULL;
    _Alignas(max_align_t) char job[GS_JOB_MAX];
    memset(job, 0, kernel->job_size);
    PyObject *result = NULL;
    if (kernel->parse(&in, job, &plan) == 0 && gs_kernel_compute(kernel, job, policy, &plan) == 0)
        result = kernel->result(job);
    kernel->clear(job);
    return result;
}

/* Makes a lane's job from a tuple of arguments. After a failure the job is to be cleared all the same where
 * `lane->job` is set. */
static inline int gs_ceiling_parse(const gs_state *state, PyObject *tuple, void *job, gs_lane *lane) {
    const gs_kernel *kernel = state->kernel;
    gs_bound in;
    gs_plan plan = {.step = 1, .vector = state->vector};
    if (!PyTuple_Check(tuple)) {
        PyErr_Format(PyExc_TypeError, "%s: each job must be a tuple of arguments, not %.100s", kernel->name,
                     Py_TYPE(tuple)->tp_name);
        return -1;
    }
    if (gs_bind(&in, kernel->name, kernel->arguments, kernel->required, false, &PyTuple_GET_ITEM(tuple, 0),
                PyTuple_GET_SIZE(tuple), NULL) < 0)
        return -1;
    lane->compute = kernel->compute;
    lane->job = job;
    int status = kernel->parse(&in, job, &plan);
    lane->total = plan.total;
    lane->step = plan.step;
    return status;
}

/* Runs the lanes without the GIL. The seconds, or -1 with an exception set. */
static inline double gs_ceiling_seconds(const char *kernel, gs_lane *lanes, Py_ssize_t count) {
    PyThreadState *thread = PyEval_SaveThread();
    int64_t nanoseconds = gs_lanes_run(lanes, count);
    PyEval_RestoreThread(thread);
    if (nanoseconds < 0) {
        PyErr_Format(PyExc_RuntimeError, "%s: could not start %zd threads", kernel, count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (lanes[i].status == GS_OK) continue;
        gs_raise(kernel, lanes[i].status, 0);
        return -1;
    }
    return (double)nanoseconds / 1e9;
}

PyDoc_STRVAR(gs_ceiling_doc,
             "ceiling($module, jobs, calls, /)\n--\n\n"
             "Run the kernel's C core on plain pthreads that the interpreter does not know of.\n\n"
             "jobs is a sequence of argument tuples, one per thread; each thread makes `calls` calls, all\n"
             "started together. Returns the seconds from the first start to the last end.");

/* The module's other function: ceiling(jobs, calls) -> seconds. Not for a kernel that touches Python objects: the
 * ceiling's threads are none of Python's. */
__attribute__((unused)) static PyObject *gs_kernel_ceiling(PyObject *module, PyObject *const *arguments,
                                                           Py_ssize_t given) {
    const gs_state *state = PyModule_GetState(module);
    const gs_kernel *kernel = state->kernel;
    int64_t calls;
    if (given != 2) {
        PyErr_Format(PyExc_TypeError, "ceiling() takes 2 arguments, jobs and calls (%zd given)", given);
        return NULL;
    }
    if (gs_int(kernel->name, "calls", arguments[1], 1, INT64_MAX, &calls) < 0) return NULL;
    PyObject *tuples = PySequence_Tuple(arguments[0]), *result = NULL;
    if (tuples == NULL) return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(tuples), parsed = 0;
    gs_lane *lanes = PyMem_Calloc((size_t)count + 1, sizeof *lanes);
    char *jobs = PyMem_Calloc((size_t)count + 1, kernel->job_size);
    if (lanes == NULL || jobs == NULL) {
        PyErr_NoMemory();
    } else {
        for (; parsed < count; parsed++) {
            char *job = jobs + (size_t)parsed * kernel->job_size;
            lanes[parsed].calls = calls;
            if (gs_ceiling_parse(state, PyTuple_GET_ITEM(tuples, parsed), job, &lanes[parsed]) < 0) break;
        }
        double seconds = parsed == count ? gs_ceiling_seconds(kernel->name, lanes, count) : -1;
        if (seconds >= 0) result = PyFloat_FromDouble(seconds);
        for (Py_ssize_t i = 0; i < count; i++)
            if (lanes[i].job != NULL) kernel->clear(lanes[i].job); /* a failed parse is cleared too */
    }
    PyMem_Free(jobs);
    PyMem_Free(lanes);
    Py_DECREF(tuples);
    return result;
}

/* For gs_module_exec(): what a kernel's module says of itself. */
static inline int gs_kernel_exec(PyObject *module, const gs_kernel *kernel) {
    gs_state *state = PyModule_GetState(module);
    *state = (gs_state){.kernel = kernel, .vector = gs_vector_level()};
    if (kernel->job_size > GS_JOB_MAX) {
        PyErr_Format(PyExc_SystemError, "%s: a job has %zu bytes; raise GS_JOB_MAX in ext/support/kernel.h",
                     kernel->name, kernel->job_size);
        return -1;
    }
    if (PyModule_AddStringConstant(module, "VECTOR", gs_vector_name(state->vector)) < 0) return -1;
    if (PyModule_AddStringConstant(module, "UNIT", kernel->unit) < 0) return -1;
    PyObject *threshold = kernel->objects ? Py_NewRef(Py_None) : PyLong_FromLongLong(kernel->threshold);
    if (threshold == NULL) return -1;
    int status = PyModule_AddObjectRef(module, "THRESHOLD", threshold);
    Py_DECREF(threshold);
    return status;
}

#endif
