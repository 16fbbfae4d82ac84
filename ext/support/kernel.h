/* What a C binding is made of. A kernel fills in a gs_kernel; this file does the rest: binding the
 * arguments, the policy, the one release of the GIL, the pure-C ceiling, and the module itself.
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

#include "arguments.h"
#include "ceiling.h"
#include "module.h"
#include "run.h"

enum { GS_ARGUMENTS_MAX = 12 };

typedef struct {
    int64_t work;     /* what `auto` compares with the threshold, in the kernel's unit */
    int64_t total;    /* units for gs_next() */
    int64_t step;     /* units in a slice; see gs_slice_of() */
    gs_vector vector; /* comes in: the level to compute with */
} gs_plan;

typedef struct {
    const char *name;
    const char *arguments[GS_ARGUMENTS_MAX + 1]; /* in order, ended by NULL */
    int required;      /* how many of them have no default; parse gets NULL for one not given */
    const char *unit;  /* of work: "pixel-iterations" */
    int64_t threshold; /* `auto` releases from this much work */
    bool objects;      /* compute touches Python objects: the GIL can not be released */
    int (*parse)(PyObject *const *arguments, void *job, gs_plan *plan);
    gs_status (*compute)(void *job, gs_slices *slices);
    PyObject *(*result)(void *job);
    void (*clear)(void *job);
} gs_kernel;

/* The level in use: the CPU's, or a lower one that GILSCOPE_VECTOR names (for tests and comparisons). */
static inline gs_vector gs_vector_level(void) {
    const char *wanted = getenv("GILSCOPE_VECTOR");
    if (wanted != NULL && strcmp(wanted, "baseline") == 0) return GS_BASELINE;
    return gs_vector_detect();
}

static inline const char *gs_vector_name(gs_vector level) { return level == GS_AVX2 ? "avx2" : "baseline"; }

/* Sorts the arguments of a vectorcall into `bound`, in the order of kernel->arguments, with `policy`
 * apart. References are borrowed. */
static inline int gs_bind(const gs_kernel *kernel, PyObject *const *arguments, Py_ssize_t positional,
                          PyObject *keywords, PyObject **bound, PyObject **policy) {
    Py_ssize_t known = 0;
    while (kernel->arguments[known] != NULL) known++;
    if (positional > known) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %zd positional arguments (%zd given)", kernel->name, known,
                     positional);
        return -1;
    }
    for (Py_ssize_t i = 0; i < known; i++) bound[i] = i < positional ? arguments[i] : NULL;
    Py_ssize_t named = keywords == NULL ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GET_ITEM(keywords, i), *value = arguments[positional + i];
        Py_ssize_t place = 0;
        if (policy != NULL && PyUnicode_CompareWithASCIIString(name, "policy") == 0) {
            *policy = value;
            continue;
        }
        while (place < known && PyUnicode_CompareWithASCIIString(name, kernel->arguments[place]) != 0) place++;
        if (place == known) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", kernel->name, name);
            return -1;
        }
        if (bound[place] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", kernel->name, name);
            return -1;
        }
        bound[place] = value;
    }
    for (int i = 0; i < kernel->required; i++) {
        if (bound[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() misses the argument '%s'", kernel->name, kernel->arguments[i]);
            return -1;
        }
    }
    return 0;
}

/* kernel(*arguments, policy="auto"). `job` is zeroed memory of the kernel's own job type. */
static inline PyObject *gs_kernel_call(const gs_kernel *kernel, void *job, gs_vector vector, PyObject *const *arguments,
                                       Py_ssize_t positional, PyObject *keywords) {
    PyObject *bound[GS_ARGUMENTS_MAX], *policy_object = NULL, *result = NULL;
    gs_policy policy = GS_AUTO;
    gs_plan plan = {.step = 1, .vector = vector};
    if (gs_bind(kernel, arguments, positional, keywords, bound, &policy_object) < 0) return NULL;
    if (policy_object != NULL && gs_policy_from(kernel->name, policy_object, &policy) < 0) return NULL;
    if (kernel->objects && gs_policy_held_only(kernel->name, &policy) < 0) return NULL;
    if (kernel->parse(bound, job, &plan) == 0) {
        gs_run run;
        int pending;
        gs_run_start(&run, kernel->name, policy, plan.work, kernel->threshold, plan.total, plan.step);
        while ((pending = gs_pending(&run)) > 0) {
            if (run.release) {
                PyThreadState *thread = PyEval_SaveThread();
                run.status = kernel->compute(job, &run.slices);
                PyEval_RestoreThread(thread);
            } else {
                run.status = kernel->compute(job, &run.slices);
            }
        }
        if (pending == 0) result = kernel->result(job);
    }
    kernel->clear(job);
    return result;
}

/* ceiling(jobs, calls) -> seconds. `jobs` is a sequence of argument tuples, one a thread. */
static inline PyObject *gs_kernel_ceiling(const gs_kernel *kernel, size_t job_size, gs_vector vector,
                                          PyObject *const *arguments, Py_ssize_t count) {
    if (count != 2) {
        PyErr_Format(PyExc_TypeError, "ceiling() takes 2 arguments, jobs and calls (%zd given)", count);
        return NULL;
    }
    int64_t calls;
    if (gs_int(kernel->name, "calls", arguments[1], 1, INT64_MAX, &calls) < 0) return NULL;
    PyObject *tuples = PySequence_Tuple(arguments[0]);
    if (tuples == NULL) return NULL;
    Py_ssize_t lanes_count = PyTuple_GET_SIZE(tuples), parsed = 0;
    gs_lane *lanes = PyMem_Calloc((size_t)lanes_count + 1, sizeof *lanes);
    char *jobs = PyMem_Calloc((size_t)lanes_count + 1, job_size);
    PyObject *result = NULL;
    if (lanes == NULL || jobs == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (; parsed < lanes_count; parsed++) {
        PyObject *bound[GS_ARGUMENTS_MAX], *tuple = PyTuple_GET_ITEM(tuples, parsed);
        gs_lane *lane = &lanes[parsed];
        gs_plan plan = {.step = 1, .vector = vector};
        lane->compute = kernel->compute;
        lane->job = jobs + (size_t)parsed * job_size;
        lane->calls = calls;
        if (!PyTuple_Check(tuple)) {
            PyErr_Format(PyExc_TypeError, "%s: each job must be a tuple of arguments, not %.100s", kernel->name,
                         Py_TYPE(tuple)->tp_name);
            goto done;
        }
        if (gs_bind(kernel, &PyTuple_GET_ITEM(tuple, 0), PyTuple_GET_SIZE(tuple), NULL, bound, NULL) < 0) goto done;
        int status = kernel->parse(bound, lane->job, &plan);
        lane->total = plan.total;
        lane->step = plan.step;
        if (status < 0) {
            parsed++; /* a failed parse is cleared too */
            goto done;
        }
    }
    PyThreadState *thread = PyEval_SaveThread();
    int64_t nanoseconds = gs_lanes_run(lanes, lanes_count);
    PyEval_RestoreThread(thread);
    if (nanoseconds < 0) {
        PyErr_Format(PyExc_RuntimeError, "%s: could not start %zd threads", kernel->name, lanes_count);
        goto done;
    }
    for (Py_ssize_t i = 0; i < lanes_count; i++) {
        if (lanes[i].status != GS_OK) {
            gs_raise(kernel->name, lanes[i].status, 0);
            goto done;
        }
    }
    result = PyFloat_FromDouble((double)nanoseconds / 1e9);
done:
    for (Py_ssize_t i = 0; i < parsed; i++) kernel->clear(lanes[i].job);
    PyMem_Free(jobs);
    PyMem_Free(lanes);
    Py_DECREF(tuples);
    return result;
}

PyDoc_STRVAR(gs_ceiling_doc,
             "ceiling($module, jobs, calls, /)\n--\n\n"
             "Run the kernel's C core on plain pthreads that the interpreter does not know of.\n\n"
             "jobs is a sequence of argument tuples, one a thread; each thread makes `calls` calls, all\n"
             "started together. Returns the seconds from the first start to the last end.");

/* Module state, one an interpreter. */
typedef struct {
    gs_vector vector;
} gs_state;

static inline gs_vector gs_state_vector(PyObject *module) { return ((gs_state *)PyModule_GetState(module))->vector; }

static inline int gs_module_exec(PyObject *module, const gs_kernel *kernel) {
    gs_state *state = PyModule_GetState(module);
    state->vector = gs_vector_level();
    /* The ceiling's threads are none of Python's: they must not touch its objects. */
    if (kernel->objects && PyObject_DelAttrString(module, "ceiling") < 0) return -1;
    if (PyModule_AddStringConstant(module, "VECTOR", gs_vector_name(state->vector)) < 0) return -1;
    if (PyModule_AddStringConstant(module, "UNIT", kernel->unit) < 0) return -1;
    PyObject *threshold = kernel->objects ? Py_NewRef(Py_None) : PyLong_FromLongLong(kernel->threshold);
    if (threshold == NULL) return -1;
    int status = PyModule_AddObjectRef(module, "THRESHOLD", threshold);
    Py_DECREF(threshold);
    return status;
}

/* The module NAME with one kernel in it. A macro, because PyInit_NAME has to be pasted together. */
#define GS_MODULE(NAME, KERNEL, JOB, DOC)                                                                              \
    static PyObject *NAME##_call(PyObject *module, PyObject *const *arguments, Py_ssize_t count, PyObject *keywords) { \
        JOB job = {0};                                                                                                 \
        return gs_kernel_call(&(KERNEL), &job, gs_state_vector(module), arguments, count, keywords);                   \
    }                                                                                                                  \
    static PyObject *NAME##_ceiling(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {                  \
        return gs_kernel_ceiling(&(KERNEL), sizeof(JOB), gs_state_vector(module), arguments, count);                   \
    }                                                                                                                  \
    static PyMethodDef NAME##_methods[] = {                                                                            \
        {#NAME, (PyCFunction)(void (*)(void))NAME##_call, METH_FASTCALL | METH_KEYWORDS, DOC},                         \
        {"ceiling", (PyCFunction)(void (*)(void))NAME##_ceiling, METH_FASTCALL, gs_ceiling_doc},                       \
        {NULL, NULL, 0, NULL},                                                                                         \
    };                                                                                                                 \
    static int NAME##_exec(PyObject *module) { return gs_module_exec(module, &(KERNEL)); }                             \
    static PyModuleDef_Slot NAME##_slots[] = {                                                                         \
        {Py_mod_exec, (void *)NAME##_exec},                                                                            \
        GS_SLOT_INTERPRETERS GS_SLOT_GIL{0, NULL},                                                                     \
    };                                                                                                                 \
    static struct PyModuleDef NAME##_module = {                                                                        \
        .m_base = PyModuleDef_HEAD_INIT,                                                                               \
        .m_name = #NAME,                                                                                               \
        .m_doc = "The kernel " #NAME " in C: see gilscope.kernels." #NAME ".",                                         \
        .m_size = sizeof(gs_state),                                                                                    \
        .m_methods = NAME##_methods,                                                                                   \
        .m_slots = NAME##_slots,                                                                                       \
    };                                                                                                                 \
    PyMODINIT_FUNC PyInit_##NAME(void) { return PyModuleDef_Init(&NAME##_module); }

#endif
