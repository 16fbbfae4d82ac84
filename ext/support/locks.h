/* Locks for memory that several calls write at once. They guard memory and nothing of Python's: whoever
 * takes one gives it back before it asks for the GIL. */
#ifndef GILSCOPE_SUPPORT_LOCKS_H
#define GILSCOPE_SUPPORT_LOCKS_H

#include <pthread.h>
#include <stdint.h>

enum { GS_LOCKS_LOG2 = 6, GS_LOCKS = 1 << GS_LOCKS_LOG2 };

/* The lock of an address: one of a fixed set, so every call finds the same one, in every interpreter of the
 * process. Each module that includes this has a set of its own. */
static inline pthread_mutex_t *gs_lock_of(const void *address) {
    static struct {
        _Alignas(64) pthread_mutex_t mutex; /* on a cache line of its own */
    } locks[GS_LOCKS] = {[0 ... GS_LOCKS - 1] = {PTHREAD_MUTEX_INITIALIZER}};
    return &locks[(uint64_t)(uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15) >> (64 - GS_LOCKS_LOG2)].mutex;
}

#endif
