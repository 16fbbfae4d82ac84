/* gilscope.scope._sampler: who holds the GIL, read from outside of it, some thousand times a second.
 *
 * A thread that has no thread state and never takes the GIL wakes up at random intervals and notes for each
 * thread of the process one state (a lane, a byte a tick): see `enum state`. It reads the GIL's own fields
 * (internals.h) and each lane's CPU clock, twice: a clock that moves between two readings belongs to a thread that
 * runs at this moment. What a thread waits for that does not run, the kernel tells (/proc/self/task/TID/syscall).
 *
 *     class _sampler:
 *         INTERNALS: bool    whether this interpreter's GIL can be read
 *         def start(rate: float, limit: int, budget: float = 0.0) -> None
 *         def stop() -> dict
 *         def active() -> bool
 *
 * One sampler in a process. Start and stop are called with the GIL; `sampling` is the sampler thread's own, and is
 * read by others only after that thread has been joined. */
#define _GNU_SOURCE
#include "internals.h"

#include "../core/base.h"
#include "../support/module.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum state {
    OFF,          /* blocked, in something else than the GIL */
    HOLDS,        /* has the GIL and runs (free-threaded: attached) */
    RELEASED,     /* runs without it (free-threaded: detached) */
    WAITS_GIL,    /* blocked in the GIL's own mutex or condition variable */
    WAITS_CORE,   /* could run, and has no core */
    HOLDS_ABSENT, /* has the GIL, and does not run: blocked, or without a core */
};

enum { REFRESH_NS = 10000000, FORK_WAIT_NS = 20000000, RECHECK_TICKS = 8, LOOKS_LEAST = 10 };
enum { NOBODY = -1, UNKNOWN = -2 };

typedef struct {
    int64_t time;     /* monotonic ns */
    int64_t switches; /* the interpreter's hand-off counter */
    int32_t holder;   /* index of a lane, NOBODY or UNKNOWN */
    int32_t late;     /* us that the tick came later than it was meant to */
} tick;

typedef struct {
    int tid;
    clockid_t clock;
    int syscall_file; /* /proc/self/task/TID/syscall, or -1 */
    bool ended;
    uint8_t last_blocked; /* what it was blocked in when last seen so, while its CPU clock stands still */
    int unchecked;        /* ticks since then */
    int64_t cpu_first, cpu_before, cpu_now; /* ns */
    int64_t first;                          /* the tick of states[0] */
    uint8_t *states;
    int64_t count, room;
} lane;

typedef struct {
    uintptr_t thread; /* a PyThreadState, never followed */
    int lane;
    bool attached;
} binding;

static struct {
    pthread_mutex_t mutex; /* guards `running` and the two signals below */
    pthread_mutex_t busy;  /* held by the sampler's thread while it looks */
    pthread_cond_t changed;
    bool running, stop, ready;
    pthread_t thread;
    int64_t period; /* ns between two looks, on average */
    double budget;  /* CPU seconds a second that this may cost; 0: any */
    int64_t limit;
    PyInterpreterState *interpreter;

    lane *lanes;
    int lane_count, lane_room;
    binding *bindings;
    int binding_count, binding_room;
    tick *ticks;
    int64_t tick_count, tick_room, dropped;
    nlink_t tasks; /* links of /proc/self/task when it was last listed: a thread more, a link more */
    int64_t refreshed;
    bool out_of_memory;
    bool paused; /* of a fork: whether it holds `busy` */
    int tid;
} sampling = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .busy = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Room for one more, in an array that doubles. */
static bool grow(void **array, int64_t count, int64_t *room, size_t size) {
    if (count < *room) return true;
    int64_t wanted = *room ? *room * 2 : 64;
    void *bigger = realloc(*array, (size_t)wanted * size);
    if (bigger == NULL) return false;
    *array = bigger;
    *room = wanted;
    return true;
}

static bool grow_int(void **array, int count, int *room, size_t size) {
    int64_t wide = *room;
    bool grown = grow(array, count, &wide, size);
    *room = (int)wide;
    return grown;
}

/* Linux's name for the CPU clock of a thread of this process. Unlike pthread_getcpuclockid() it takes a thread that
 * has ended, too: reading the clock then fails. */
static clockid_t cpu_clock(int tid) { return (clockid_t)((~(unsigned)tid << 3) | 6); }

/* CPU ns of the thread so far, or -1 if it has ended. */
static int64_t cpu_ns(const lane *which) {
    struct timespec spent;
    if (clock_gettime(which->clock, &spent) != 0) return -1;
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

static int lane_of(int tid) {
    for (int i = sampling.lane_count - 1; i >= 0; i--)
        if (sampling.lanes[i].tid == tid && !sampling.lanes[i].ended) return i;
    return UNKNOWN;
}

/* False for a thread that has ended meanwhile. */
static bool add_lane(int tid) {
    lane new = {.tid = tid, .clock = cpu_clock(tid), .syscall_file = -1, .first = sampling.tick_count};
    new.cpu_first = new.cpu_before = new.cpu_now = cpu_ns(&new);
    if (new.cpu_first < 0) return false;
    if (!grow_int((void **)&sampling.lanes, sampling.lane_count, &sampling.lane_room, sizeof(lane))) {
        sampling.out_of_memory = true;
        return false;
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    new.syscall_file = open(path, O_RDONLY | O_CLOEXEC);
    sampling.lanes[sampling.lane_count++] = new;
    return true;
}

/* Which threads there are. To list them costs as much as a whole look, to count them next to nothing: they are listed
 * when there are more or fewer than the last time, or when one has ended (`tasks` is 0 then): also one that was counted
 * and then not found, whose place the next thread would take unseen. */
static void list_threads(void) {
    struct stat found;
    nlink_t tasks = stat("/proc/self/task", &found) == 0 ? found.st_nlink : 0;
    if (tasks != 0 && tasks == sampling.tasks) return;
    sampling.tasks = tasks;
    DIR *folder = opendir("/proc/self/task");
    if (folder == NULL) return;
    nlink_t links = 0; /* a directory has two of its own, and they are listed, too */
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int tid = atoi(entry->d_name);
        if (tid <= 0 || tid == sampling.tid || lane_of(tid) != UNKNOWN || add_lane(tid)) links++;
    }
    closedir(folder);
    if (links != tasks) sampling.tasks = 0;
}

/* Which threads there are, and which thread state belongs to which. */
static void refresh(int64_t now) {
    sampling.refreshed = now;
    list_threads();
#if GS_INTERNALS
    sampling.binding_count = 0;
    gs_threads_lock();
    for (PyThreadState *each = PyInterpreterState_ThreadHead(sampling.interpreter); each != NULL; each = each->next) {
        if (!grow_int((void **)&sampling.bindings, sampling.binding_count, &sampling.binding_room, sizeof(binding)))
            break;
        sampling.bindings[sampling.binding_count++] =
            (binding){(uintptr_t)each, (int)each->native_thread_id, gs_attached(each)};
    }
    gs_threads_unlock();
    for (int i = 0; i < sampling.binding_count; i++) /* outside the lock: native id to lane */
        sampling.bindings[i].lane = lane_of(sampling.bindings[i].lane);
#endif
}

#if GS_INTERNALS
static int holder_of(uintptr_t thread) {
    for (int i = 0; i < sampling.binding_count; i++)
        if (sampling.bindings[i].thread == thread) return sampling.bindings[i].lane;
    return UNKNOWN;
}
#endif

/* What a thread is doing that its CPU clock says does not run: the kernel shows "running" for one that could, else
 * the number of its system call and the arguments, of which the first is a futex's address. */
static enum state blocked_in(const lane *which, uintptr_t gil, size_t gil_size) {
    char text[64];
    ssize_t length = which->syscall_file < 0 ? -1 : pread(which->syscall_file, text, sizeof text - 1, 0);
    if (length <= 0) return OFF;
    text[length] = '\0';
    if (strncmp(text, "running", 7) == 0) return WAITS_CORE;
    char *rest;
    long call = strtol(text, &rest, 10);
    uintptr_t address = (uintptr_t)strtoull(rest, NULL, 16);
    return call == SYS_futex && address >= gil && address < gil + gil_size ? WAITS_GIL : OFF;
}

static void end_lane(lane *which) {
    which->ended = true;
    sampling.tasks = 0;
}

static enum state state_of(lane *which, bool holds, int64_t interval, uintptr_t gil, size_t gil_size) {
    int64_t before = which->cpu_before, first = which->cpu_now;
    bool asleep = first == before && which->unchecked < RECHECK_TICKS && !holds;
    int64_t second = asleep ? first : cpu_ns(which);
    if (second < 0) {
        end_lane(which);
        return OFF;
    }
    which->cpu_before = which->cpu_now = second;
    if (second > first) {
        which->unchecked = RECHECK_TICKS;
        return holds ? HOLDS : RELEASED;
    }
    /* While the clock stands still, a thread that was blocked still is, unless it was woken and waits for a core. */
    if (asleep) {
        which->unchecked++;
        return which->last_blocked;
    }
    enum state blocked = blocked_in(which, gil, gil_size);
    which->last_blocked = (uint8_t)blocked;
    which->unchecked = blocked == WAITS_CORE ? RECHECK_TICKS : 0;
    /* The sampler itself needs a core: a thread that ran until just now, and could go on, stands aside for it. */
    if (blocked == WAITS_CORE && (second - before) * 8 > interval) return holds ? HOLDS : RELEASED;
    return holds ? HOLDS_ABSENT : blocked;
}

static void take_sample(int64_t now, int64_t late) {
    tick seen = {.time = now, .holder = NOBODY, .late = (int32_t)(late / 1000)};
    int64_t interval = sampling.tick_count ? now - sampling.ticks[sampling.tick_count - 1].time : sampling.period;
    uintptr_t gil_address = 0;
    size_t gil_size = 0;
    bool many = false; /* without a GIL many threads are attached at once */
    for (int i = 0; i < sampling.lane_count; i++) {
        lane *each = &sampling.lanes[i];
        if (!each->ended && (each->cpu_now = cpu_ns(each)) < 0) end_lane(each);
    }
#if GS_INTERNALS
    gs_gil_struct *gil = gs_gil_of(sampling.interpreter);
    gil_address = (uintptr_t)gil;
    gil_size = sizeof *gil;
    many = !gs_gil_enabled(gil);
    gs_gil reading = gs_gil_read(gil);
    seen.switches = reading.switches;
    if (many) {
        refresh(now);
    } else if (reading.locked) {
        seen.holder = holder_of(reading.last_holder);
        if (seen.holder == UNKNOWN && now - sampling.refreshed > 1000000) {
            refresh(now);
            seen.holder = holder_of(reading.last_holder);
        }
    }
#endif
    if (!grow((void **)&sampling.ticks, sampling.tick_count, &sampling.tick_room, sizeof(tick))) {
        sampling.out_of_memory = true;
        return;
    }
    for (int i = 0; i < sampling.lane_count; i++) {
        lane *each = &sampling.lanes[i];
        if (each->ended) continue;
        bool holds = i == seen.holder;
        for (int b = 0; many && b < sampling.binding_count && !holds; b++)
            holds = sampling.bindings[b].lane == i && sampling.bindings[b].attached;
        enum state state = state_of(each, holds, interval, gil_address, gil_size);
        if (!grow((void **)&each->states, each->count, &each->room, 1)) {
            sampling.out_of_memory = true;
            return;
        }
        if (!each->ended) each->states[each->count++] = (uint8_t)state;
    }
    sampling.ticks[sampling.tick_count++] = seen;
}

static int64_t own_cpu_ns(void) {
    struct timespec spent = {0, 0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

/* The period asked for, or the longer one in which a look, by what so many have cost so far, keeps to the budget. That
 * is mostly the waking up: 5 us on some machines and 40 on others. */
static int64_t period(int64_t looks, int64_t cost) {
    if (sampling.budget <= 0 || looks < LOOKS_LEAST) return sampling.period;
    int64_t within = (int64_t)((double)cost / (double)looks / sampling.budget);
    return within > sampling.period ? within : sampling.period;
}

/* Between half and one and a half periods, so that no workload keeps step with the ticks (xorshift64). */
static int64_t vary(int64_t period, uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return period / 2 + (int64_t)(*random % (uint64_t)period);
}

static bool told_to_stop(void) {
    pthread_mutex_lock(&sampling.mutex);
    bool stop = sampling.stop;
    pthread_mutex_unlock(&sampling.mutex);
    return stop;
}

static void *sampler_main(void *unused) {
    prctl(PR_SET_NAME, "gilscope-sample");
    prctl(PR_SET_TIMERSLACK, 1);
    sampling.tid = (int)syscall(SYS_gettid);
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
    refresh(gs_now());
    pthread_mutex_lock(&sampling.mutex);
    sampling.ready = true;
    pthread_cond_signal(&sampling.changed);
    pthread_mutex_unlock(&sampling.mutex);
    int64_t due = gs_now() + vary(sampling.period, &random), before = own_cpu_ns();
    for (int64_t looks = 1; !told_to_stop(); looks++) {
        struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
        }
        int64_t now = gs_now();
        pthread_mutex_lock(&sampling.busy);
        if (now - sampling.refreshed > REFRESH_NS) refresh(now);
        if (sampling.tick_count >= sampling.limit || sampling.out_of_memory) sampling.dropped++;
        else take_sample(now, now - due);
        pthread_mutex_unlock(&sampling.busy);
        due = (now > due + sampling.period ? now : due) + vary(period(looks, own_cpu_ns() - before), &random);
    }
    return NULL;
}

static void forget(void) {
    for (int i = 0; i < sampling.lane_count; i++) {
        if (sampling.lanes[i].syscall_file >= 0) close(sampling.lanes[i].syscall_file);
        free(sampling.lanes[i].states);
    }
    free(sampling.lanes);
    free(sampling.bindings);
    free(sampling.ticks);
    sampling.lanes = NULL;
    sampling.bindings = NULL;
    sampling.ticks = NULL;
    sampling.lane_count = sampling.lane_room = sampling.binding_count = sampling.binding_room = 0;
    sampling.tick_count = sampling.tick_room = sampling.dropped = sampling.refreshed = 0;
    sampling.tasks = 0;
    sampling.out_of_memory = false;
}

/* A fork waits until the sampler's thread is between two looks, so that the child's memory is whole. But not for ever:
 * that thread may wait for the interpreter's list of threads, which a fork holds. */
static void before_fork(void) {
    sampling.paused = false;
    for (int64_t end = gs_now() + FORK_WAIT_NS; !sampling.paused && gs_now() < end;) {
        sampling.paused = pthread_mutex_trylock(&sampling.busy) == 0;
        if (!sampling.paused) sched_yield();
    }
}

static void in_parent(void) {
    if (sampling.paused) pthread_mutex_unlock(&sampling.busy);
}

/* The child has no sampler thread: it starts clean. What that was writing to, if it was, is left alone. */
static void in_child(void) {
    pthread_mutex_init(&sampling.mutex, NULL);
    pthread_mutex_init(&sampling.busy, NULL);
    pthread_cond_init(&sampling.changed, NULL);
    if (!sampling.running) return;
    if (!sampling.paused) {
        for (int i = 0; i < sampling.lane_count; i++)
            if (sampling.lanes[i].syscall_file >= 0) close(sampling.lanes[i].syscall_file);
        sampling.lanes = NULL;
        sampling.bindings = NULL;
        sampling.ticks = NULL;
        sampling.lane_count = 0;
    }
    forget();
    sampling.running = false;
}

static void watch_forks(void) { pthread_atfork(before_fork, in_parent, in_child); }

PyDoc_STRVAR(start_doc, "start(rate, limit, budget=0.0, /)\n--\n\n"
                        "Starts sampling, `rate` times a second on average, and keeps at most `limit` ticks.\n\n"
                        "budget: CPU seconds a second that it may cost; it looks less often where they would be more.\n"
                        "0: any. ValueError for a rate outside 1 to 50000, a limit below 1 or a negative budget.\n"
                        "RuntimeError if a sampler runs already in this process, or if no thread could be started.");

static PyObject *start(PyObject *module, PyObject *arguments) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    double rate, budget = 0;
    long long limit;
    if (!PyArg_ParseTuple(arguments, "dL|d:start", &rate, &limit, &budget)) return NULL;
    if (!(rate >= 1 && rate <= 50000) || limit < 1 || !(budget >= 0)) {
        PyErr_SetString(PyExc_ValueError,
                        "start: the rate must be 1 to 50000 a second, the limit at least 1, the budget 0 or more");
        return NULL;
    }
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&sampling.mutex);
    bool taken = sampling.running;
    if (!taken) {
        sampling.running = true;
        sampling.stop = sampling.ready = false;
    }
    pthread_mutex_unlock(&sampling.mutex);
    if (taken) {
        PyErr_SetString(PyExc_RuntimeError, "a recording is already running in this process");
        return NULL;
    }
    sampling.period = (int64_t)(1e9 / rate);
    sampling.budget = budget;
    sampling.limit = limit;
    sampling.interpreter = PyInterpreterState_Get();
    if (pthread_create(&sampling.thread, NULL, sampler_main, NULL) != 0) {
        pthread_mutex_lock(&sampling.mutex);
        sampling.running = false;
        pthread_mutex_unlock(&sampling.mutex);
        PyErr_SetString(PyExc_RuntimeError, "the sampler's thread could not be started");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    pthread_mutex_lock(&sampling.mutex);
    while (!sampling.ready) pthread_cond_wait(&sampling.changed, &sampling.mutex);
    pthread_mutex_unlock(&sampling.mutex);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

static PyObject *lane_object(const lane *which) {
    return Py_BuildValue("(iLLy#O)", which->tid, (long long)which->first,
                         (long long)(which->cpu_before - which->cpu_first),
                         which->states == NULL ? "" : (const char *)which->states, (Py_ssize_t)which->count,
                         which->ended ? Py_True : Py_False);
}

PyDoc_STRVAR(
    stop_doc,
    "stop()\n--\n\n"
    "Stops, and returns what was seen: {\"ticks\": bytes, \"dropped\": int, \"lanes\": [...]}.\n\n"
    "ticks: 24 bytes each: i8 monotonic ns, i8 hand-offs so far, i4 the holder's lane (-1 nobody, -2 unknown),\n"
    "i4 us late. lanes: (native id, first tick, CPU ns, states: bytes, ended). RuntimeError if none runs.");

static PyObject *stop(PyObject *module, PyObject *unused) {
    pthread_mutex_lock(&sampling.mutex);
    bool mine = sampling.running && sampling.ready && !sampling.stop;
    if (mine) sampling.stop = true;
    pthread_mutex_unlock(&sampling.mutex);
    if (!mine) {
        PyErr_SetString(PyExc_RuntimeError, "no recording is running in this process");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    pthread_join(sampling.thread, NULL);
    Py_END_ALLOW_THREADS;
    PyObject *lanes = PyList_New(0), *result = NULL;
    bool whole = lanes != NULL;
    for (int i = 0; whole && i < sampling.lane_count; i++) {
        PyObject *object = lane_object(&sampling.lanes[i]);
        whole = object != NULL && PyList_Append(lanes, object) == 0;
        Py_XDECREF(object);
    }
    if (whole)
        result = Py_BuildValue("{s:y#,s:L,s:O}", "ticks", sampling.ticks == NULL ? "" : (const char *)sampling.ticks,
                               (Py_ssize_t)(sampling.tick_count * (int64_t)sizeof(tick)), "dropped",
                               (long long)sampling.dropped, "lanes", lanes);
    Py_XDECREF(lanes);
    forget();
    pthread_mutex_lock(&sampling.mutex);
    sampling.running = false;
    pthread_mutex_unlock(&sampling.mutex);
    return result;
}

PyDoc_STRVAR(active_doc, "active()\n--\n\nWhether a sampler runs in this process.");

static PyObject *active(PyObject *module, PyObject *unused) {
    pthread_mutex_lock(&sampling.mutex);
    bool running = sampling.running;
    pthread_mutex_unlock(&sampling.mutex);
    return PyBool_FromLong(running);
}

static PyMethodDef methods[] = {
    {"start", start, METH_VARARGS, start_doc},
    {"stop", stop, METH_NOARGS, stop_doc},
    {"active", active, METH_NOARGS, active_doc},
    {NULL, NULL, 0, NULL},
};

static int add_facts(PyObject *module) {
    return PyModule_AddObjectRef(module, "INTERNALS", GS_INTERNALS ? Py_True : Py_False);
}

GS_PLAIN_MODULE(_sampler, "Who holds the GIL, read from outside of it.", methods, add_facts)
