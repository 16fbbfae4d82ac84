/* gilscope.scope._ledger: every release of the GIL by a loaded library, to the nanosecond.
 *
 * A library calls PyEval_SaveThread() and its kin through a slot in its import table. While the ledger is open, the
 * slots of every loaded object point at wrappers (wrappers.h) that write into their thread's book (books.h). What is
 * compiled into one piece with the interpreter has no slots (elf.h) and is not seen.
 *
 *     class _ledger:
 *         RECORDS, NUMBERS: dict    what an event looks like: see layout.h
 *         HERE: int                 an address in the wrappers' code
 *         def start(limit: int) -> None
 *         def stop() -> dict
 *         def active() -> bool
 *         def patched() -> int
 *         def locate(address: int) -> tuple[str, int, str | None, int]
 *
 * One ledger in a process. `elf.mutex` is held by whoever starts, stops or forks, and never while the GIL is asked for.
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dlfcn.h>

#include "../support/module.h"
#include "layout.h"

#if defined(__ELF__) && defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

#include "books.h"
#include "elf.h"
#include "wrappers.h"

static void ledger_before_fork(void) {
    pthread_mutex_lock(&elf.mutex);
    if (elf.patched) elf_patch_new(); /* forgets what is gone */
    pthread_mutex_lock(&books.registry);
}

static void ledger_in_parent(void) {
    pthread_mutex_unlock(&books.registry);
    pthread_mutex_unlock(&elf.mutex);
}

static void ledger_in_child(void) {
    pthread_mutex_init(&elf.mutex, NULL);
    if (elf.patched) elf_restore_in_child();
    books_reset_in_child();
}

static void ledger_set_up(void) {
    cycles_set_up();
    books_set_up();
    elf_set_up(wrap_hooks, WRAP_HOOKS, (const void *)ledger_set_up, (const void *)PyEval_SaveThread);
    pthread_atfork(ledger_before_fork, ledger_in_parent, ledger_in_child);
}

static PyObject *ledger_open(int64_t limit) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ledger_set_up);
    pthread_mutex_lock(&elf.mutex);
    bool busy = elf.patched;
    if (!busy) {
        books_open(limit);
        elf_patch_all();
    }
    pthread_mutex_unlock(&elf.mutex);
    if (!busy) Py_RETURN_NONE;
    PyErr_SetString(PyExc_RuntimeError, "a recording is already running in this process");
    return NULL;
}

static PyObject *ledger_events(const books_taken *taken) {
    int64_t count = 0;
    for (books_chunk *each = taken->first; each != NULL; each = each->next) count += each->count;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * (int64_t)sizeof(layout_event)));
    if (bytes == NULL) return NULL;
    char *out = PyBytes_AS_STRING(bytes);
    double scale = books_ns_per_cycle();
    for (books_chunk *each = taken->first; each != NULL; each = each->next) {
        for (int64_t i = 0; i < each->count; i++, out += sizeof(layout_event)) {
            layout_event event = each->events[i];
            event.released = books_ns(event.released, scale);
            event.wanted = books_ns(event.wanted, scale);
            event.got = books_ns(event.got, scale);
            memcpy(out, &event, sizeof event);
        }
    }
    return Py_BuildValue("(iLN)", taken->tid, (long long)taken->dropped, bytes);
}

static PyObject *ledger_threads(void) {
    books_taken *all = books_take_all();
    if (all == NULL) return PyErr_NoMemory();
    PyObject *list = PyList_New(0);
    for (books_taken *each = all; each->tid != 0; each++) {
        PyObject *events = list == NULL ? NULL : ledger_events(each);
        if (list != NULL && (events == NULL || PyList_Append(list, events) < 0)) Py_CLEAR(list);
        Py_XDECREF(events);
        books_free_chunks(&each->first);
    }
    free(all);
    return list;
}

static PyObject *ledger_close(void) {
    long long slots = 0;
    pthread_mutex_lock(&elf.mutex);
    bool open = elf.patched;
    if (open) {
        books_close();
        slots = elf_restore_all();
    }
    pthread_mutex_unlock(&elf.mutex);
    if (!open) {
        PyErr_SetString(PyExc_RuntimeError, "no recording is running in this process");
        return NULL;
    }
    PyObject *threads = ledger_threads();
    if (threads == NULL) return NULL;
    return Py_BuildValue("{s:L,s:L,s:L,s:N}", "started", (long long)books.started_ns, "ended",
                         (long long)books.ended_ns, "slots", slots, "threads", threads);
}

#else /* the same, where there is nothing to patch */

static PyObject *ledger_open(int64_t limit) {
    PyErr_SetString(PyExc_NotImplementedError, "the ledger needs 64-bit ELF on x86-64 or aarch64");
    return NULL;
}

static PyObject *ledger_close(void) {
    PyErr_SetString(PyExc_RuntimeError, "no recording is running in this process");
    return NULL;
}

static int books_are_open(void) { return 0; }

static long elf_count_patched(void) { return 0; }

#endif

PyDoc_STRVAR(ledger_start_doc,
             "start(limit, /)\n--\n\n"
             "Open the ledger: note every release from now on, and keep about `limit` of them.\n\n"
             "ValueError for a limit below 1, RuntimeError if it is open already, NotImplementedError where programs\n"
             "are not 64-bit ELF for x86-64 or aarch64.");

static PyObject *ledger_start(PyObject *module, PyObject *argument) {
    long long limit = PyLong_AsLongLong(argument);
    if (limit == -1 && PyErr_Occurred()) return NULL;
    if (limit >= 1) return ledger_open(limit);
    PyErr_SetString(PyExc_ValueError, "start: the limit must be at least 1");
    return NULL;
}

PyDoc_STRVAR(
    ledger_stop_doc,
    "stop()\n--\n\n"
    "Close the ledger, put every slot back, and return what was noted:\n\n"
    "{\"started\": ns, \"ended\": ns, \"slots\": int, \"threads\": [(native id, dropped, events: bytes), ...]}\n\n"
    "Times are monotonic ns; RECORDS[\"EVENT\"] says how an event is laid out. Kind 0, a release: released at\n"
    "`released`, asked for it again at `wanted`, had it at `got`. Kind 1, a take by a thread that had none:\n"
    "`wanted`, `got`, and released at `released`. Kind 2, a release by PyThreadState_Swap. `site` is the address to\n"
    "which the releasing (taking) call returned. Flag 1: it was released before the recording began, and counts\n"
    "from there. What is not over yet is no event. RuntimeError if it is not open.");

static PyObject *ledger_stop(PyObject *module, PyObject *unused) { return ledger_close(); }

PyDoc_STRVAR(ledger_active_doc, "active()\n--\n\nWhether the ledger is open.");

static PyObject *ledger_active(PyObject *module, PyObject *unused) { return PyBool_FromLong(books_are_open()); }

PyDoc_STRVAR(ledger_patched_doc, "patched()\n--\n\nHow many slots of the loaded objects point at a wrapper now.");

static PyObject *ledger_patched(PyObject *module, PyObject *unused) { return PyLong_FromLong(elf_count_patched()); }

PyDoc_STRVAR(
    ledger_locate_doc,
    "locate(address, /)\n--\n\n"
    "The library that an address lies in, its base, the nearest dynamic symbol before it or None, and the offset\n"
    "from that symbol or from the base: (\"\", 0, None, address) where there is no library.");

static PyObject *ledger_locate(PyObject *module, PyObject *argument) {
    unsigned long long address = PyLong_AsUnsignedLongLong(argument);
    if (address == (unsigned long long)-1 && PyErr_Occurred()) return NULL;
    Dl_info info;
    if (address == 0 || !dladdr((void *)(uintptr_t)address, &info))
        return Py_BuildValue("(siOK)", "", 0, Py_None, address);
    unsigned long long base = (uintptr_t)info.dli_fbase;
    unsigned long long from = info.dli_sname != NULL ? (uintptr_t)info.dli_saddr : base;
    return Py_BuildValue("(sKzK)", info.dli_fname, base, info.dli_sname, address - from);
}

static PyMethodDef ledger_methods[] = {
    {"start", ledger_start, METH_O, ledger_start_doc},
    {"stop", ledger_stop, METH_NOARGS, ledger_stop_doc},
    {"active", ledger_active, METH_NOARGS, ledger_active_doc},
    {"patched", ledger_patched, METH_NOARGS, ledger_patched_doc},
    {"locate", ledger_locate, METH_O, ledger_locate_doc},
    {NULL, NULL, 0, NULL},
};

static const layout_field ledger_event_fields[] = {
    LAYOUT_FIELD(layout_event, released), LAYOUT_FIELD(layout_event, wanted), LAYOUT_FIELD(layout_event, got),
    LAYOUT_FIELD(layout_event, site),     LAYOUT_FIELD(layout_event, kind),   LAYOUT_FIELD(layout_event, flags),
};

static const layout_number ledger_numbers[] = {
    {"RELEASE", LAYOUT_RELEASE},
    {"TAKE", LAYOUT_TAKE},
    {"SWAP", LAYOUT_SWAP},
};

static int ledger_add_here(PyObject *module) {
    PyObject *here = PyLong_FromVoidPtr((void *)gs_module_exec);
    int status = here == NULL ? -1 : PyModule_AddObjectRef(module, "HERE", here);
    Py_XDECREF(here);
    return status;
}

static int gs_module_exec(PyObject *module) {
    if (ledger_add_here(module) < 0) return -1;
    if (layout_add_numbers(module, ledger_numbers, sizeof ledger_numbers / sizeof *ledger_numbers) < 0) return -1;
    return layout_add_record(module, "EVENT", ledger_event_fields,
                             sizeof ledger_event_fields / sizeof *ledger_event_fields, sizeof(layout_event));
}

static struct PyModuleDef ledger_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_ledger",
    .m_doc = "Every release of the GIL by a loaded library.",
    .m_methods = ledger_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit__ledger(void) { return PyModuleDef_Init(&ledger_module); }
