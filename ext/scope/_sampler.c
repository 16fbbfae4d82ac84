/* gilscope.scope._sampler: who holds the GIL, read from outside of it, some thousand times a second.
 *
 * A thread that has no thread state and never takes the GIL wakes up at random intervals and notes one state for each
 * thread of the process (one lane each, one byte per tick): see layout.h. It reads the GIL's own fields (internals.h)
 * and each lane's CPU clock (lanes.h). What a thread waits for that does not run, the kernel tells
 * (/proc/self/task/TID/syscall). On another system than Linux the module imports, and start() says that it cannot.
 *
 *     class _sampler:
 *         INTERNALS: bool           whether this interpreter's GIL can be read
 *         RECORDS, NUMBERS: dict    what a tick looks like, and the states: see layout.h
 *         def start(rate: float, limit: int, budget: float = 0.0) -> None
 *         def stop() -> dict
 *         def active() -> bool
 *
 * One sampler in a process. Start and stop are called with the GIL; `lanes` and `looks` are the sampler thread's own,
 * and are read by others only after that thread has been joined. */
#define _GNU_SOURCE
#include "internals.h"

#include "../support/module.h"
#include "layout.h"

#ifdef __linux__

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include "looks.h"

enum { SAMPLER_FORK_WAIT_NS = 20000000 };

static struct {
    pthread_mutex_t mutex; /* guards `running` and the two signals below */
    pthread_mutex_t busy;  /* held by the sampler's thread while it looks */
    pthread_cond_t changed;
    bool running, stop, ready;
    pthread_t thread;
    bool paused; /* of a fork: whether it holds `busy` */
} sampler = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .busy = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool sampler_told_to_stop(void) {
    pthread_mutex_lock(&sampler.mutex);
    bool stop = sampler.stop;
    pthread_mutex_unlock(&sampler.mutex);
    return stop;
}

static int64_t sampler_cpu_ns(void) {
    struct timespec spent = {0, 0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

static void *sampler_main(void *unused) {
    prctl(PR_SET_NAME, "gilscope-sample");
    prctl(PR_SET_TIMERSLACK, 1);
    lanes.sampler = (int)syscall(SYS_gettid);
    lanes_refresh(gs_now(), looks.count);
    pthread_mutex_lock(&sampler.mutex);
    sampler.ready = true;
    pthread_cond_signal(&sampler.changed);
    pthread_mutex_unlock(&sampler.mutex);
    int64_t due = gs_now() + looks_vary(looks.period), before = sampler_cpu_ns();
    for (int64_t count = 1; !sampler_told_to_stop(); count++) {
        struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
        }
        int64_t now = gs_now();
        pthread_mutex_lock(&sampler.busy);
        looks_one(now, due);
        pthread_mutex_unlock(&sampler.busy);
        int64_t from = now > due + looks.period ? now : due;
        due = from + looks_vary(looks_period(count, sampler_cpu_ns() - before));
    }
    return NULL;
}

/* A fork waits until the sampler's thread is between two looks, so that the child's memory is whole. But not for ever:
 * that thread may wait for the interpreter's list of threads, which a fork holds. */
static void sampler_before_fork(void) {
    sampler.paused = false;
    for (int64_t end = gs_now() + SAMPLER_FORK_WAIT_NS; !sampler.paused && gs_now() < end;) {
        sampler.paused = pthread_mutex_trylock(&sampler.busy) == 0;
        if (!sampler.paused) sched_yield();
    }
}

static void sampler_in_parent(void) {
    if (sampler.paused) pthread_mutex_unlock(&sampler.busy);
}

/* The child has no sampler thread: it starts clean. */
static void sampler_in_child(void) {
    pthread_mutex_init(&sampler.mutex, NULL);
    pthread_mutex_init(&sampler.busy, NULL);
    pthread_cond_init(&sampler.changed, NULL);
    if (!sampler.running) return;
    if (sampler.paused) {
        lanes_forget();
        looks_forget();
    } else {
        lanes_abandon();
        looks_abandon();
    }
    sampler.running = false;
}

static void sampler_watch_forks(void) { pthread_atfork(sampler_before_fork, sampler_in_parent, sampler_in_child); }

static bool sampler_is_running(void) {
    pthread_mutex_lock(&sampler.mutex);
    bool running = sampler.running;
    pthread_mutex_unlock(&sampler.mutex);
    return running;
}

static void sampler_set_running(bool running) {
    pthread_mutex_lock(&sampler.mutex);
    sampler.running = running;
    pthread_mutex_unlock(&sampler.mutex);
}

static PyObject *sampler_launch(double rate, int64_t limit, double budget) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, sampler_watch_forks);
    pthread_mutex_lock(&sampler.mutex);
    bool taken = sampler.running;
    if (!taken) {
        sampler.running = true;
        sampler.stop = sampler.ready = false;
    }
    pthread_mutex_unlock(&sampler.mutex);
    if (taken) {
        PyErr_SetString(PyExc_RuntimeError, "a recording is already running in this process");
        return NULL;
    }
    looks_start(rate, limit, budget);
    lanes.interpreter = PyInterpreterState_Get();
    if (pthread_create(&sampler.thread, NULL, sampler_main, NULL) != 0) {
        sampler_set_running(false);
        PyErr_SetString(PyExc_RuntimeError, "the sampler's thread could not be started");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    pthread_mutex_lock(&sampler.mutex);
    while (!sampler.ready) pthread_cond_wait(&sampler.changed, &sampler.mutex);
    pthread_mutex_unlock(&sampler.mutex);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

static PyObject *sampler_lane(const lanes_lane *lane) {
    return Py_BuildValue("(iLLy#O)", lane->tid, (long long)lane->first, (long long)(lane->cpu_before - lane->cpu_first),
                         lane->states == NULL ? "" : (const char *)lane->states, (Py_ssize_t)lane->count,
                         lane->ended ? Py_True : Py_False);
}

static PyObject *sampler_result(void) {
    PyObject *list = PyList_New(0), *result = NULL;
    bool whole = list != NULL;
    for (int i = 0; whole && i < lanes.count; i++) {
        PyObject *lane = sampler_lane(&lanes.all[i]);
        whole = lane != NULL && PyList_Append(list, lane) == 0;
        Py_XDECREF(lane);
    }
    if (whole)
        result = Py_BuildValue("{s:y#,s:L,s:O}", "ticks", looks.ticks == NULL ? "" : (const char *)looks.ticks,
                               (Py_ssize_t)(looks.count * (int64_t)sizeof(layout_tick)), "dropped",
                               (long long)looks.dropped, "lanes", list);
    Py_XDECREF(list);
    return result;
}

static PyObject *sampler_join(void) {
    pthread_mutex_lock(&sampler.mutex);
    bool mine = sampler.running && sampler.ready && !sampler.stop;
    if (mine) sampler.stop = true;
    pthread_mutex_unlock(&sampler.mutex);
    if (!mine) {
        PyErr_SetString(PyExc_RuntimeError, "no recording is running in this process");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    pthread_join(sampler.thread, NULL);
    Py_END_ALLOW_THREADS;
    PyObject *result = sampler_result();
    lanes_forget();
    looks_forget();
    sampler_set_running(false);
    return result;
}

#else /* the same, where there is no /proc/self/task */

static PyObject *sampler_launch(double rate, int64_t limit, double budget) {
    PyErr_SetString(PyExc_NotImplementedError, "the sampler needs Linux");
    return NULL;
}

static PyObject *sampler_join(void) {
    PyErr_SetString(PyExc_RuntimeError, "no recording is running in this process");
    return NULL;
}

static bool sampler_is_running(void) { return false; }

#endif

PyDoc_STRVAR(sampler_start_doc,
             "start(rate, limit, budget=0.0, /)\n--\n\n"
             "Start to sample, `rate` times per second on average, and keep at most `limit` ticks.\n\n"
             "budget: CPU seconds per second that it may cost; it looks less often where they would be more. 0: any.\n"
             "ValueError for a rate outside 1 to 50000, a limit below 1 or a negative budget. RuntimeError if a\n"
             "sampler runs already in this process, or if no thread could be started; NotImplementedError on another\n"
             "system than Linux.");

static PyObject *sampler_start(PyObject *module, PyObject *arguments) {
    double rate, budget = 0;
    long long limit;
    if (!PyArg_ParseTuple(arguments, "dL|d:start", &rate, &limit, &budget)) return NULL;
    if (rate >= 1 && rate <= 50000 && limit >= 1 && budget >= 0) return sampler_launch(rate, limit, budget);
    PyErr_SetString(PyExc_ValueError,
                    "start: the rate must be 1 to 50000 a second, the limit at least 1, the budget 0 or more");
    return NULL;
}

PyDoc_STRVAR(
    sampler_stop_doc,
    "stop()\n--\n\n"
    "Stop, and return what the looks showed: {\"ticks\": bytes, \"dropped\": int, \"lanes\": [...]}.\n\n"
    "ticks: RECORDS[\"TICK\"] says how one is laid out: monotonic ns, hand-offs so far, the holder's lane (-1\n"
    "nobody, -2 unknown), us late. lanes: (native id, first tick, CPU ns, states: bytes, ended).\n"
    "RuntimeError if none runs.");

static PyObject *sampler_stop(PyObject *module, PyObject *unused) { return sampler_join(); }

PyDoc_STRVAR(sampler_active_doc, "active()\n--\n\nWhether a sampler runs in this process.");

static PyObject *sampler_active(PyObject *module, PyObject *unused) { return PyBool_FromLong(sampler_is_running()); }

static PyMethodDef sampler_methods[] = {
    {"start", sampler_start, METH_VARARGS, sampler_start_doc},
    {"stop", sampler_stop, METH_NOARGS, sampler_stop_doc},
    {"active", sampler_active, METH_NOARGS, sampler_active_doc},
    {NULL, NULL, 0, NULL},
};

static const layout_field sampler_tick_fields[] = {
    LAYOUT_FIELD(layout_tick, time),
    LAYOUT_FIELD(layout_tick, switches),
    LAYOUT_FIELD(layout_tick, holder),
    LAYOUT_FIELD(layout_tick, late),
};

static const layout_number sampler_numbers[] = {
    {"OFF", LAYOUT_OFF},
    {"HOLDS", LAYOUT_HOLDS},
    {"RELEASED", LAYOUT_RELEASED},
    {"WAITS_GIL", LAYOUT_WAITS_GIL},
    {"WAITS_CORE", LAYOUT_WAITS_CORE},
    {"HOLDS_ABSENT", LAYOUT_HOLDS_ABSENT},
    {"NOBODY", LAYOUT_NOBODY},
    {"UNKNOWN", LAYOUT_UNKNOWN},
};

static int gs_module_exec(PyObject *module) {
    if (PyModule_AddObjectRef(module, "INTERNALS", GS_INTERNALS ? Py_True : Py_False) < 0) return -1;
    if (layout_add_numbers(module, sampler_numbers, sizeof sampler_numbers / sizeof *sampler_numbers) < 0) return -1;
    return layout_add_record(module, "TICK", sampler_tick_fields,
                             sizeof sampler_tick_fields / sizeof *sampler_tick_fields, sizeof(layout_tick));
}

static struct PyModuleDef sampler_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_sampler",
    .m_doc = "Who holds the GIL, read from outside of it.",
    .m_methods = sampler_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit__sampler(void) { return PyModuleDef_Init(&sampler_module); }
