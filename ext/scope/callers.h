/* From the return address of a call to those of its callers, some ns each.
 *
 * The unwinder needs microseconds, and these are asked for under the GIL's mutex. But a function has left the same
 * distance on the stack whenever it is at the same instruction, unless it makes room of a variable size. So the
 * distance from one return address to the next is looked up once by the unwind tables, and kept. Only frames of the
 * interpreter and of this package are passed over in this way. Everything here runs under the GIL's mutex. */
#ifndef GILSCOPE_SCOPE_CALLERS_H
#define GILSCOPE_SCOPE_CALLERS_H

#include <stdbool.h>
#include <stdint.h>
#include <unwind.h>

enum { CALLERS_TABLE = 1024, CALLERS_FULL = CALLERS_TABLE / 2 };

/* A place on the stack: a return address, and where it lies. */
typedef struct {
    uintptr_t first, address, slot;
    int depth; /* callers passed since `first` */
} callers_cursor;

typedef struct {
    uintptr_t address;
    intptr_t distance; /* to where the caller's return address lies */
} callers_known;

static struct {
    callers_known known[CALLERS_TABLE];
    int count;
    int64_t unwound; /* how often the unwinder had to be asked */
} callers;

static callers_known *callers_find(uintptr_t address) {
    uint64_t hash = (uint64_t)address * UINT64_C(0x9e3779b97f4a7c15) >> 54;
    while (callers.known[hash].address != 0 && callers.known[hash].address != address)
        hash = (hash + 1) % CALLERS_TABLE;
    return &callers.known[hash];
}

/* Looks for the frame `depth` above that of `first`. */
typedef struct {
    uintptr_t first, address, slot;
    int depth, passed; /* -1 until the first frame has been met */
} callers_search;

static _Unwind_Reason_Code callers_step(struct _Unwind_Context *context, void *data) {
    callers_search *search = data;
    uintptr_t address = (uintptr_t)_Unwind_GetIP(context);
    if (search->passed >= 0 || address == search->first) search->passed++;
    if (search->passed < search->depth) return _URC_NO_REASON;
    search->address = address;
    search->slot = (uintptr_t)_Unwind_GetCFA(context) - sizeof(void *); /* on x86-64; elsewhere it is not read */
    return _URC_END_OF_STACK;
}

static callers_search callers_unwind(uintptr_t first, int depth) {
    callers_search search = {.first = first, .depth = depth, .passed = -1};
    callers.unwound++;
    _Unwind_Backtrace(callers_step, &search);
    return search;
}

/* Moves to the caller's return address; false where it is not known. */
static bool callers_up(callers_cursor *at) {
    at->depth++;
#ifdef __x86_64__
    callers_known *known = callers_find(at->address);
    if (known->address != 0) {
        at->slot += (uintptr_t)known->distance;
        at->address = *(const uintptr_t *)at->slot;
        return true;
    }
#endif
    callers_search search = callers_unwind(at->first, at->depth);
    if (search.address == 0) return false;
#ifdef __x86_64__
    bool agrees = *(const uintptr_t *)search.slot == search.address;
    if (agrees && callers.count < CALLERS_FULL) {
        *known = (callers_known){at->address, (intptr_t)(search.slot - at->slot)};
        callers.count++;
    }
#endif
    at->address = search.address;
    at->slot = search.slot;
    return true;
}

#endif
