/* The sampler's looks: one tick each, and one state for each lane; and when the next one is due. */
#ifndef GILSCOPE_SCOPE_LOOKS_H
#define GILSCOPE_SCOPE_LOOKS_H

#include "lanes.h"

enum { LOOKS_REFRESH_NS = 10000000, LOOKS_SEARCH_NS = 1000000, LOOKS_LEAST = 10 };

static struct {
    int64_t period; /* ns between two looks, on average */
    double budget;  /* CPU seconds per second that they may cost; 0: any */
    int64_t limit;  /* ticks that there is room for */
    layout_tick *ticks;
    int64_t count, room, dropped;
    uint64_t random;
} looks;

static void looks_states(int holder, bool many, int64_t interval, lanes_gil gil) {
    for (int i = 0; i < lanes.count; i++) {
        lanes_lane *lane = &lanes.all[i];
        if (lane->ended) continue;
        layout_state state = lanes_state(lane, i == holder || (many && lanes_attached(i)), interval, gil);
        if (!lane->ended && !lanes_append(lane, state)) {
            lanes.out_of_memory = true;
            return;
        }
    }
}

static void looks_take(int64_t now, int64_t late) {
    layout_tick tick = {.time = now, .holder = LAYOUT_NOBODY, .late = (int32_t)(late / 1000)};
    int64_t interval = looks.count ? now - looks.ticks[looks.count - 1].time : looks.period;
    lanes_gil place = {0, 0};
    bool many = false; /* without a GIL many threads are attached at once */
    lanes_read_clocks();
#if GS_INTERNALS
    gs_gil_struct *gil = gs_gil_of(lanes.interpreter);
    place = (lanes_gil){(uintptr_t)gil, sizeof *gil};
    many = !gs_gil_enabled(gil);
    gs_gil reading = gs_gil_read(gil);
    tick.switches = reading.switches;
    if (many) {
        lanes_refresh(now, looks.count);
    } else if (reading.locked) {
        tick.holder = lanes_holder(reading.last_holder);
        if (tick.holder == LAYOUT_UNKNOWN && now - lanes.refreshed > LOOKS_SEARCH_NS) {
            lanes_refresh(now, looks.count);
            tick.holder = lanes_holder(reading.last_holder);
        }
    }
#endif
    if (!lanes_grow((void **)&looks.ticks, looks.count, &looks.room, sizeof(layout_tick))) {
        lanes.out_of_memory = true;
        return;
    }
    looks_states(tick.holder, many, interval, place);
    if (!lanes.out_of_memory) looks.ticks[looks.count++] = tick;
}

static void looks_one(int64_t now, int64_t due) {
    if (now - lanes.refreshed > LOOKS_REFRESH_NS) lanes_refresh(now, looks.count);
    if (looks.count >= looks.limit || lanes.out_of_memory) looks.dropped++;
    else looks_take(now, now - due);
}

/* The period asked for, or the longer one in which a look, by what so many have cost so far, keeps to the budget. That
 * is mostly the waking up: 5 us on some machines and 40 on others. */
static int64_t looks_period(int64_t count, int64_t cost) {
    if (looks.budget <= 0 || count < LOOKS_LEAST) return looks.period;
    int64_t within = (int64_t)((double)cost / (double)count / looks.budget);
    return within > looks.period ? within : looks.period;
}

/* Between half and one and a half periods, so that no workload keeps step with the ticks (xorshift64). */
static int64_t looks_vary(int64_t period) {
    looks.random ^= looks.random << 13;
    looks.random ^= looks.random >> 7;
    looks.random ^= looks.random << 17;
    return period / 2 + (int64_t)(looks.random % (uint64_t)period);
}

static void looks_start(double rate, int64_t limit, double budget) {
    looks.period = (int64_t)(1e9 / rate);
    looks.budget = budget;
    looks.limit = limit;
    looks.random = UINT64_C(0x9e3779b97f4a7c15);
}

static void looks_forget(void) {
    free(looks.ticks);
    looks.ticks = NULL;
    looks.count = looks.room = looks.dropped = 0;
}

/* As lanes_abandon(). */
static void looks_abandon(void) {
    looks.ticks = NULL;
    looks_forget();
}

#endif
