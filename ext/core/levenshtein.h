/* levenshtein: edit distances of one query to many choices, by code points, bit-parallel.
 *
 * A column of the dynamic programme is held as the differences between its rows, 64 of them in two machine
 * words (G. Myers, A fast bit-vector algorithm for approximate string matching based on dynamic programming,
 * J. ACM 46, 1999; in the form of H. Hyyro, A bit-vector algorithm for computing Levenshtein and Damerau edit
 * distances, Nordic J. of Computing 10, 2003). A longer query is cut into blocks of 64 rows, and what changes
 * along the lower edge of a block is carried into the next.
 *
 * Eight choices are computed side by side, each in a lane of its own, taken in the order of their lengths so
 * that they end together. In a step each lane goes on by one character of its choice; the steps of one block
 * over a run of characters are a tile, and between two tiles the work can be stopped and taken up again.
 *
 * Where the choices are too few for that and the query is long, the lanes are eight blocks of one choice, each
 * one character behind the block above it: how that block's last row changes there, it told in the step before.
 * Such a tile is slanted. */
#ifndef GILSCOPE_CORE_LEVENSHTEIN_H
#define GILSCOPE_CORE_LEVENSHTEIN_H

#include "base.h"

#include <string.h>

enum {
    LEVENSHTEIN_THRESHOLD = 4000, /* character-words; measured by benchmarks/thresholds.py */
    LEVENSHTEIN_NANOSECONDS = 40, /* of a character-word at worst: one lane in use, no wide vectors */
    LEVENSHTEIN_ROWS = 64,        /* of a block */
    LEVENSHTEIN_STEPS = 256,      /* of a tile, at most: enough to be worth the tables of its blocks */
    LEVENSHTEIN_VECTOR = 4,       /* lanes in a vector */
    LEVENSHTEIN_VECTORS = 2,      /* while one waits for a result, the other has work */
    LEVENSHTEIN_LANES = LEVENSHTEIN_VECTOR * LEVENSHTEIN_VECTORS,
    LEVENSHTEIN_WINDOW = 1024, /* choices that are sorted at a time */
    LEVENSHTEIN_SLOTS = 128,   /* twice the rows of a block, so half of them stay free */
};

/* A word for each of four lanes; no more than a word's alignment is asked of memory. */
typedef uint64_t levenshtein_vector __attribute__((vector_size(8 * LEVENSHTEIN_VECTOR), aligned(8)));

/* A word for each lane. */
typedef union {
    levenshtein_vector vectors[LEVENSHTEIN_VECTORS];
    uint64_t lanes[LEVENSHTEIN_LANES];
} levenshtein_lanes;

typedef struct {
    gs_text query;
    const gs_text *choices;
    int64_t count;
    int32_t *distances;
} levenshtein_task;

/* The rows of a block that match a character, one bit each. */
typedef struct {
    uint64_t latin[256];                /* for the first 256 code points; */
    uint64_t others[LEVENSHTEIN_SLOTS]; /* for others, hashed: slot i is that of keys[i], or free where this is 0 */
    uint32_t keys[LEVENSHTEIN_SLOTS];
    bool wide; /* whether any slot is taken */
} levenshtein_table;

/* Bits of the rows that are one above, and one below, the row before. */
typedef struct {
    levenshtein_lanes rise, fall;
} levenshtein_column;

/* The rows that match a character of the choice, and how the row above the block changes there: it rises by 1,
 * falls by 1, or stays. */
typedef struct {
    levenshtein_lanes match, rises, falls; /* in a slanted tile, of the last two only the first lane */
} levenshtein_step;

/* All that has to be known between two tiles. */
typedef struct {
    int64_t words;                             /* blocks of the query */
    int64_t done;                              /* of levenshtein_work() */
    int64_t window, next, filled;              /* its first choice; the next place in its order, and the end */
    uint16_t order[LEVENSHTEIN_WINDOW];        /* the choices of the window, shortest first */
    const gs_text *choices[LEVENSHTEIN_LANES]; /* in the lanes, as many as there are `lanes` */
    int lanes;
    bool slanted;               /* the lanes are blocks of the only choice */
    int64_t steps;              /* to the end of the longest of them */
    int64_t position, block;    /* the step and the block, or the first block, where the next tile begins */
    int64_t tabled;             /* the block that the first table is for */
    levenshtein_lanes distance; /* of the query to as much of the choice as was met */
    levenshtein_lanes active;   /* minus the steps of this tile that are left to the lane: the top bit tells */
    levenshtein_step tile[LEVENSHTEIN_STEPS];
    levenshtein_table tables[LEVENSHTEIN_LANES]; /* of the tile's blocks: one, or one per lane */
    levenshtein_column columns[];                /* one per block; or one for eight, then what their last rows did */
} levenshtein_state;

static inline int64_t levenshtein_words(int64_t query) {
    return query == 0 ? 1 : (query + LEVENSHTEIN_ROWS - 1) / LEVENSHTEIN_ROWS;
}

/* The work in character-words: each character of the choices, and one more per choice, against each block. */
static inline int64_t levenshtein_work(int64_t query, int64_t characters, int64_t choices) {
    int64_t sum;
    if (__builtin_add_overflow(characters, choices, &sum)) return INT64_MAX;
    return gs_product(sum, levenshtein_words(query));
}

static inline size_t levenshtein_state_size(int64_t query) {
    return sizeof(levenshtein_state) + (size_t)levenshtein_words(query) * sizeof(levenshtein_column);
}

/* Makes raw memory of that size ready for a task. */
static inline void levenshtein_start(const levenshtein_task *task, levenshtein_state *state) {
    memset(state, 0, offsetof(levenshtein_state, tile));
    for (int i = 0; i < LEVENSHTEIN_LANES; i++) state->tables[i].wide = true; /* all of it has yet to be cleared */
    state->words = levenshtein_words(task->query.length);
    state->tabled = -1;
}

static inline uint32_t levenshtein_character(const gs_text *text, int64_t place) {
    switch (text->width) {
    case 1: return ((const uint8_t *)text->characters)[place];
    case 2: return ((const uint16_t *)text->characters)[place];
    default: return ((const uint32_t *)text->characters)[place];
    }
}

/* The slot of a code point from 256 up: its own, or the free one where it would go. */
static inline uint32_t levenshtein_slot(const levenshtein_table *table, uint32_t character) {
    uint32_t slot = character * UINT32_C(0x9e3779b1) >> 25; /* 2^32 / golden ratio; 7 bits */
    while (table->keys[slot] != 0 && table->keys[slot] != character) slot = (slot + 1) % LEVENSHTEIN_SLOTS;
    return slot;
}

static inline uint64_t levenshtein_match(const levenshtein_table *table, uint32_t character) {
    if (character < 256) return table->latin[character];
    return table->wide ? table->others[levenshtein_slot(table, character)] : 0;
}

/* The rows of a block that the query fills: all, but for the first block. They are the upper bits, so that the
 * last row is always the top bit. Those below match nothing and do not rise, which keeps them equal to row 0. */
static inline int levenshtein_rows(const levenshtein_task *task, int64_t words, int64_t block) {
    return block > 0 ? LEVENSHTEIN_ROWS : (int)(task->query.length - (words - 1) * LEVENSHTEIN_ROWS);
}

static inline void levenshtein_tabulate(const levenshtein_task *task, const levenshtein_state *state, int64_t block,
                                        levenshtein_table *table) {
    int rows = levenshtein_rows(task, state->words, block);
    int64_t first = task->query.length - (state->words - block) * LEVENSHTEIN_ROWS;
    memset(table, 0, table->wide ? sizeof *table : sizeof table->latin);
    for (int row = LEVENSHTEIN_ROWS - rows; row < LEVENSHTEIN_ROWS; row++) {
        uint32_t character = levenshtein_character(&task->query, first + row);
        if (character < 256) {
            table->latin[character] |= UINT64_C(1) << row;
        } else {
            uint32_t slot = levenshtein_slot(table, character);
            table->keys[slot] = character;
            table->others[slot] |= UINT64_C(1) << row;
            table->wide = true;
        }
    }
}

/* The blocks in a tile. */
static inline int levenshtein_height(const levenshtein_state *state) {
    int64_t left = state->words - state->block;
    return !state->slanted ? 1 : left < LEVENSHTEIN_LANES ? (int)left : LEVENSHTEIN_LANES;
}

static inline void levenshtein_tabulate_tile(const levenshtein_task *task, levenshtein_state *state) {
    if (state->tabled == state->block) return;
    for (int i = 0; i < levenshtein_height(state); i++)
        levenshtein_tabulate(task, state, state->block + i, &state->tables[i]);
    state->tabled = state->block;
}

static inline levenshtein_column *levenshtein_column_of(levenshtein_state *state) {
    return &state->columns[state->slanted ? state->block / LEVENSHTEIN_LANES : state->block];
}

/* The slanted tiles that cover all blocks. */
static inline int64_t levenshtein_slanted_tiles(const levenshtein_state *state) {
    return (state->words + LEVENSHTEIN_LANES - 1) / LEVENSHTEIN_LANES;
}

/* How the last rows of a slanted tile's blocks changed in the step before, in bit 0. */
static inline levenshtein_column *levenshtein_below(levenshtein_state *state) {
    return levenshtein_column_of(state) + levenshtein_slanted_tiles(state);
}

/* The column before the first character: each row is one above the row before. */
static inline void levenshtein_first_column(const levenshtein_task *task, levenshtein_state *state) {
    levenshtein_column *column = levenshtein_column_of(state);
    for (int lane = 0; lane < LEVENSHTEIN_LANES; lane++) {
        int rows = levenshtein_rows(task, state->words, state->block + (state->slanted ? lane : 0));
        column->rise.lanes[lane] = rows == 0 ? 0 : ~UINT64_C(0) << (LEVENSHTEIN_ROWS - rows);
        column->fall.lanes[lane] = 0;
    }
    if (state->slanted) memset(levenshtein_below(state), 0, sizeof *column);
}

/* Looks up the characters of a lane, which is at this place of its text, as far as that goes; what stands in the lane
 * after that does no harm. Before its first character a block of a slanted tile matches nothing, and so stays as it is.
 */
GS_INLINE void levenshtein_look_up_lane(levenshtein_state *state, int lane, const gs_text *text,
                                        const levenshtein_table *table, int64_t place, int steps) {
    int64_t left = text->length - place;
    int end = left < 0 ? 0 : left < steps ? (int)left : steps;
    int begin = place >= 0 ? 0 : -place < end ? (int)-place : end;
    state->active.lanes[lane] = (uint64_t)-end;
    state->done += end - begin;
    for (int i = 0; i < begin; i++) state->tile[i].match.lanes[lane] = 0;
    if (text->width == 1) {
        const uint8_t *characters = text->characters;
        GS_UNROLL(2)
        for (int i = begin; i < end; i++) state->tile[i].match.lanes[lane] = table->latin[characters[place + i]];
    } else {
        for (int i = begin; i < end; i++)
            state->tile[i].match.lanes[lane] = levenshtein_match(table, levenshtein_character(text, place + i));
    }
}

static inline void levenshtein_look_up(levenshtein_state *state, int steps) {
    int64_t place = state->position;
    if (state->slanted) {
        for (int lane = 0; lane < levenshtein_height(state); lane++)
            levenshtein_look_up_lane(state, lane, state->choices[0], &state->tables[lane], place - state->block - lane,
                                     steps);
    } else {
        if (place < 0) __builtin_unreachable(); /* the compiler drops what waits for the first character */
        for (int lane = 0; lane < state->lanes; lane++)
            levenshtein_look_up_lane(state, lane, state->choices[lane], &state->tables[0], place, steps);
    }
}

/* Row 0 rises by 1 at each character. */
static inline void levenshtein_first_row(levenshtein_state *state, int steps) {
    for (int i = 0; i < steps; i++) {
        for (int lane = 0; lane < LEVENSHTEIN_LANES; lane++) {
            state->tile[i].rises.lanes[lane] = 1;
            state->tile[i].falls.lanes[lane] = 0;
        }
    }
}

/* A block's column moves on by one step, in the lanes of a vector. `rises` and `falls` tell in bit 0 how the row
 * above the block changes, and then in the top bit how its last row does. */
GS_INLINE void levenshtein_move(levenshtein_vector *rise, levenshtein_vector *fall, const levenshtein_vector *match,
                                levenshtein_vector *rises, levenshtein_vector *falls) {
    levenshtein_vector hit = *match | *falls;
    levenshtein_vector same = (((hit & *rise) + *rise) ^ *rise) | hit | *fall; /* rows that keep the diagonal's value */
    levenshtein_vector up = *fall | ~(same | *rise), down = same & *rise;      /* rows that change in this step */
    levenshtein_vector up_above = up << 1 | *rises, down_above = down << 1 | *falls;
    *rise = down_above | ~(same | up_above);
    *fall = up_above & same;
    *rises = up;
    *falls = down;
}

/* Takes the block's columns through the tile. `alone`: there is no other block, so all above is row 0, which
 * rises by 1 in each step, and nothing is below. */
GS_INLINE void levenshtein_tile(levenshtein_state *state, int steps, bool alone) {
    levenshtein_column *column = &state->columns[state->block];
    levenshtein_vector rise[LEVENSHTEIN_VECTORS], fall[LEVENSHTEIN_VECTORS], active[LEVENSHTEIN_VECTORS];
    levenshtein_vector change[LEVENSHTEIN_VECTORS]; /* of the last row */
    for (int v = 0; v < LEVENSHTEIN_VECTORS; v++) {
        rise[v] = column->rise.vectors[v];
        fall[v] = column->fall.vectors[v];
        active[v] = state->active.vectors[v];
        change[v] = (levenshtein_vector){0};
    }
    for (int i = 0; i < steps; i++) {
        levenshtein_step *step = &state->tile[i];
        for (int v = 0; v < LEVENSHTEIN_VECTORS; v++) {
            levenshtein_vector rises = alone ? (levenshtein_vector){0} + 1 : step->rises.vectors[v];
            levenshtein_vector falls = alone ? (levenshtein_vector){0} : step->falls.vectors[v];
            levenshtein_move(&rise[v], &fall[v], &step->match.vectors[v], &rises, &falls);
            change[v] += ((rises & active[v]) >> 63) - ((falls & active[v]) >> 63);
            active[v] += 1;
            if (alone) continue;
            step->rises.vectors[v] = rises >> 63;
            step->falls.vectors[v] = falls >> 63;
        }
    }
    for (int v = 0; v < LEVENSHTEIN_VECTORS; v++) {
        column->rise.vectors[v] = rise[v];
        column->fall.vectors[v] = fall[v];
        if (state->block == state->words - 1) state->distance.vectors[v] += change[v];
    }
}

/* The lanes one further, with `first` in the first of them; and what was in the last. */
GS_INLINE uint64_t levenshtein_shift(levenshtein_vector lanes[LEVENSHTEIN_VECTORS], uint64_t first) {
    for (int v = 0; v < LEVENSHTEIN_VECTORS; v++) {
        levenshtein_vector old = lanes[v];
        lanes[v] = (levenshtein_vector){first, old[0], old[1], old[2]};
        first = old[LEVENSHTEIN_VECTOR - 1];
    }
    return first;
}

/* Takes eight blocks' columns through a slanted tile. */
GS_INLINE void levenshtein_slanted_tile(levenshtein_state *state, int steps) {
    levenshtein_column *column = levenshtein_column_of(state), *below = levenshtein_below(state);
    levenshtein_vector rise[LEVENSHTEIN_VECTORS], fall[LEVENSHTEIN_VECTORS], active[LEVENSHTEIN_VECTORS];
    levenshtein_vector rises[LEVENSHTEIN_VECTORS], falls[LEVENSHTEIN_VECTORS], change[LEVENSHTEIN_VECTORS];
    for (int v = 0; v < LEVENSHTEIN_VECTORS; v++) {
        rise[v] = column->rise.vectors[v];
        fall[v] = column->fall.vectors[v];
        rises[v] = below->rise.vectors[v];
        falls[v] = below->fall.vectors[v];
        active[v] = state->active.vectors[v];
        change[v] = (levenshtein_vector){0};
    }
    for (int i = 0; i < steps; i++) {
        levenshtein_step *step = &state->tile[i];
        step->rises.lanes[0] = levenshtein_shift(rises, step->rises.lanes[0]);
        step->falls.lanes[0] = levenshtein_shift(falls, step->falls.lanes[0]);
        for (int v = 0; v < LEVENSHTEIN_VECTORS; v++) {
            levenshtein_move(&rise[v], &fall[v], &step->match.vectors[v], &rises[v], &falls[v]);
            change[v] += ((rises[v] & active[v]) >> 63) - ((falls[v] & active[v]) >> 63);
            active[v] += 1;
            rises[v] >>= 63;
            falls[v] >>= 63;
        }
    }
    for (int v = 0; v < LEVENSHTEIN_VECTORS; v++) {
        column->rise.vectors[v] = rise[v];
        column->fall.vectors[v] = fall[v];
        below->rise.vectors[v] = rises[v];
        below->fall.vectors[v] = falls[v];
        if (state->block + LEVENSHTEIN_LANES >= state->words) state->distance.vectors[v] += change[v];
    }
}

GS_INLINE void levenshtein_any_tile(levenshtein_state *state, int steps) {
    if (state->slanted) levenshtein_slanted_tile(state, steps);
    else if (state->words == 1) levenshtein_tile(state, steps, true);
    else levenshtein_tile(state, steps, false);
}

static inline void levenshtein_tile_baseline(levenshtein_state *state, int steps) {
    levenshtein_any_tile(state, steps);
}

#if GS_HAVE_AVX2
GS_TARGET_AVX2 static inline void levenshtein_tile_avx2(levenshtein_state *state, int steps) {
    levenshtein_any_tile(state, steps);
}
#endif

/* A class of similar lengths: equal ones below 256, and above within an eighth. Longer ones have higher numbers. */
enum { LEVENSHTEIN_CLASSES = 256 + 8 * 23 };

static inline int levenshtein_class(int32_t length) {
    if (length < 256) return length;
    int log2 = 31 - __builtin_clz((unsigned)length);
    return 256 + 8 * (log2 - 8) + (length >> (log2 - 3) & 7);
}

/* Puts the choices of the window in order, by counting. */
static inline void levenshtein_sort(const levenshtein_task *task, levenshtein_state *state) {
    uint16_t places[LEVENSHTEIN_CLASSES] = {0}; /* of the class's next choice; before that, how many it has */
    const gs_text *choices = task->choices + state->window;
    int64_t left = task->count - state->window, count = left < LEVENSHTEIN_WINDOW ? left : LEVENSHTEIN_WINDOW;
    for (int64_t i = 0; i < count; i++) {
        places[levenshtein_class(choices[i].length)]++;
        __builtin_prefetch(choices[i].characters); /* they are soon read in another order */
    }
    for (int i = 0, sum = 0; i < LEVENSHTEIN_CLASSES; i++) {
        int size = places[i];
        places[i] = (uint16_t)sum;
        sum += size;
    }
    for (int64_t i = 0; i < count; i++) state->order[places[levenshtein_class(choices[i].length)]++] = (uint16_t)i;
    state->next = 0;
    state->filled = count;
}

/* Writes down the distances of the choices, which are at their ends. */
static inline void levenshtein_put(const levenshtein_task *task, const levenshtein_state *state) {
    for (int i = 0; i < state->lanes; i++) {
        int64_t lane = state->slanted ? (state->words - 1) % LEVENSHTEIN_LANES : i;
        task->distances[state->choices[i] - task->choices] = (int32_t)state->distance.lanes[lane];
    }
}

/* Takes up the next choices: as many as there are lanes, or one alone where the others are fewer than is worth it. */
static inline void levenshtein_take(const levenshtein_task *task, levenshtein_state *state) {
    if (state->next == state->filled) {
        state->window += state->filled;
        levenshtein_sort(task, state);
    }
    bool slanted = (state->filled - state->next) * levenshtein_slanted_tiles(state) < state->words;
    if (slanted != state->slanted) state->tabled = -1;
    state->slanted = slanted;
    state->lanes = 0;
    state->steps = state->position = state->block = 0;
    while (state->lanes < (slanted ? 1 : LEVENSHTEIN_LANES) && state->next < state->filled) {
        const gs_text *choice = &task->choices[state->window + state->order[state->next++]];
        if (choice->length > state->steps) state->steps = choice->length;
        state->choices[state->lanes++] = choice;
    }
    if (slanted && state->steps > 0) state->steps += state->words - 1;
    for (int lane = 0; lane < LEVENSHTEIN_LANES; lane++) state->distance.lanes[lane] = (uint64_t)task->query.length;
    state->done += state->lanes * state->words;
    if (state->steps == 0) levenshtein_put(task, state);
}

/* Goes on, tile by tile, until `until` character-words are done. */
static inline void levenshtein_advance(const levenshtein_task *task, levenshtein_state *state, gs_vector level,
                                       int64_t until) {
    while (state->done < until) {
        if (state->position == state->steps) {
            levenshtein_take(task, state);
            continue;
        }
        int64_t left = state->steps - state->position;
        int steps = left < LEVENSHTEIN_STEPS ? (int)left : LEVENSHTEIN_STEPS;
        levenshtein_tabulate_tile(task, state);
        if (state->position == 0) levenshtein_first_column(task, state);
        if (state->block == 0 && state->words > 1) levenshtein_first_row(state, steps);
        levenshtein_look_up(state, steps);
#if GS_HAVE_AVX2
        if (level == GS_AVX2) levenshtein_tile_avx2(state, steps);
        else
#endif
            levenshtein_tile_baseline(state, steps);
        state->block += levenshtein_height(state);
        if (state->block < state->words) continue;
        state->block = 0;
        state->position += steps;
        if (state->position == state->steps) levenshtein_put(task, state);
    }
}

#endif
