/* gilscope.scope._ledger: every release of the GIL by a loaded library, to the nanosecond.
 *
 * A library calls PyEval_SaveThread() and its kin through a slot in its import table. While the ledger is open, the
 * slots of every loaded object point at wrappers that note the time, call the real function, and note the time
 * again. What is compiled into one piece with the interpreter has no slots, and is not seen.
 *
 *     class _ledger:
 *         def start(limit: int) -> None
 *         def stop() -> dict
 *         def active() -> bool
 *         def patched() -> int
 *         def locate(address: int) -> tuple[str, int, str | None, int]
 *
 * One ledger in a process. A wrapper takes no lock: it writes into its own thread's book. `control` guards the slots,
 * `registry` the list of books; neither is ever held while the GIL is asked for. Works with 64-bit ELF. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../core/base.h"
#include "../support/module.h"

#if defined(__ELF__) && (defined(__x86_64__) || defined(__aarch64__))
#define GS_LEDGER 1
#else
#define GS_LEDGER 0
#endif

#include <dlfcn.h>

#if GS_LEDGER

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <x86intrin.h>
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOB_DAT = R_X86_64_GLOB_DAT };
#else
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOB_DAT = R_AARCH64_GLOB_DAT };
#endif

enum kind { RELEASE, TAKE, SWAP };
enum { FROM_BEFORE = 1 }; /* flag: it was released before the recording began */
enum { CHUNK = 2048, DEPTH = 16 };

/* In clock ticks while it is being recorded, in monotonic ns when it is handed out. */
typedef struct {
    int64_t released, wanted, got;
    uint64_t site;
    uint32_t kind, flags;
} event;

typedef struct chunk {
    struct chunk *next;
    int64_t count;
    event events[CHUNK];
} chunk;

/* A release that is not over, or a take. */
typedef struct {
    int64_t wanted, got; /* of a take; of a release `wanted` is when it let go */
    uint64_t site;
    enum kind kind;
} opened;

/* What one thread writes. Its own thread alone writes it, `inside` tells stop() that it does so just now. */
typedef struct book {
    struct book *next;
    int tid;
    bool ended; /* guarded by `registry` */
    uint64_t generation;
    chunk *first, *last;
    int64_t dropped;
    int depth;
    opened open[DEPTH];
    int inside;
} book;

typedef struct {
    void **slot;
    void *before, *wrapper;
    bool read_only;
} patch;

/* A loaded library, known by its place and its name, and its patched slots [first, first + count) of `patches`. */
typedef struct {
    uintptr_t base;
    char *name;
    patch *patches;
    int count, room;
    bool seen;
} library;

static struct {
    pthread_mutex_t control, registry;
    pthread_key_t key;
    bool running;
    int open;            /* what the wrappers ask; atomic */
    uint64_t generation; /* of the recording; atomic */
    int64_t budget;      /* events that may still be kept; atomic */
    book *books;
    library *libraries;
    int library_count, library_room;
    uintptr_t self, python; /* the bases of this module, whose slots are spared, and of the interpreter */
    int64_t started_ns, started_ticks, ended_ns;
    bool cycles; /* whether the CPU has a cycle counter that runs evenly */
    long page;
} ledger = {.control = PTHREAD_MUTEX_INITIALIZER, .registry = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local book *mine;
static _Thread_local int
    inner; /* in a wrapped function: what an interpreter that is a library calls of its own is no event */

/* --- Time. Reading the cycle counter costs a third of asking for the time. --- */

static inline int64_t now_ticks(void) {
#if defined(__x86_64__)
    return ledger.cycles ? (int64_t)__rdtsc() : gs_now();
#else
    int64_t count;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#endif
}

static bool even_cycles(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1 << 8); /* "invariant TSC" */
#else
    return true;
#endif
}

/* Both clocks at one moment: the closest of a few tries. */
static void read_clocks(int64_t *ns, int64_t *ticks) {
    int64_t closest = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t before = now_ticks(), time = gs_now(), after = now_ticks();
        if (after - before < closest) {
            closest = after - before;
            *ns = time;
            *ticks = before + (after - before) / 2;
        }
    }
}

/* --- Books. --- */

/* What stop() takes over from a book. */
typedef struct {
    int tid;
    int64_t dropped;
    chunk *first;
} taken;

static void free_chunks(chunk **first) {
    while (*first != NULL) {
        chunk *next = (*first)->next;
        free(*first);
        *first = next;
    }
}

/* Of a thread that ends: its book goes with it, unless a recording still wants what is in it. */
static void thread_ended(void *which) {
    book *leaving = which;
    mine = NULL;
    pthread_mutex_lock(&ledger.registry);
    leaving->ended = true;
    if (!__atomic_load_n(&ledger.open, __ATOMIC_SEQ_CST) && leaving->first == NULL) {
        book **place = &ledger.books;
        while (*place != leaving) place = &(*place)->next;
        *place = leaving->next;
        free(leaving);
    }
    pthread_mutex_unlock(&ledger.registry);
}

static book *new_book(void) {
    book *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    made->tid = (int)syscall(SYS_gettid);
    pthread_mutex_lock(&ledger.registry);
    made->next = ledger.books;
    ledger.books = made;
    pthread_mutex_unlock(&ledger.registry);
    pthread_setspecific(ledger.key, made);
    return mine = made;
}

/* This thread's book, opened for this recording, or NULL where there is none. */
static inline book *book_now(void) {
    if (!__atomic_load_n(&ledger.open, __ATOMIC_ACQUIRE) || inner) return NULL;
    book *which = mine != NULL ? mine : new_book();
    uint64_t generation = __atomic_load_n(&ledger.generation, __ATOMIC_RELAXED);
    if (which != NULL && which->generation != generation) {
        which->generation = generation;
        which->depth = 0;
        which->dropped = 0;
    }
    return which;
}

static chunk *next_chunk(book *which) {
    if (__atomic_fetch_sub(&ledger.budget, CHUNK, __ATOMIC_RELAXED) < CHUNK) {
        __atomic_fetch_add(&ledger.budget, CHUNK, __ATOMIC_RELAXED);
        return NULL;
    }
    chunk *made = malloc(sizeof *made);
    if (made == NULL) return NULL;
    made->next = NULL;
    made->count = 0;
    if (which->last == NULL) which->first = made;
    else which->last->next = made;
    return which->last = made;
}

/* `inside` and `open` are the two sides of a handshake: either this sees that the ledger was closed, or stop() sees
 * that somebody writes and waits for these few instructions. */
static inline void append(book *which, event row) {
    __atomic_store_n(&which->inside, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ledger.open, __ATOMIC_SEQ_CST)) {
        chunk *last = which->last;
        if (last == NULL || last->count == CHUNK) last = next_chunk(which);
        if (last == NULL) which->dropped++;
        else last->events[last->count++] = row;
    }
    __atomic_store_n(&which->inside, 0, __ATOMIC_RELEASE);
}

static inline void push(book *which, opened entry) {
    if (which->depth < DEPTH) which->open[which->depth] = entry;
    which->depth++; /* deeper than there is room for: counted, so that the way back finds its own level */
}

/* A thread lets go, at `when`. */
static inline void let_go(enum kind kind, int64_t when, void *site) {
    book *which = book_now();
    if (which != NULL) push(which, (opened){.wanted = when, .site = (uint64_t)(uintptr_t)site, .kind = kind});
}

/* ... and has it back. */
static inline void came_back(int64_t wanted, int64_t got) {
    book *which = book_now();
    if (which == NULL) return;
    int top = which->depth - 1;
    if (top < 0 || (top < DEPTH && which->open[top].kind == TAKE)) { /* it let go before the recording began */
        append(which, (event){ledger.started_ticks, wanted, got, 0, RELEASE, FROM_BEFORE});
        return;
    }
    which->depth--;
    if (which->depth >= DEPTH) {
        which->dropped++;
        return;
    }
    const opened *entry = &which->open[which->depth];
    append(which, (event){entry->wanted, wanted, got, entry->site, entry->kind, 0});
}

/* --- The wrappers. They go on working after the ledger is closed: somebody may have kept their address. --- */

#define SITE __builtin_return_address(0)

static PyThreadState *save_thread(void) {
    let_go(RELEASE, now_ticks(), SITE);
    inner++;
    PyThreadState *thread = PyEval_SaveThread();
    inner--;
    return thread;
}

static void restore_thread(PyThreadState *thread) {
    int64_t wanted = now_ticks();
    inner++;
    PyEval_RestoreThread(thread);
    inner--;
    came_back(wanted, now_ticks());
}

static void release_thread(PyThreadState *thread) {
    let_go(RELEASE, now_ticks(), SITE);
    inner++;
    PyEval_ReleaseThread(thread);
    inner--;
}

static void acquire_thread(PyThreadState *thread) {
    int64_t wanted = now_ticks();
    inner++;
    PyEval_AcquireThread(thread);
    inner--;
    came_back(wanted, now_ticks());
}

static PyThreadState *swap(PyThreadState *next) {
    int64_t asked = now_ticks();
    inner++;
    PyThreadState *before = PyThreadState_Swap(next);
    inner--;
    if (before != NULL && next == NULL) let_go(SWAP, asked, SITE);
    if (before == NULL && next != NULL) came_back(asked, now_ticks());
    return before;
}

/* An Ensure by a thread that has the GIL already takes nothing and is no event. */
static PyGILState_STATE ensure(void) {
    int64_t wanted = now_ticks();
    inner++;
    PyGILState_STATE before = PyGILState_Ensure();
    inner--;
    if (before == PyGILState_UNLOCKED) {
        book *which = book_now();
        opened entry = {wanted, now_ticks(), (uint64_t)(uintptr_t)SITE, TAKE};
        if (which != NULL) push(which, entry);
    }
    return before;
}

static void release(PyGILState_STATE before) {
    if (before == PyGILState_UNLOCKED) {
        book *which = book_now();
        if (which != NULL && which->depth > 0) {
            which->depth--;
            if (which->depth < DEPTH && which->open[which->depth].kind == TAKE) {
                const opened *entry = &which->open[which->depth];
                append(which, (event){now_ticks(), entry->wanted, entry->got, entry->site, TAKE, 0});
            } else if (which->depth >= DEPTH) {
                which->dropped++;
            }
        }
    }
    inner++;
    PyGILState_Release(before);
    inner--;
}

static void patch_new(void);

/* A library that comes while the ledger is open is patched before anybody calls it. */
static void *open_library(const char *name, int flags) {
    void *handle = dlopen(name, flags);
    if (__atomic_load_n(&ledger.open, __ATOMIC_ACQUIRE)) {
        pthread_mutex_lock(&ledger.control);
        if (ledger.running) patch_new();
        pthread_mutex_unlock(&ledger.control);
    }
    return handle;
}

static const struct {
    const char *name;
    void *wrapper;
} wrappers[] = {
    {"PyEval_SaveThread", (void *)save_thread},
    {"PyEval_RestoreThread", (void *)restore_thread},
    {"PyEval_ReleaseThread", (void *)release_thread},
    {"PyEval_AcquireThread", (void *)acquire_thread},
    {"PyThreadState_Swap", (void *)swap},
    {"PyGILState_Ensure", (void *)ensure},
    {"PyGILState_Release", (void *)release},
    {"dlopen", (void *)open_library},
};

static void *wrapper_of(const char *symbol) {
    if (symbol[0] != 'P' && symbol[0] != 'd') return NULL;
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (strcmp(symbol, wrappers[i].name) == 0) return wrappers[i].wrapper;
    return NULL;
}

static bool is_wrapper(const void *address) {
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (address == wrappers[i].wrapper) return true;
    return false;
}

/* --- Slots. --- */

typedef struct {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Rela) * tables[2]; /* of data and of the procedure linkage table */
    size_t lengths[2];
    bool own_path;                    /* has a RUNPATH or RPATH of its own */
    uintptr_t relro_begin, relro_end; /* made read-only after it was relocated */
} image;

/* What is known of a loaded object. False if it has no dynamic section, or nothing to relocate. */
static bool read_image(const struct dl_phdr_info *info, image *result) {
    *result = (image){.base = info->dlpi_addr};
    const ElfW(Dyn) *entry = NULL;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_DYNAMIC) entry = (const ElfW(Dyn) *)(info->dlpi_addr + part->p_vaddr);
        if (part->p_type == PT_GNU_RELRO) {
            /* The loader protects whole pages, and leaves the last one alone where it is not all relocations. */
            uintptr_t in_page = ~(uintptr_t)(ledger.page - 1), begin = info->dlpi_addr + part->p_vaddr;
            result->relro_begin = begin & in_page;
            result->relro_end = (begin + part->p_memsz) & in_page;
        }
    }
    if (entry == NULL || strncmp(info->dlpi_name, "linux-vdso", 10) == 0) return false;
    for (; entry->d_tag != DT_NULL; entry++) {
        /* The loader has made addresses of the file's offsets, except in objects that it did not load itself. */
        uintptr_t address =
            entry->d_un.d_ptr < info->dlpi_addr ? info->dlpi_addr + entry->d_un.d_ptr : entry->d_un.d_ptr;
        switch (entry->d_tag) {
        case DT_SYMTAB: result->symbols = (const ElfW(Sym) *)address; break;
        case DT_STRTAB: result->strings = (const char *)address; break;
        case DT_RELA: result->tables[0] = (const ElfW(Rela) *)address; break;
        case DT_RELASZ: result->lengths[0] = entry->d_un.d_val / sizeof(ElfW(Rela)); break;
        case DT_JMPREL: result->tables[1] = (const ElfW(Rela) *)address; break;
        case DT_PLTRELSZ: result->lengths[1] = entry->d_un.d_val / sizeof(ElfW(Rela)); break;
        case DT_RPATH:
        case DT_RUNPATH: result->own_path = true; break;
        default: break;
        }
    }
    return result->symbols != NULL && result->strings != NULL;
}

/* Calls `found` with every slot of the object that stands for a function with a wrapper. */
static void each_slot(const image *object, void (*found)(void **slot, void *wrapper, const image *, void *),
                      void *data) {
    for (int t = 0; t < 2; t++) {
        for (size_t i = 0; object->tables[t] != NULL && i < object->lengths[t]; i++) {
            const ElfW(Rela) *entry = &object->tables[t][i];
            unsigned long type = ELF64_R_TYPE(entry->r_info);
            if (type != JUMP_SLOT && type != GLOB_DAT) continue;
            void *wrapper = wrapper_of(object->strings + object->symbols[ELF64_R_SYM(entry->r_info)].st_name);
            if (wrapper != NULL) found((void **)(object->base + entry->r_offset), wrapper, object, data);
        }
    }
}

static void write_slot(void **slot, void *value, bool read_only) {
    void *page = (void *)((uintptr_t)slot & ~(uintptr_t)(ledger.page - 1));
    if (read_only && mprotect(page, (size_t)ledger.page, PROT_READ | PROT_WRITE) != 0) return;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    if (read_only) mprotect(page, (size_t)ledger.page, PROT_READ);
}

static void patch_slot(void **slot, void *wrapper, const image *object, void *data) {
    library *owner = data;
    void *before = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (before == wrapper || is_wrapper(before)) return;
    /* dlopen() searches by the path of the object that calls it: one that has such a path keeps its own call. Python
     * itself always names a file. */
    if (wrapper == (void *)open_library && object->own_path && object->base != ledger.python) return;
    if (owner->count == owner->room) {
        int room = owner->room ? 2 * owner->room : 8;
        patch *bigger = realloc(owner->patches, (size_t)room * sizeof *bigger);
        if (bigger == NULL) return;
        owner->patches = bigger;
        owner->room = room;
    }
    bool read_only = (uintptr_t)slot >= object->relro_begin && (uintptr_t)slot < object->relro_end;
    owner->patches[owner->count++] = (patch){slot, before, wrapper, read_only};
    write_slot(slot, wrapper, read_only);
}

static library *known(const struct dl_phdr_info *info) {
    for (int i = 0; i < ledger.library_count; i++) {
        library *each = &ledger.libraries[i];
        if (each->base == info->dlpi_addr && strcmp(each->name, info->dlpi_name) == 0) return each;
    }
    return NULL;
}

static int visit_new(struct dl_phdr_info *info, size_t size, void *unused) {
    library *here = known(info);
    if (here != NULL) {
        here->seen = true;
        return 0;
    }
    image object;
    if (info->dlpi_addr == ledger.self || !read_image(info, &object)) return 0;
    if (ledger.library_count == ledger.library_room) {
        int room = ledger.library_room ? 2 * ledger.library_room : 64;
        library *bigger = realloc(ledger.libraries, (size_t)room * sizeof *bigger);
        if (bigger == NULL) return 0;
        ledger.libraries = bigger;
        ledger.library_room = room;
    }
    library made = {.base = info->dlpi_addr, .name = strdup(info->dlpi_name), .seen = true};
    if (made.name == NULL) return 0;
    each_slot(&object, patch_slot, &made);
    ledger.libraries[ledger.library_count++] = made;
    return 0;
}

static void forget_library(library *which) {
    free(which->name);
    free(which->patches);
}

/* Patches what has been loaded since the last time, and forgets what has been unloaded. Needs `control`. */
static void patch_new(void) {
    for (int i = 0; i < ledger.library_count; i++) ledger.libraries[i].seen = false;
    dl_iterate_phdr(visit_new, NULL);
    int kept = 0;
    for (int i = 0; i < ledger.library_count; i++) {
        if (ledger.libraries[i].seen) ledger.libraries[kept++] = ledger.libraries[i];
        else forget_library(&ledger.libraries[i]);
    }
    ledger.library_count = kept;
}

static void restore_library(const library *which) {
    for (int i = 0; i < which->count; i++) {
        const patch *each = &which->patches[i];
        if (__atomic_load_n(each->slot, __ATOMIC_ACQUIRE) == each->wrapper)
            write_slot(each->slot, each->before, each->read_only);
    }
}

/* In here, no library can be unloaded. */
static int visit_restore(struct dl_phdr_info *info, size_t size, void *unused) {
    library *here = known(info);
    if (here != NULL) restore_library(here);
    return 0;
}

static void forget_libraries(void) {
    for (int i = 0; i < ledger.library_count; i++) forget_library(&ledger.libraries[i]);
    ledger.library_count = 0;
}

/* --- Forks. The child has one thread and no recording. --- */

static void before_fork(void) {
    pthread_mutex_lock(&ledger.control);
    if (ledger.running) patch_new(); /* forgets what is gone */
    pthread_mutex_lock(&ledger.registry);
}

static void in_parent(void) {
    pthread_mutex_unlock(&ledger.registry);
    pthread_mutex_unlock(&ledger.control);
}

static void in_child(void) {
    pthread_mutex_init(&ledger.control, NULL);
    pthread_mutex_init(&ledger.registry, NULL);
    __atomic_store_n(&ledger.open, 0, __ATOMIC_SEQ_CST);
    if (ledger.running) {
        /* Without the loader's lock, which another thread of the parent may have held. */
        for (int i = 0; i < ledger.library_count; i++) restore_library(&ledger.libraries[i]);
        forget_libraries();
        ledger.running = false;
    }
    book *own = mine, *rest = NULL;
    for (book *each = ledger.books, *next; each != NULL; each = next) {
        next = each->next;
        free_chunks(&each->first);
        each->last = NULL;
        if (each == own) rest = each;
        else free(each);
    }
    if (rest != NULL) rest->next = NULL;
    ledger.books = rest;
}

static void set_up(void) {
    ledger.page = sysconf(_SC_PAGESIZE);
    ledger.cycles = even_cycles();
    pthread_key_create(&ledger.key, thread_ended);
    pthread_atfork(before_fork, in_parent, in_child);
    Dl_info here;
    if (dladdr((void *)save_thread, &here)) ledger.self = (uintptr_t)here.dli_fbase;
    if (dladdr((void *)PyEval_SaveThread, &here)) ledger.python = (uintptr_t)here.dli_fbase;
}

#endif

PyDoc_STRVAR(start_doc,
             "start(limit, /)\n--\n\n"
             "Opens the ledger: from now on every release is noted, and about `limit` of them are kept.\n\n"
             "ValueError for a limit below 1, RuntimeError if it is open already, NotImplementedError where programs\n"
             "are not 64-bit ELF for x86-64 or aarch64.");

static PyObject *start(PyObject *module, PyObject *argument) {
    long long limit = PyLong_AsLongLong(argument);
    if (limit == -1 && PyErr_Occurred()) return NULL;
    if (limit < 1) {
        PyErr_SetString(PyExc_ValueError, "start: the limit must be at least 1");
        return NULL;
    }
#if GS_LEDGER
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
    pthread_mutex_lock(&ledger.control);
    bool busy = ledger.running;
    if (!busy) {
        ledger.running = true;
        ledger.budget = limit < CHUNK ? CHUNK : limit;
        read_clocks(&ledger.started_ns, &ledger.started_ticks);
        __atomic_fetch_add(&ledger.generation, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&ledger.open, 1, __ATOMIC_SEQ_CST);
        patch_new();
    }
    pthread_mutex_unlock(&ledger.control);
    if (busy) {
        PyErr_SetString(PyExc_RuntimeError, "a recording is already running in this process");
        return NULL;
    }
    Py_RETURN_NONE;
#else
    PyErr_SetString(PyExc_NotImplementedError, "the ledger needs 64-bit ELF on x86-64 or aarch64");
    return NULL;
#endif
}

PyDoc_STRVAR(
    stop_doc,
    "stop()\n--\n\n"
    "Closes the ledger, puts every slot back, and returns what was noted:\n\n"
    "{\"started\": ns, \"ended\": ns, \"slots\": int, \"threads\": [(native id, dropped, events: bytes), ...]}\n\n"
    "Times are monotonic ns. An event has 40 bytes: i8 released, i8 wanted, i8 got, u8 site, u4 kind, u4 flags.\n"
    "Kind 0, a release: let go at `released`, asked for it again at `wanted`, had it at `got`. Kind 1, a take by\n"
    "a thread that had none: `wanted`, `got`, and let go at `released`. Kind 2, a release by PyThreadState_Swap.\n"
    "`site` is the address to which the releasing (taking) call returned. Flag 1: it was released before the\n"
    "recording began, and counts from there. What is not over yet is no event. RuntimeError if it is not open.");

#if GS_LEDGER
static PyObject *taken_object(const taken *which, double scale) {
    int64_t count = 0;
    for (chunk *each = which->first; each != NULL; each = each->next) count += each->count;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * (int64_t)sizeof(event)));
    if (bytes == NULL) return NULL;
    char *out = PyBytes_AS_STRING(bytes);
    for (chunk *each = which->first; each != NULL; each = each->next) {
        for (int64_t i = 0; i < each->count; i++, out += sizeof(event)) {
            event row = each->events[i];
            int64_t *times[] = {&row.released, &row.wanted, &row.got};
            for (int t = 0; t < 3; t++) {
                int64_t ns = ledger.started_ns + (int64_t)((double)(*times[t] - ledger.started_ticks) * scale);
                /* A thread may have asked for the GIL under an earlier recording, and have it under this one. */
                if (ns < ledger.started_ns) ns = ledger.started_ns;
                *times[t] = ns > ledger.ended_ns ? ledger.ended_ns : ns;
            }
            memcpy(out, &row, sizeof row);
        }
    }
    return Py_BuildValue("(iLN)", which->tid, (long long)which->dropped, bytes);
}

/* Takes over what every book kept for this recording, without the interpreter, and frees the books of threads that have
 * ended. The end of the list has tid 0; NULL without memory. */
static taken *take_all(void) {
    pthread_mutex_lock(&ledger.registry);
    int count = 0, used = 0;
    for (book *each = ledger.books; each != NULL; each = each->next) count++;
    taken *all = calloc((size_t)count + 1, sizeof *all);
    for (book **place = &ledger.books; *place != NULL;) {
        book *each = *place;
        while (__atomic_load_n(&each->inside, __ATOMIC_SEQ_CST)) sched_yield();
        if (all != NULL && each->generation == ledger.generation && (each->first != NULL || each->dropped)) {
            all[used++] = (taken){each->tid, each->dropped, each->first};
            each->first = each->last = NULL;
        }
        free_chunks(&each->first);
        each->last = NULL;
        if (each->ended) {
            *place = each->next;
            free(each);
        } else {
            place = &each->next;
        }
    }
    pthread_mutex_unlock(&ledger.registry);
    return all;
}

static PyObject *collect(double scale) {
    taken *all = take_all();
    if (all == NULL) return PyErr_NoMemory();
    PyObject *list = PyList_New(0);
    for (taken *each = all; each->tid != 0; each++) {
        PyObject *object = list == NULL ? NULL : taken_object(each, scale);
        if (list != NULL && (object == NULL || PyList_Append(list, object) < 0)) Py_CLEAR(list);
        Py_XDECREF(object);
        free_chunks(&each->first);
    }
    free(all);
    return list;
}
#endif

static PyObject *stop(PyObject *module, PyObject *unused) {
#if GS_LEDGER
    pthread_mutex_lock(&ledger.control);
    bool open = ledger.running;
    long long slots = 0;
    int64_t ended_ns = 0, ended_ticks = 0;
    if (open) {
        read_clocks(&ended_ns, &ended_ticks);
        ledger.ended_ns = ended_ns;
        __atomic_store_n(&ledger.open, 0, __ATOMIC_SEQ_CST);
        for (int i = 0; i < ledger.library_count; i++) slots += ledger.libraries[i].count;
        dl_iterate_phdr(visit_restore, NULL);
        forget_libraries();
        ledger.running = false;
    }
    pthread_mutex_unlock(&ledger.control);
    if (open) {
        int64_t ticks = ended_ticks - ledger.started_ticks;
        PyObject *threads = collect(ticks > 0 ? (double)(ended_ns - ledger.started_ns) / (double)ticks : 1);
        if (threads == NULL) return NULL;
        return Py_BuildValue("{s:L,s:L,s:L,s:N}", "started", (long long)ledger.started_ns, "ended", (long long)ended_ns,
                             "slots", slots, "threads", threads);
    }
#endif
    PyErr_SetString(PyExc_RuntimeError, "no recording is running in this process");
    return NULL;
}

PyDoc_STRVAR(active_doc, "active()\n--\n\nWhether the ledger is open.");

static PyObject *active(PyObject *module, PyObject *unused) {
#if GS_LEDGER
    return PyBool_FromLong(__atomic_load_n(&ledger.open, __ATOMIC_SEQ_CST));
#else
    Py_RETURN_FALSE;
#endif
}

PyDoc_STRVAR(patched_doc, "patched()\n--\n\nHow many slots of the loaded objects point at a wrapper at this moment.");

#if GS_LEDGER
static void count_slot(void **slot, void *wrapper, const image *object, void *data) {
    if (is_wrapper(__atomic_load_n(slot, __ATOMIC_ACQUIRE))) ++*(long *)data;
}

static int visit_count(struct dl_phdr_info *info, size_t size, void *data) {
    image object;
    if (info->dlpi_addr != ledger.self && read_image(info, &object)) each_slot(&object, count_slot, data);
    return 0;
}
#endif

static PyObject *patched(PyObject *module, PyObject *unused) {
    long count = 0;
#if GS_LEDGER
    dl_iterate_phdr(visit_count, &count);
#endif
    return PyLong_FromLong(count);
}

PyDoc_STRVAR(
    locate_doc,
    "locate(address, /)\n--\n\n"
    "The library that an address lies in, its base, the nearest dynamic symbol before it or None, and the offset\n"
    "from that symbol or from the base: (\"\", 0, None, address) where there is no library.");

static PyObject *locate(PyObject *module, PyObject *argument) {
    unsigned long long address = PyLong_AsUnsignedLongLong(argument);
    if (address == (unsigned long long)-1 && PyErr_Occurred()) return NULL;
    Dl_info info;
    if (address == 0 || !dladdr((void *)(uintptr_t)address, &info))
        return Py_BuildValue("(siOK)", "", 0, Py_None, address);
    unsigned long long base = (uintptr_t)info.dli_fbase;
    unsigned long long from = info.dli_sname != NULL ? (uintptr_t)info.dli_saddr : base;
    return Py_BuildValue("(sKzK)", info.dli_fname, base, info.dli_sname, address - from);
}

static PyMethodDef methods[] = {
    {"start", start, METH_O, start_doc},         {"stop", stop, METH_NOARGS, stop_doc},
    {"active", active, METH_NOARGS, active_doc}, {"patched", patched, METH_NOARGS, patched_doc},
    {"locate", locate, METH_O, locate_doc},      {NULL, NULL, 0, NULL},
};

GS_PLAIN_MODULE(_ledger, "Every release of the GIL by a loaded library.", methods, gs_nothing_more)
