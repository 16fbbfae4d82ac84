/* What stands in for the interpreter's functions while the ledger is open: each notes the time, calls the real one, and
 * notes the time again. They go on working after it is closed: somebody may have kept their address. */
#ifndef GILSCOPE_SCOPE_WRAPPERS_H
#define GILSCOPE_SCOPE_WRAPPERS_H

#include <Python.h>

#include "books.h"
#include "elf.h"

/* A macro, because in a function it would be that function's own caller. */
#define WRAP_SITE __builtin_return_address(0)

static PyThreadState *wrap_save_thread(void) {
    books_release(LAYOUT_RELEASE, cycles_now(), WRAP_SITE);
    books_nested++;
    PyThreadState *thread = PyEval_SaveThread();
    books_nested--;
    return thread;
}

static void wrap_restore_thread(PyThreadState *thread) {
    int64_t wanted = cycles_now();
    books_nested++;
    PyEval_RestoreThread(thread);
    books_nested--;
    books_return(wanted, cycles_now());
}

static void wrap_release_thread(PyThreadState *thread) {
    books_release(LAYOUT_RELEASE, cycles_now(), WRAP_SITE);
    books_nested++;
    PyEval_ReleaseThread(thread);
    books_nested--;
}

static void wrap_acquire_thread(PyThreadState *thread) {
    int64_t wanted = cycles_now();
    books_nested++;
    PyEval_AcquireThread(thread);
    books_nested--;
    books_return(wanted, cycles_now());
}

static PyThreadState *wrap_swap(PyThreadState *next) {
    int64_t wanted = cycles_now();
    books_nested++;
    PyThreadState *before = PyThreadState_Swap(next);
    books_nested--;
    if (before != NULL && next == NULL) books_release(LAYOUT_SWAP, wanted, WRAP_SITE);
    if (before == NULL && next != NULL) books_return(wanted, cycles_now());
    return before;
}

/* An Ensure by a thread that has the GIL already takes nothing and is no event. */
static PyGILState_STATE wrap_ensure(void) {
    int64_t wanted = cycles_now();
    books_nested++;
    PyGILState_STATE before = PyGILState_Ensure();
    books_nested--;
    if (before == PyGILState_UNLOCKED) books_take(wanted, cycles_now(), WRAP_SITE);
    return before;
}

static void wrap_release(PyGILState_STATE before) {
    if (before == PyGILState_UNLOCKED) books_give_up();
    books_nested++;
    PyGILState_Release(before);
    books_nested--;
}

/* A library that comes while the ledger is open is patched before anybody calls it. */
static void *wrap_dlopen(const char *name, int flags) {
    void *handle = dlopen(name, flags);
    if (books_are_open()) {
        pthread_mutex_lock(&elf.mutex);
        if (elf.patched) elf_patch_new();
        pthread_mutex_unlock(&elf.mutex);
    }
    return handle;
}

static const elf_hook wrap_hooks[] = {
    {.symbol = "PyEval_SaveThread", .function = (void *)wrap_save_thread},
    {.symbol = "PyEval_RestoreThread", .function = (void *)wrap_restore_thread},
    {.symbol = "PyEval_ReleaseThread", .function = (void *)wrap_release_thread},
    {.symbol = "PyEval_AcquireThread", .function = (void *)wrap_acquire_thread},
    {.symbol = "PyThreadState_Swap", .function = (void *)wrap_swap},
    {.symbol = "PyGILState_Ensure", .function = (void *)wrap_ensure},
    {.symbol = "PyGILState_Release", .function = (void *)wrap_release},
    {.symbol = "dlopen", .function = (void *)wrap_dlopen, .by_path = true},
};
enum { WRAP_HOOKS = sizeof wrap_hooks / sizeof *wrap_hooks };

#endif
