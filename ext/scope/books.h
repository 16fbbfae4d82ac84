/* The ledger's books: what each thread writes down, without a lock, and what becomes of it.
 *
 * `books.registry` guards the list of books; it is never held while the GIL is asked for. */
#ifndef GILSCOPE_SCOPE_BOOKS_H
#define GILSCOPE_SCOPE_BOOKS_H

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cycles.h"
#include "layout.h"

enum { BOOKS_CHUNK = 2048, BOOKS_DEPTH = 16 };

typedef struct books_chunk {
    struct books_chunk *next;
    int64_t count;
    layout_event events[BOOKS_CHUNK];
} books_chunk;

/* A release that is not over, or a take. */
typedef struct {
    int64_t wanted, got; /* of a take; of a release `wanted` is when it released */
    uint64_t site;
    layout_kind kind;
} books_entry;

/* Its own thread alone writes it; `inside` tells books_take_all() that it does so just now. */
typedef struct books_book {
    struct books_book *next;
    int tid;
    bool ended; /* guarded by the registry */
    uint64_t generation;
    books_chunk *first, *last;
    int64_t dropped;
    int depth;
    books_entry entries[BOOKS_DEPTH];
    int inside;
} books_book;

/* What one book recorded, taken out of it. */
typedef struct {
    int tid;
    int64_t dropped;
    books_chunk *first;
} books_taken;

static struct {
    pthread_mutex_t registry;
    pthread_key_t key;
    int open;            /* whether events are written; atomic */
    uint64_t generation; /* of the recording; atomic */
    int64_t budget;      /* events that there is still room for; atomic */
    books_book *first;
    int64_t started_ns, started_cycles, ended_ns, ended_cycles;
} books = {.registry = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local books_book *books_mine;
/* In a hooked function: what an interpreter that is a library calls itself is no event. */
static _Thread_local int books_nested;

static inline bool books_are_open(void) { return __atomic_load_n(&books.open, __ATOMIC_ACQUIRE); }

static void books_free_chunks(books_chunk **first) {
    while (*first != NULL) {
        books_chunk *next = (*first)->next;
        free(*first);
        *first = next;
    }
}

/* When a thread ends, its book goes too, unless a recording still wants what is in it. */
static void books_thread_ended(void *memory) {
    books_book *leaving = memory;
    books_mine = NULL;
    pthread_mutex_lock(&books.registry);
    leaving->ended = true;
    if (!__atomic_load_n(&books.open, __ATOMIC_SEQ_CST) && leaving->first == NULL) {
        books_book **place = &books.first;
        while (*place != leaving) place = &(*place)->next;
        *place = leaving->next;
        free(leaving);
    }
    pthread_mutex_unlock(&books.registry);
}

static void books_set_up(void) { pthread_key_create(&books.key, books_thread_ended); }

static books_book *books_add(void) {
    books_book *book = calloc(1, sizeof *book);
    if (book == NULL) return NULL;
    book->tid = (int)syscall(SYS_gettid);
    pthread_mutex_lock(&books.registry);
    book->next = books.first;
    books.first = book;
    pthread_mutex_unlock(&books.registry);
    pthread_setspecific(books.key, book);
    return books_mine = book;
}

/* This thread's book, opened for this recording, or NULL where there is none. */
static inline books_book *books_current(void) {
    if (!books_are_open() || books_nested) return NULL;
    books_book *book = books_mine != NULL ? books_mine : books_add();
    uint64_t generation = __atomic_load_n(&books.generation, __ATOMIC_RELAXED);
    if (book != NULL && book->generation != generation) {
        book->generation = generation;
        book->depth = 0;
        book->dropped = 0;
    }
    return book;
}

static books_chunk *books_next_chunk(books_book *book) {
    if (__atomic_fetch_sub(&books.budget, BOOKS_CHUNK, __ATOMIC_RELAXED) < BOOKS_CHUNK) {
        __atomic_fetch_add(&books.budget, BOOKS_CHUNK, __ATOMIC_RELAXED);
        return NULL;
    }
    books_chunk *chunk = malloc(sizeof *chunk);
    if (chunk == NULL) return NULL;
    chunk->next = NULL;
    chunk->count = 0;
    if (book->last == NULL) book->first = chunk;
    else book->last->next = chunk;
    return book->last = chunk;
}

/* `inside` and `open` are the two sides of a handshake: either this sees that the books were closed, or
 * books_take_all() sees that somebody writes, and waits for these few instructions. */
static inline void books_append(books_book *book, layout_event event) {
    __atomic_store_n(&book->inside, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&books.open, __ATOMIC_SEQ_CST)) {
        books_chunk *last = book->last;
        if (last == NULL || last->count == BOOKS_CHUNK) last = books_next_chunk(book);
        if (last == NULL) book->dropped++;
        else last->events[last->count++] = event;
    }
    __atomic_store_n(&book->inside, 0, __ATOMIC_RELEASE);
}

static inline void books_push(books_book *book, books_entry entry) {
    if (book->depth < BOOKS_DEPTH) book->entries[book->depth] = entry;
    book->depth++; /* counted beyond the room, too, so that each return finds its own level */
}

/* The thread lets the GIL go, at `when`. */
static inline void books_release(layout_kind kind, int64_t when, const void *site) {
    books_book *book = books_current();
    if (book != NULL) books_push(book, (books_entry){.wanted = when, .site = (uint64_t)(uintptr_t)site, .kind = kind});
}

/* The thread has the GIL back. */
static inline void books_return(int64_t wanted, int64_t got) {
    books_book *book = books_current();
    if (book == NULL) return;
    int top = book->depth - 1;
    if (top < 0 || (top < BOOKS_DEPTH && book->entries[top].kind == LAYOUT_TAKE)) { /* released before the recording */
        layout_event event = {books.started_cycles, wanted, got, 0, LAYOUT_RELEASE, LAYOUT_FROM_BEFORE};
        books_append(book, event);
        return;
    }
    book->depth--;
    if (book->depth >= BOOKS_DEPTH) {
        book->dropped++;
        return;
    }
    const books_entry *entry = &book->entries[book->depth];
    books_append(book, (layout_event){entry->wanted, wanted, got, entry->site, entry->kind, 0});
}

/* A thread that had no GIL took it. */
static inline void books_take(int64_t wanted, int64_t got, const void *site) {
    books_book *book = books_current();
    if (book != NULL) books_push(book, (books_entry){wanted, got, (uint64_t)(uintptr_t)site, LAYOUT_TAKE});
}

/* It gives up what it took. */
static inline void books_give_up(void) {
    books_book *book = books_current();
    if (book == NULL || book->depth == 0) return;
    book->depth--;
    if (book->depth >= BOOKS_DEPTH) {
        book->dropped++;
        return;
    }
    const books_entry *entry = &book->entries[book->depth];
    if (entry->kind != LAYOUT_TAKE) return;
    books_append(book, (layout_event){cycles_now(), entry->wanted, entry->got, entry->site, LAYOUT_TAKE, 0});
}

static void books_open(int64_t limit) {
    books.budget = limit < BOOKS_CHUNK ? BOOKS_CHUNK : limit;
    cycles_read_both(&books.started_ns, &books.started_cycles);
    __atomic_fetch_add(&books.generation, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&books.open, 1, __ATOMIC_SEQ_CST);
}

static void books_close(void) {
    cycles_read_both(&books.ended_ns, &books.ended_cycles);
    __atomic_store_n(&books.open, 0, __ATOMIC_SEQ_CST);
}

/* Takes over what every book recorded, and frees the books of threads that have ended. Needs no GIL. The list, which
 * the caller frees, ends with tid 0; NULL without memory. */
static books_taken *books_take_all(void) {
    pthread_mutex_lock(&books.registry);
    int count = 0, used = 0;
    for (books_book *each = books.first; each != NULL; each = each->next) count++;
    books_taken *all = calloc((size_t)count + 1, sizeof *all);
    for (books_book **place = &books.first; *place != NULL;) {
        books_book *each = *place;
        while (__atomic_load_n(&each->inside, __ATOMIC_SEQ_CST)) sched_yield();
        if (all != NULL && each->generation == books.generation && (each->first != NULL || each->dropped)) {
            all[used++] = (books_taken){each->tid, each->dropped, each->first};
            each->first = each->last = NULL;
        }
        books_free_chunks(&each->first);
        each->last = NULL;
        if (each->ended) {
            *place = each->next;
            free(each);
        } else {
            place = &each->next;
        }
    }
    pthread_mutex_unlock(&books.registry);
    return all;
}

/* The recording's clock cycles as monotonic ns. */
static int64_t books_ns(int64_t cycles, double ns_per_cycle) {
    int64_t ns = books.started_ns + (int64_t)((double)(cycles - books.started_cycles) * ns_per_cycle);
    /* A thread may have asked for the GIL under an earlier recording, and have it under this one. */
    if (ns < books.started_ns) return books.started_ns;
    return ns > books.ended_ns ? books.ended_ns : ns;
}

static double books_ns_per_cycle(void) {
    int64_t cycles = books.ended_cycles - books.started_cycles;
    return cycles > 0 ? (double)(books.ended_ns - books.started_ns) / (double)cycles : 1;
}

/* The child of a fork has one thread and no recording. */
static void books_reset_in_child(void) {
    pthread_mutex_init(&books.registry, NULL);
    __atomic_store_n(&books.open, 0, __ATOMIC_SEQ_CST);
    books_book *rest = NULL;
    for (books_book *each = books.first, *next; each != NULL; each = next) {
        next = each->next;
        books_free_chunks(&each->first);
        each->last = NULL;
        if (each == books_mine) rest = each;
        else free(each);
    }
    if (rest != NULL) rest->next = NULL;
    books.first = rest;
}

#endif
