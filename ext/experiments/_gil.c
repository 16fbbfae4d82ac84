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
    storm_doc,
    "storm(rounds, inner, every, callback=None, /)\n--\n\n"
    "`rounds` times `inner` rounds of spin without the GIL; it is taken after each `every` of them (0: never),\n"
    "for nothing or to call `callback`. Returns how often. What the callback raises, it raises.");

static PyObject *storm(PyObject *module, PyObject *arguments) {
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
    /* The state is looked at, so that no compiler can drop the work; it is never 0 by chance. */
    return failed ? NULL : PyLong_FromLongLong(takes + (state == 0));
}

typedef struct {
    int64_t rounds, inner, every;
    uint64_t state;
} foreign_job;

static gs_status foreign_compute(void *memory, gs_slices *slices) {
    foreign_job *job = memory;
    for (int64_t round = 1; round <= job->rounds; round++) {
        job->state = spin_rounds(job->state, job->inner);
        if (job->every != 0 && round % job->every == 0) PyGILState_Release(PyGILState_Ensure());
    }
    return GS_OK;
}

PyDoc_STRVAR(
    foreign_doc,
    "foreign(threads, rounds, inner, every, /)\n--\n\n"
    "The same on plain pthreads, 1 to 64 of them, that Python has not made: PyGILState_Ensure after each\n"
    "`every` rounds (0: never). Returns the seconds from the first start to the last end. RuntimeError outside\n"
    "the main interpreter, the only one that PyGILState_Ensure knows.");

static PyObject *foreign(PyObject *module, PyObject *arguments) {
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
    foreign_job jobs[64];
    for (int i = 0; i < threads; i++) {
        jobs[i] = (foreign_job){.rounds = rounds, .inner = inner, .every = every, .state = (uint64_t)i};
        lanes[i].compute = foreign_compute;
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
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t guarded;

static void work(int64_t inner) { guarded = spin_rounds(guarded, inner); }

/* Locks with the GIL held, then lets the GIL go: whoever comes next waits for the mutex with the GIL in its hand,
 * and this thread, when it is done, waits for the GIL with the mutex in its hand. */
static void lock_first(int64_t inner) {
    pthread_mutex_lock(&mutex);
    PyThreadState *thread = PyEval_SaveThread();
    work(inner);
    PyEval_RestoreThread(thread);
    pthread_mutex_unlock(&mutex);
}

/* The cure: nothing is waited for with the GIL held, and the GIL is not waited for with the mutex held. */
static void release_first(int64_t inner) {
    PyThreadState *thread = PyEval_SaveThread();
    pthread_mutex_lock(&mutex);
    work(inner);
    pthread_mutex_unlock(&mutex);
    PyEval_RestoreThread(thread);
}

/* The other cure: a lock that lets go of the GIL where it has to wait, as threading.Lock does. */
static void detaching(int64_t inner) {
    if (pthread_mutex_trylock(&mutex) != 0) {
        PyThreadState *waiting = PyEval_SaveThread();
        pthread_mutex_lock(&mutex);
        PyEval_RestoreThread(waiting);
    }
    PyThreadState *thread = PyEval_SaveThread();
    work(inner);
    PyEval_RestoreThread(thread);
    pthread_mutex_unlock(&mutex);
}

#if PY_VERSION_HEX >= 0x030D0000
static PyMutex python_mutex;

/* The same, as CPython brings it. */
static void pymutex(int64_t inner) {
    PyMutex_Lock(&python_mutex);
    PyThreadState *thread = PyEval_SaveThread();
    work(inner);
    PyEval_RestoreThread(thread);
    PyMutex_Unlock(&python_mutex);
}
#endif

static const struct {
    const char *name;
    void (*call)(int64_t inner);
} orders[] = {
    {"lock first", lock_first},
    {"release first", release_first},
    {"detaching", detaching},
#if PY_VERSION_HEX >= 0x030D0000
    {"PyMutex", pymutex},
#endif
};
enum { ORDERS = sizeof orders / sizeof *orders };

PyDoc_STRVAR(
    locked_doc,
    "locked(order, rounds, inner, /)\n--\n\n"
    "`rounds` times `inner` rounds of spin without the GIL, each time under one mutex that all callers share.\n\n"
    "order is one of ORDERS. \"lock first\" deadlocks as soon as two threads meet. ValueError for another.");

static PyObject *locked(PyObject *module, PyObject *arguments) {
    const char *order;
    long long rounds, inner;
    if (!PyArg_ParseTuple(arguments, "sLL:locked", &order, &rounds, &inner)) return NULL;
    for (int i = 0; i < ORDERS; i++) {
        if (strcmp(order, orders[i].name) == 0) {
            for (long long round = 0; round < rounds; round++) orders[i].call(inner);
            Py_RETURN_NONE;
        }
    }
    PyErr_Format(PyExc_ValueError, "locked: no order %.100s; see ORDERS", order);
    return NULL;
}

static int add_orders(PyObject *module) {
    PyObject *names = PyTuple_New(ORDERS);
    for (int i = 0; names != NULL && i < ORDERS; i++) {
        PyObject *name = PyUnicode_FromString(orders[i].name);
        if (name == NULL) Py_CLEAR(names);
        else PyTuple_SET_ITEM(names, i, name);
    }
    int status = PyModule_AddObjectRef(module, "ORDERS", names);
    Py_XDECREF(names);
    return status;
}

static PyMethodDef methods[] = {
    {"storm", storm, METH_VARARGS, storm_doc},
    {"foreign", foreign, METH_VARARGS, foreign_doc},
    {"locked", locked, METH_VARARGS, locked_doc},
    {NULL, NULL, 0, NULL},
};

GS_PLAIN_MODULE(_gil, "The ways in which code without the GIL asks for it.", methods, add_orders)
