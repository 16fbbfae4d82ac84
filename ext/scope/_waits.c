/* gilscope.scope._waits: every wait for the GIL, to the nanosecond, wherever it happens.
 *
 * take_gil() waits by pthread_cond_timedwait(), drop_gil() ends with pthread_cond_signal(): the interpreter calls both
 * through its own import slots, also where it is one piece with its program. While the ledger is open, these two slots
 * point at hooks that look at which condition variable it is (learn.h) and write into one log (turns.h). Other users of
 * the two functions, sub-interpreters with a GIL of their own among them, pass by.
 *
 *     class _waits:
 *         RECORDS, NUMBERS: dict    what a turn looks like: see layout.h
 *         def provoke() -> str | None
 *         def provoking() -> bool
 *         def learnt() -> str | None
 *         def start(limit: int, wrappers: int) -> None
 *         def stop() -> dict
 *         def active() -> bool
 *         def patched() -> int
 *
 * One ledger in a process. All functions are called with the GIL, which guards `waits`. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include "../support/module.h"
#include "layout.h"

#if defined(Py_GIL_DISABLED)
#define WAITS_NONE "this build of Python has no GIL"
#elif !defined(__ELF__) || !defined(__linux__) || !(defined(__x86_64__) || defined(__aarch64__))
#define WAITS_NONE "it needs 64-bit ELF on x86-64 or aarch64"
#endif

#ifndef WAITS_NONE

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "image.h"
#include "learn.h"
#include "turns.h"

typedef int waits_timedwait_function(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
typedef int waits_signal_function(pthread_cond_t *);

/* A slot of the interpreter's, what it held, and what stands in for it. */
typedef struct {
    void **slot, *before, *hook;
    bool read_only;
} waits_slot;

enum { WAITS_SLOTS = 8 }; /* two functions, each at most in both tables, and some to spare */

static struct {
    bool patched;
    const char *refused; /* why this process cannot have the ledger, once that is known */
    waits_slot slots[WAITS_SLOTS];
    int count;
    waits_timedwait_function *timedwait; /* what the interpreter would call */
    waits_signal_function *signal;
    uintptr_t wrappers_begin, wrappers_end; /* the release ledger's code */
} waits;

/* --- the hooks: called under the GIL's mutex where it is the GIL's condition variable --- */

static int waits_hook_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
    if (learn_is_on()) learn_from_wait(cond);
    else if (cond == learn.cond) turns_want();
    int status = waits.timedwait(cond, mutex, until);
    if (status == ETIMEDOUT && cond == learn.cond) turns_ask();
    return status;
}

/* Whoever dropped the GIL: forced or not, and from where. */
static __attribute__((noinline)) void waits_dropped(uintptr_t address, uintptr_t slot) {
    int64_t time = gs_now();
    callers_cursor at = {.first = address, .address = address, .slot = slot};
    while (at.depth < learn.depth)
        if (!callers_up(&at)) {
            turns_drop(false, time, 0);
            return;
        }
    bool forced = at.address == learn.forced[learn.depth];
    bool known = !forced && callers_up(&at);
    /* The release ledger's wrapper is not who released. */
    if (known && at.address >= waits.wrappers_begin && at.address < waits.wrappers_end) known = callers_up(&at);
    turns_drop(forced, time, known ? at.address : 0);
}

static int waits_hook_signal(pthread_cond_t *cond) {
    uintptr_t address = (uintptr_t)__builtin_return_address(0);
    uintptr_t slot = (uintptr_t)__builtin_frame_address(0) + sizeof(void *);
    if (__builtin_expect(learn_is_on(), 0)) {
        learn_from_signal(cond, address, slot);
    } else if (__builtin_expect(turns_wanted(), 0)) {
        if (cond == learn.cond) waits_dropped(address, slot);
        else if (cond == learn.switch_cond) turns_take();
    }
    return waits.signal(cond);
}

/* --- the slots --- */

typedef struct {
    uintptr_t address;
    image_object image;
    bool found;
} waits_search;

static int waits_visit_object(struct dl_phdr_info *info, size_t size, void *data) {
    waits_search *search = data;
    image_object image;
    if (!image_read(info, &image) || search->address < image.begin || search->address >= image.end) return 0;
    search->image = image;
    search->found = true;
    return 1;
}

static waits_search waits_object_of(uintptr_t address) {
    waits_search search = {.address = address};
    dl_iterate_phdr(waits_visit_object, &search);
    return search;
}

/* The function itself. A slot that nobody has used yet leads into the object's own linkage table, and would be
 * overwritten on its first use. */
static void *waits_bound(void *value, const char *symbol, const image_object *image) {
    bool bound = (uintptr_t)value < image->begin || (uintptr_t)value >= image->end;
    return bound ? value : dlsym(RTLD_DEFAULT, symbol);
}

static void waits_note_slot(void **slot, const char *symbol, const image_object *image, void *unused) {
    void *hook = NULL, *before = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (strcmp(symbol, "pthread_cond_timedwait") == 0) {
        waits.timedwait = (waits_timedwait_function *)waits_bound(before, symbol, image);
        hook = (void *)waits_hook_timedwait;
    } else if (strcmp(symbol, "pthread_cond_signal") == 0) {
        waits.signal = (waits_signal_function *)waits_bound(before, symbol, image);
        hook = (void *)waits_hook_signal;
    }
    if (hook != NULL && waits.count < WAITS_SLOTS)
        waits.slots[waits.count++] = (waits_slot){slot, before, hook, image_is_read_only(image, slot)};
}

static void waits_restore(void) {
    for (int i = 0; i < waits.count; i++) {
        const waits_slot *each = &waits.slots[i];
        if (__atomic_load_n(each->slot, __ATOMIC_ACQUIRE) == each->hook)
            image_write_slot(each->slot, each->before, each->read_only);
    }
    waits.patched = false;
}

/* False, and nothing changed, where the interpreter does not call both functions through slots. The interpreter is
 * found by its name: the slot of this module may lead to the release ledger. */
static bool waits_patch(void) {
    void *inside = dlsym(RTLD_DEFAULT, "PyEval_SaveThread");
    waits_search interpreter = waits_object_of((uintptr_t)inside);
    if (inside == NULL || !interpreter.found) return false;
    waits.count = 0;
    waits.timedwait = NULL;
    waits.signal = NULL;
    image_each_slot(&interpreter.image, waits_note_slot, NULL);
    if (waits.timedwait == NULL || waits.signal == NULL) return false;
    waits.patched = true;
    for (int i = 0; i < waits.count; i++)
        image_write_slot(waits.slots[i].slot, waits.slots[i].hook, waits.slots[i].read_only);
    return true;
}

/* The child of a fork has no recording. What was learnt stays true: the GIL is where it was. */
static void waits_in_child(void) {
    if (waits.patched) waits_restore();
    turns_reset_in_child();
    if (learn_is_on()) learn_go_on(LEARN_IDLE);
}

static void waits_watch_forks(void) { pthread_atfork(NULL, NULL, waits_in_child); }

/* --- the module's functions --- */

static const char *waits_provoke(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, waits_watch_forks);
    if (waits.refused != NULL || learn_at() == LEARN_DONE) return waits.refused;
    if (waits.patched) return "another thread is about to learn where the GIL is";
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) return "this is a sub-interpreter";
    if (!waits_patch()) return waits.refused = "the interpreter calls what its GIL is made of through no import slots";
    if (learn_begin()) return NULL;
    waits_restore();
    return "the probe thread could not be started";
}

static bool waits_provoking(void) { return learn_mine == LEARN_CALLER && learn_goes_on(); }

static const char *waits_learnt(void) {
    if (learn_mine == LEARN_CALLER) {
        waits.refused = learn_end();
        waits_restore();
    }
    return waits.refused;
}

static PyObject *waits_open(int64_t limit, uintptr_t wrappers) {
    if (waits.patched) {
        PyErr_SetString(PyExc_RuntimeError, "a recording is already running in this process");
        return NULL;
    }
    if (learn_at() != LEARN_DONE) {
        PyErr_SetString(PyExc_RuntimeError, "where the GIL is has not been learnt");
        return NULL;
    }
    waits_search ledger = waits_object_of(wrappers);
    waits.wrappers_begin = ledger.image.begin;
    waits.wrappers_end = ledger.image.end;
    turns_open(limit);
    if (waits_patch()) Py_RETURN_NONE;
    turns_close();
    PyErr_SetString(PyExc_RuntimeError, "the interpreter's import slots are gone");
    return NULL;
}

static PyObject *waits_log(void) {
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(turns.count * (int64_t)sizeof(layout_turn)));
    turns_chunk *first = turns_take_out();
    char *out = bytes == NULL ? NULL : PyBytes_AS_STRING(bytes);
    for (const turns_chunk *each = first; out != NULL && each != NULL; each = each->next) {
        size_t size = (size_t)each->count * sizeof(layout_turn);
        memcpy(out, each->turns, size);
        out += size;
    }
    turns_free(first);
    return bytes;
}

static PyObject *waits_close(void) {
    if (!waits.patched || !__atomic_load_n(&turns.open, __ATOMIC_SEQ_CST)) {
        PyErr_SetString(PyExc_RuntimeError, "no recording is running in this process");
        return NULL;
    }
    turns_close();
    waits_restore();
    PyObject *log = waits_log();
    return log == NULL ? NULL : Py_BuildValue("{s:L,s:N}", "dropped", (long long)turns.dropped, "turns", log);
}

static bool waits_are_open(void) { return __atomic_load_n(&turns.open, __ATOMIC_SEQ_CST); }

static long waits_count_patched(void) {
    long count = 0; /* of what was patched last */
    for (int i = 0; i < waits.count; i++)
        count += __atomic_load_n(waits.slots[i].slot, __ATOMIC_ACQUIRE) == waits.slots[i].hook;
    return count;
}

#else /* the same, where there is nothing to wait for, or nothing to patch */

static const char *waits_provoke(void) { return WAITS_NONE; }

static bool waits_provoking(void) { return false; }

static const char *waits_learnt(void) { return WAITS_NONE; }

static PyObject *waits_open(int64_t limit, uintptr_t wrappers) {
    PyErr_SetString(PyExc_RuntimeError, WAITS_NONE);
    return NULL;
}

static PyObject *waits_close(void) {
    PyErr_SetString(PyExc_RuntimeError, "no recording is running in this process");
    return NULL;
}

static bool waits_are_open(void) { return false; }

static long waits_count_patched(void) { return 0; }

#endif

static PyObject *waits_reason(const char *reason) { return Py_BuildValue("z", reason); }

PyDoc_STRVAR(waits_provoke_doc,
             "provoke()\n--\n\n"
             "Begin to learn where the GIL is. Returns why that cannot be, in a few words, or None: then run bytecode\n"
             "while provoking() is true, and end with learnt() on every way out.");

static PyObject *waits_py_provoke(PyObject *module, PyObject *unused) { return waits_reason(waits_provoke()); }

PyDoc_STRVAR(waits_provoking_doc,
             "provoking()\n--\n\nWhether to go on running bytecode, for at most two seconds in all.");

static PyObject *waits_py_provoking(PyObject *module, PyObject *unused) { return PyBool_FromLong(waits_provoking()); }

PyDoc_STRVAR(
    waits_learnt_doc,
    "learnt()\n--\n\n"
    "Put the slots back. Returns why nothing was learnt, in a few words, or None: then start() works from now\n"
    "on in this process.");

static PyObject *waits_py_learnt(PyObject *module, PyObject *unused) { return waits_reason(waits_learnt()); }

PyDoc_STRVAR(
    waits_start_doc,
    "start(limit, wrappers, /)\n--\n\n"
    "Open the ledger, and keep about `limit` turns. `wrappers`: an address in the release ledger's code, which\n"
    "is no place that releases. ValueError for a limit below 1, RuntimeError if it is open already, or if\n"
    "nothing has been learnt.");

static PyObject *waits_start(PyObject *module, PyObject *arguments) {
    long long limit;
    unsigned long long wrappers;
    if (!PyArg_ParseTuple(arguments, "LK:start", &limit, &wrappers)) return NULL;
    if (limit >= 1) return waits_open(limit, (uintptr_t)wrappers);
    PyErr_SetString(PyExc_ValueError, "start: the limit must be at least 1");
    return NULL;
}

PyDoc_STRVAR(waits_stop_doc,
             "stop()\n--\n\n"
             "Close the ledger, put the slots back, and return {\"dropped\": int, \"turns\": bytes}.\n\n"
             "RECORDS[\"TURN\"] says how a turn is laid out; they are in the order in which they happened. While some\n"
             "thread wants the GIL, every drop and every take of it is there. A wait begins with WANT or FORCED, and\n"
             "ends with the same thread's next TOOK. RuntimeError if it is not open.");

static PyObject *waits_stop(PyObject *module, PyObject *unused) { return waits_close(); }

PyDoc_STRVAR(waits_active_doc, "active()\n--\n\nWhether the ledger is open.");

static PyObject *waits_active(PyObject *module, PyObject *unused) { return PyBool_FromLong(waits_are_open()); }

PyDoc_STRVAR(waits_patched_doc, "patched()\n--\n\nHow many of the interpreter's slots point at a hook now.");

static PyObject *waits_patched(PyObject *module, PyObject *unused) { return PyLong_FromLong(waits_count_patched()); }

static PyMethodDef waits_methods[] = {
    {"provoke", waits_py_provoke, METH_NOARGS, waits_provoke_doc},
    {"provoking", waits_py_provoking, METH_NOARGS, waits_provoking_doc},
    {"learnt", waits_py_learnt, METH_NOARGS, waits_learnt_doc},
    {"start", waits_start, METH_VARARGS, waits_start_doc},
    {"stop", waits_stop, METH_NOARGS, waits_stop_doc},
    {"active", waits_active, METH_NOARGS, waits_active_doc},
    {"patched", waits_patched, METH_NOARGS, waits_patched_doc},
    {NULL, NULL, 0, NULL},
};

static const layout_field waits_turn_fields[] = {
    LAYOUT_FIELD(layout_turn, time), LAYOUT_FIELD(layout_turn, cpu),  LAYOUT_FIELD(layout_turn, site),
    LAYOUT_FIELD(layout_turn, tid),  LAYOUT_FIELD(layout_turn, kind),
};

static const layout_number waits_numbers[] = {
    {"WANT", LAYOUT_WANT}, {"DROP", LAYOUT_DROP},   {"FORCED", LAYOUT_FORCED},
    {"TOOK", LAYOUT_TOOK}, {"ASKED", LAYOUT_ASKED},
};

static int gs_module_exec(PyObject *module) {
    if (layout_add_numbers(module, waits_numbers, sizeof waits_numbers / sizeof *waits_numbers) < 0) return -1;
    return layout_add_record(module, "TURN", waits_turn_fields, sizeof waits_turn_fields / sizeof *waits_turn_fields,
                             sizeof(layout_turn));
}

static struct PyModuleDef waits_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_waits",
    .m_doc = "Every wait for the GIL.",
    .m_methods = waits_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit__waits(void) { return PyModuleDef_Init(&waits_module); }
