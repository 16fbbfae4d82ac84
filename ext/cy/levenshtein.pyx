"""The kernel levenshtein in Cython: see gilscope.kernels.levenshtein."""
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from support cimport *

cdef extern from "core/levenshtein.h":
    int64_t LEVENSHTEIN_THRESHOLD
    int64_t levenshtein_work(int64_t query, int64_t characters, int64_t choices)

THRESHOLD = LEVENSHTEIN_THRESHOLD
UNIT = "character-words"

ctypedef fused character:
    uint8_t
    uint16_t
    uint32_t

ctypedef struct Matches:
    # The rows of a block that match a character: by its code point, or for those from 256 up in a hash table.
    uint64_t latin[256]
    uint64_t others[128]
    uint32_t keys[128]

ctypedef struct State:
    # One choice after another meets the query's blocks of 64 rows, one after another; this is where that stands.
    int64_t choice, block, position
    bint entered  # the block
    int rows  # that the block has
    uint64_t rise, fall  # its column: bits of the rows that are one above, one below the row before
    int64_t distance
    int64_t tabled
    Matches table  # of the block `tabled`
    int8_t *edge  # how the row above the block changes at each character of the choice


cdef inline int slot_of(const Matches *table, uint32_t key) noexcept nogil:
    """The slot of a code point from 256 up, or the free one for it: half of them are always free."""
    cdef int slot = key * 31 % 128
    while table.keys[slot] != 0 and table.keys[slot] != key:
        slot = (slot + 1) % 128
    return slot


cdef inline uint64_t match_of(const Matches *table, uint32_t key) noexcept nogil:
    return table.latin[key] if key < 256 else table.others[slot_of(table, key)]


cdef void tabulate(Matches *table, const character *query, int rows) noexcept nogil:
    cdef int row, slot
    cdef uint32_t key
    memset(table, 0, sizeof(Matches))
    for row in range(rows):
        key = query[row]
        if key < 256:
            table.latin[key] |= <uint64_t>1 << row
        else:
            slot = slot_of(table, key)
            table.keys[slot] = key
            table.others[slot] |= <uint64_t>1 << row


cdef void enter(State *state, const gs_text *query) noexcept nogil:
    """Begins the block: its rows, its table, its first column, in which each row is one above the row before."""
    cdef int64_t first = 64 * state.block
    state.rows = <int>min(query.length - first, 64)
    if state.tabled != state.block:
        if query.width == 1:
            tabulate(&state.table, <const uint8_t *>query.characters + first, state.rows)
        elif query.width == 2:
            tabulate(&state.table, <const uint16_t *>query.characters + first, state.rows)
        else:
            tabulate(&state.table, <const uint32_t *>query.characters + first, state.rows)
        state.tabled = state.block
    state.rise = ~<uint64_t>0
    state.fall = 0
    state.position = 0
    state.distance = query.length
    state.entered = True


cdef void step(State *state, const character *text, int64_t steps) noexcept nogil:
    """Goes on by some characters of the choice."""
    cdef uint64_t rise = state.rise, fall = state.fall, match, diagonal, step_rise, step_fall
    cdef int64_t i, distance = state.distance
    cdef int last = state.rows - 1, above = 1, below  # row 0 rises at each character
    cdef int8_t *edge = state.edge
    if state.rows == 0:  # the empty query: row 0 is the last
        state.distance += steps
        state.position += steps
        return
    for i in range(state.position, state.position + steps):
        if state.block > 0:
            above = edge[i]
        match = match_of(&state.table, text[i]) | <uint64_t>(above < 0)
        diagonal = (((match & rise) + rise) ^ rise) | match | fall
        step_rise = fall | ~(diagonal | rise)
        step_fall = diagonal & rise
        below = <int>(step_rise >> last & 1) - <int>(step_fall >> last & 1)
        if edge is not NULL:
            edge[i] = below
        distance += below
        step_rise = step_rise << 1 | <uint64_t>(above > 0)
        step_fall = step_fall << 1 | <uint64_t>(above < 0)
        rise = step_fall | ~(diagonal | step_rise)
        fall = step_rise & diagonal
    state.rise = rise
    state.fall = fall
    state.distance = distance
    state.position += steps


cdef gs_status compute(gs_slices *slices, State *state, const gs_text *query, const gs_text *choices,
                       int32_t[::1] out) noexcept nogil:
    cdef int64_t units, steps
    cdef const gs_text *choice
    while gs_next(slices):
        units = slices.end - slices.begin
        while units > 0:  # one for a block, one for each character that meets it
            choice = &choices[state.choice]
            if not state.entered:
                enter(state, query)
                units -= 1
            steps = min(units, choice.length - state.position)
            units -= steps
            if choice.width == 1:
                step(state, <const uint8_t *>choice.characters, steps)
            elif choice.width == 2:
                step(state, <const uint16_t *>choice.characters, steps)
            else:
                step(state, <const uint32_t *>choice.characters, steps)
            if state.position == choice.length:
                state.entered = False
                state.block += 1
                if 64 * state.block >= query.length:
                    out[state.choice] = <int32_t>state.distance
                    state.block = 0
                    state.choice += 1
    return GS_OK


def levenshtein(query, choices, out, *, policy="auto"):
    """Write the edit distance of `query` to each str in the list `choices` into `out`, int32 and as long.

    The distance is the least number of characters inserted, deleted or replaced; characters are code
    points, lone surrogates too.
    """
    cdef gs_policy how
    cdef gs_run run
    cdef gs_text text
    cdef gs_texts texts
    cdef int32_t[::1] distances
    cdef int64_t i, longest = 0, work
    cdef State *state = NULL
    gs_policy_from("levenshtein", policy, &how)
    gs_text_of("levenshtein", "query", -1, query, &text)
    gs_buffer_check("levenshtein", "out", out, &gs_int32, 1, GS_WRITE)
    distances = out
    memset(&texts, 0, sizeof(texts))
    gs_texts_take("levenshtein", "choices", choices, "out", distances.shape[0], &texts)
    try:
        state = <State *>calloc(1, sizeof(State))
        if state is NULL:
            raise MemoryError
        state.tabled = -1
        if text.length > 64:
            for i in range(texts.count):
                longest = max(longest, texts.items[i].length)
            state.edge = <int8_t *>malloc(longest + 1)
            if state.edge is NULL:
                raise MemoryError
        work = levenshtein_work(text.length, texts.characters, texts.count)
        gs_run_start(&run, "levenshtein", how, work, LEVENSHTEIN_THRESHOLD, work, gs_slice_of(20))
        while gs_pending(&run):
            if run.release:
                with nogil:
                    run.status = compute(&run.slices, state, &text, texts.items, distances)
            else:
                run.status = compute(&run.slices, state, &text, texts.items, distances)
    finally:
        if state is not NULL:
            free(state.edge)
        free(state)
        gs_texts_drop(&texts)
