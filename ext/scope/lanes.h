/* The threads of the process as the sampler sees them from outside: their CPU clocks, what they are blocked in, and
 * which thread state is theirs. Only the sampler's thread calls this, or nobody else while it does not run. */
#ifndef GILSCOPE_SCOPE_LANES_H
#define GILSCOPE_SCOPE_LANES_H

#include "internals.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/base.h"
#include "layout.h"

enum { LANES_RECHECK = 8 }; /* ticks for which a thread that was blocked, and has used no CPU time, counts as blocked */

typedef struct {
    int tid;
    clockid_t clock;
    int syscall_file; /* /proc/self/task/TID/syscall, or -1 */
    bool ended;
    uint8_t last_blocked; /* the state it was last found blocked in, while its CPU clock stands still */
    int unchecked;        /* ticks since then */
    int64_t cpu_first, cpu_before, cpu_now; /* ns */
    int64_t first;                          /* the tick of states[0] */
    uint8_t *states;
    int64_t count, room;
} lanes_lane;

typedef struct {
    uintptr_t thread; /* a PyThreadState, never followed */
    int lane;
    bool attached;
} lanes_binding;

/* Where the GIL's struct lies: a futex in there is what a thread waits in for the GIL. */
typedef struct {
    uintptr_t address;
    size_t size;
} lanes_gil;

static struct {
    PyInterpreterState *interpreter;
    int sampler; /* tid of the sampler's thread, which is no lane */
    lanes_lane *all;
    int count, room;
    lanes_binding *bindings;
    int binding_count, binding_room;
    nlink_t tasks; /* links of /proc/self/task when it was last listed: one more thread, one more link */
    int64_t refreshed;
    bool out_of_memory;
} lanes;

/* Makes room for one more in an array that doubles. */
static bool lanes_grow(void **array, int64_t count, int64_t *room, size_t size) {
    if (count < *room) return true;
    int64_t wanted = *room ? *room * 2 : 64;
    void *bigger = realloc(*array, (size_t)wanted * size);
    if (bigger == NULL) return false;
    *array = bigger;
    *room = wanted;
    return true;
}

static bool lanes_grow_int(void **array, int count, int *room, size_t size) {
    int64_t wide = *room;
    bool grown = lanes_grow(array, count, &wide, size);
    *room = (int)wide;
    return grown;
}

/* Linux's name for the CPU clock of a thread of this process. Unlike pthread_getcpuclockid() it takes a thread that
 * has ended, too: reading the clock then fails. */
static clockid_t lanes_clock(int tid) { return (clockid_t)((~(unsigned)tid << 3) | 6); }

/* CPU ns of the thread so far, or -1 if it has ended. */
static int64_t lanes_cpu_ns(const lanes_lane *lane) {
    struct timespec spent;
    if (clock_gettime(lane->clock, &spent) != 0) return -1;
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

static int lanes_index(int tid) {
    for (int i = lanes.count - 1; i >= 0; i--)
        if (lanes.all[i].tid == tid && !lanes.all[i].ended) return i;
    return LAYOUT_UNKNOWN;
}

/* False for a thread that has ended meanwhile. `tick` is the first that can show it. */
static bool lanes_add(int tid, int64_t tick) {
    lanes_lane lane = {.tid = tid, .clock = lanes_clock(tid), .syscall_file = -1, .first = tick};
    lane.cpu_first = lane.cpu_before = lane.cpu_now = lanes_cpu_ns(&lane);
    if (lane.cpu_first < 0) return false;
    if (!lanes_grow_int((void **)&lanes.all, lanes.count, &lanes.room, sizeof(lanes_lane))) {
        lanes.out_of_memory = true;
        return false;
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    lane.syscall_file = open(path, O_RDONLY | O_CLOEXEC);
    lanes.all[lanes.count++] = lane;
    return true;
}

/* Finds the threads. To list them costs as much as a whole look, to count them next to nothing: they are listed when
 * there are more or fewer than the last time, or when one has ended (`tasks` is 0 then). A thread that was counted but
 * not found is looked for again, too: the next thread could take its place unseen. */
static void lanes_list(int64_t tick) {
    struct stat folder_stat;
    nlink_t tasks = stat("/proc/self/task", &folder_stat) == 0 ? folder_stat.st_nlink : 0;
    if (tasks != 0 && tasks == lanes.tasks) return;
    lanes.tasks = tasks;
    DIR *folder = opendir("/proc/self/task");
    if (folder == NULL) return;
    nlink_t links = 0; /* a directory has two of its own, and they are listed, too */
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int tid = atoi(entry->d_name);
        if (tid <= 0 || tid == lanes.sampler || lanes_index(tid) != LAYOUT_UNKNOWN || lanes_add(tid, tick)) links++;
    }
    closedir(folder);
    if (links != tasks) lanes.tasks = 0;
}

/* Finds the threads, and which thread state belongs to which. */
static void lanes_refresh(int64_t now, int64_t tick) {
    lanes.refreshed = now;
    lanes_list(tick);
#if GS_INTERNALS
    lanes.binding_count = 0;
    gs_threads_lock();
    for (PyThreadState *each = PyInterpreterState_ThreadHead(lanes.interpreter); each != NULL; each = each->next) {
        if (!lanes_grow_int((void **)&lanes.bindings, lanes.binding_count, &lanes.binding_room, sizeof(lanes_binding)))
            break;
        lanes.bindings[lanes.binding_count++] =
            (lanes_binding){(uintptr_t)each, (int)each->native_thread_id, gs_attached(each)};
    }
    gs_threads_unlock();
    for (int i = 0; i < lanes.binding_count; i++) /* outside the lock: native id to lane */
        lanes.bindings[i].lane = lanes_index(lanes.bindings[i].lane);
#endif
}

static inline int lanes_holder(uintptr_t thread) {
    for (int i = 0; i < lanes.binding_count; i++)
        if (lanes.bindings[i].thread == thread) return lanes.bindings[i].lane;
    return LAYOUT_UNKNOWN;
}

static inline bool lanes_attached(int index) {
    for (int i = 0; i < lanes.binding_count; i++)
        if (lanes.bindings[i].lane == index && lanes.bindings[i].attached) return true;
    return false;
}

/* What a thread does whose CPU clock stands still. The kernel shows "running" for one that could run, else the number
 * of its system call and the arguments, of which the first is a futex's address. */
static layout_state lanes_blocked_in(const lanes_lane *lane, lanes_gil gil) {
    char text[64];
    ssize_t length = lane->syscall_file < 0 ? -1 : pread(lane->syscall_file, text, sizeof text - 1, 0);
    if (length <= 0) return LAYOUT_OFF;
    text[length] = '\0';
    if (strncmp(text, "running", 7) == 0) return LAYOUT_WAITS_CORE;
    char *rest;
    long call = strtol(text, &rest, 10);
    uintptr_t address = (uintptr_t)strtoull(rest, NULL, 16);
    bool in_gil = address >= gil.address && address < gil.address + gil.size;
    return call == SYS_futex && in_gil ? LAYOUT_WAITS_GIL : LAYOUT_OFF;
}

static void lanes_end(lanes_lane *lane) {
    lane->ended = true;
    lanes.tasks = 0;
}

/* The first of two readings of every clock: lanes_state() makes the second. */
static void lanes_read_clocks(void) {
    for (int i = 0; i < lanes.count; i++) {
        lanes_lane *lane = &lanes.all[i];
        if (!lane->ended && (lane->cpu_now = lanes_cpu_ns(lane)) < 0) lanes_end(lane);
    }
}

/* A clock that moves between two readings belongs to a thread that runs at this moment. `interval`: ns since the last
 * tick. */
static layout_state lanes_state(lanes_lane *lane, bool holds, int64_t interval, lanes_gil gil) {
    int64_t before = lane->cpu_before, first = lane->cpu_now;
    bool asleep = first == before && lane->unchecked < LANES_RECHECK && !holds;
    int64_t second = asleep ? first : lanes_cpu_ns(lane);
    if (second < 0) {
        lanes_end(lane);
        return LAYOUT_OFF;
    }
    lane->cpu_before = lane->cpu_now = second;
    if (second > first) {
        lane->unchecked = LANES_RECHECK;
        return holds ? LAYOUT_HOLDS : LAYOUT_RELEASED;
    }
    /* While the clock stands still, a thread that was blocked still is, unless it was woken and waits for a core. */
    if (asleep) {
        lane->unchecked++;
        return lane->last_blocked;
    }
    layout_state blocked = lanes_blocked_in(lane, gil);
    lane->last_blocked = (uint8_t)blocked;
    lane->unchecked = blocked == LAYOUT_WAITS_CORE ? LANES_RECHECK : 0;
    /* The sampler itself needs a core: a thread that ran until just now, and could go on, stands aside for it. */
    if (blocked == LAYOUT_WAITS_CORE && (second - before) * 8 > interval) return holds ? LAYOUT_HOLDS : LAYOUT_RELEASED;
    return holds ? LAYOUT_HOLDS_ABSENT : blocked;
}

/* False without memory. */
static bool lanes_append(lanes_lane *lane, layout_state state) {
    if (!lanes_grow((void **)&lane->states, lane->count, &lane->room, 1)) return false;
    lane->states[lane->count++] = (uint8_t)state;
    return true;
}

static void lanes_close_files(void) {
    for (int i = 0; i < lanes.count; i++)
        if (lanes.all[i].syscall_file >= 0) close(lanes.all[i].syscall_file);
}

static void lanes_forget(void) {
    lanes_close_files();
    for (int i = 0; i < lanes.count; i++) free(lanes.all[i].states);
    free(lanes.all);
    free(lanes.bindings);
    lanes.all = NULL;
    lanes.bindings = NULL;
    lanes.count = lanes.room = lanes.binding_count = lanes.binding_room = 0;
    lanes.tasks = 0;
    lanes.refreshed = 0;
    lanes.out_of_memory = false;
}

/* Closes the files, and leaves the memory alone: in the child of a fork it may be half written. */
static void lanes_abandon(void) {
    lanes_close_files();
    lanes.all = NULL;
    lanes.bindings = NULL;
    lanes.count = 0;
    lanes_forget();
}

#endif
