/* gilscope.experiments._gil: the ways in which code without the GIL asks for it, and what that costs.
 *
 *     class _gil:
 *         def storm(rounds: int, inner: int, every: int, callback: Callable[[], object] | None = None) -> int
 *         def foreign(threads: int, rounds: int, inner: int, every: int) -> float
 *         def locked(order: str, rounds: int, inner: int) -> None
 *         ORDERS: tuple[str, ...]
 */
#include "../support/module.h"

#include "../core/spin.h"
#include "../support/ceiling.h"

PyDoc_STRVAR(
    gil_storm_doc,
    "storm(rounds, inner, every, callback=None, /)\n--\n\n"
    "`rounds` times `inner` rounds of spin without the GIL; it is taken after each `every` of them (0: never),\n"
    "for nothing or to call `callback`. Returns how often. What the callback raises, it raises.");

static PyObject *gil_storm(PyObject *module, PyObject *arguments) {
    long long rounds, inner, every, takes = 0;
    PyObject *callback = Py_None;
    if (!PyArg_ParseTuple(arguments, "LLL|O:storm", &rounds, &inner, &every, &callback)) return NULL;
    uint64_t state = 1;
    bool failed = false;
    PyThreadState *thread = PyEval_SaveThread();
    for (long long round = 1; round <= rounds && !failed; round++) {
        state = spin_rounds(state, inner);
        if (every == 0 || round % every != 0) continue;
        PyEval_RestoreThread(thread);
        takes++;
        if (callback != Py_None) {
            PyObject *returned = PyObject_CallNoArgs(callback);
            failed = returned == NULL;
            Py_XDECREF(returned);
        }
        thread = PyEval_SaveThread();
    }
    PyEval_RestoreThread(thread);
    /* Uses the state, so that no compiler can drop the work; it is never 0 by chance. */
    return failed ? NULL : PyLong_FromLongLong(takes + (state == 0));
}

typedef struct {
    int64_t rounds, inner, every;
    uint64_t state;
} gil_foreign_job;

static gs_status gil_foreign_compute(void *memory, gs_slices *slices) {
    gil_foreign_job *job = memory;
    for (int64_t round = 1; round <= job->rounds; round++) {
        job->state = spin_rounds(job->state, job->inner);
        if (job->every != 0 && round % job->every == 0) PyGILState_Release(PyGILState_Ensure());
    }
    return GS_OK;
}

PyDoc_STRVAR(
    gil_foreign_doc,
    "foreign(threads, rounds, inner, every, /)\n--\n\n"
    "The same on plain pthreads, 1 to 64 of them, that Python did not start: PyGILState_Ensure after each\n"
    "`every` rounds (0: never). Returns the seconds from the first start to the last end. RuntimeError outside\n"
    "the main interpreter, the only one that PyGILState_Ensure knows.");

static PyObject *gil_foreign(PyObject *module, PyObject *arguments) {
    long long threads, rounds, inner, every;
    if (!PyArg_ParseTuple(arguments, "LLLL:foreign", &threads, &rounds, &inner, &every)) return NULL;
    if (threads < 1 || threads > 64) {
        PyErr_SetString(PyExc_ValueError, "foreign: threads must be from 1 to 64");
        return NULL;
    }
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_RuntimeError, "foreign: only in the main interpreter");
        return NULL;
    }
    gs_lane lanes[64] = {0};
    gil_foreign_job jobs[64];
    for (int i = 0; i < threads; i++) {
        jobs[i] = (gil_foreign_job){.rounds = rounds, .inner = inner, .every = every, .state = (uint64_t)i};
        lanes[i].compute = gil_foreign_compute;
        lanes[i].job = &jobs[i];
        lanes[i].calls = 1;
    }
    PyThreadState *thread = PyEval_SaveThread();
    int64_t nanoseconds = gs_lanes_run(lanes, (ptrdiff_t)threads);
    PyEval_RestoreThread(thread);
    if (nanoseconds < 0) {
        PyErr_SetString(PyExc_RuntimeError, "foreign: could not start the threads");
        return NULL;
    }
    return PyFloat_FromDouble((double)nanoseconds / 1e9);
}

/* One mutex for all callers: that is the point. */
static pthread_mutex_t gil_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t gil_guarded;

static void gil_work(int64_t inner) { gil_guarded = spin_rounds(gil_guarded, inner); }

/* Locks with the GIL held, then lets the GIL go: whoever comes next waits for the mutex while it holds the
 * GIL, and this thread, when it is done, waits for the GIL while it holds the mutex. */
static void gil_lock_first(int64_t inner) {
    pthread_mutex_lock(&gil_mutex);
    PyThreadState *thread = PyEval_SaveThread();
    gil_work(inner);
    PyEval_RestoreThread(thread);
    pthread_mutex_unlock(&gil_mutex);
}

/* The cure: nothing is waited for with the GIL held, and the GIL is not waited for with the mutex held. */
static void gil_release_first(int64_t inner) {
    PyThreadState *thread = PyEval_SaveThread();
    pthread_mutex_lock(&gil_mutex);
    gil_work(inner);
    pthread_mutex_unlock(&gil_mutex);
    PyEval_RestoreThread(thread);
}

/* The other cure: a lock that releases the GIL where it has to wait, as threading.Lock does. */
static void gil_detaching(int64_t inner) {
    if (pthread_mutex_trylock(&gil_mutex) != 0) {
        PyThreadState *waiting = PyEval_SaveThread();
        pthread_mutex_lock(&gil_mutex);
        PyEval_RestoreThread(waiting);
    }
    PyThreadState *thread = PyEval_SaveThread();
    gil_work(inner);
    PyEval_RestoreThread(thread);
    pthread_mutex_unlock(&gil_mutex);
}

#if PY_VERSION_HEX >= 0x030D0000
static PyMutex gil_python_mutex;

/* The same, with CPython's own lock. */
static void gil_pymutex(int64_t inner) {
    PyMutex_Lock(&gil_python_mutex);
    PyThreadState *thread = PyEval_SaveThread();
    gil_work(inner);
    PyEval_RestoreThread(thread);
    PyMutex_Unlock(&gil_python_mutex);
}
#endif

static const struct {
    const char *name;
    void (*call)(int64_t inner);
} gil_orders[] = {
    {"lock first", gil_lock_first},
    {"release first", gil_release_first},
    {"detaching", gil_detaching},
#if PY_VERSION_HEX >= 0x030D0000
    {"PyMutex", gil_pymutex},
#endif
};
enum { GIL_ORDERS = sizeof gil_orders / sizeof *gil_orders };

PyDoc_STRVAR(
    gil_locked_doc,
    "locked(order, rounds, inner, /)\n--\n\n"
    "`rounds` times `inner` rounds of spin without the GIL, each time under one mutex that all callers share.\n\n"
    "order is one of ORDERS. \"lock first\" deadlocks as soon as two threads meet. ValueError for another.");

static PyObject *gil_locked(PyObject *module, PyObject *arguments) {
    const char *order;
    long long rounds, inner;
    if (!PyArg_ParseTuple(arguments, "sLL:locked", &order, &rounds, &inner)) return NULL;
    for (int i = 0; i < GIL_ORDERS; i++) {
        if (strcmp(order, gil_orders[i].name) == 0) {
            for (long long round = 0; round < rounds; round++) gil_orders[i].call(inner);
            Py_RETURN_NONE;
        }
    }
    PyErr_Format(PyExc_ValueError, "locked: no order %.100s; see ORDERS", order);
    return NULL;
}

static int gs_module_exec(PyObject *module) {
    PyObject *names = PyTuple_New(GIL_ORDERS);
    for (int i = 0; names != NULL && i < GIL_ORDERS; i++) {
        PyObject *name = PyUnicode_FromString(gil_orders[i].name);
        if (name == NULL) Py_CLEAR(names);
        else PyTuple_SET_ITEM(names, i, name);
    }
    int status = PyModule_AddObjectRef(module, "ORDERS", names);
    Py_XDECREF(names);
    return status;
}

static PyMethodDef gil_methods[] = {
    {"storm", gil_storm, METH_VARARGS, gil_storm_doc},
    {"foreign", gil_foreign, METH_VARARGS, gil_foreign_doc},
    {"locked", gil_locked, METH_VARARGS, gil_locked_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef gil_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_gil",
    .m_doc = "The ways in which code without the GIL asks for it.",
    .m_methods = gil_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit__gil(void) { return PyModuleDef_Init(&gil_module); }
