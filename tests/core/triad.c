#include "core/triad.h"

#include "check.h"

/* Nothing but the slice is written, and each element is what two roundings give. */
static void slice(const triad_task *task, gs_vector level, int64_t begin, int64_t end, int64_t size) {
    memset(task->out, 0xff, (size_t)size * sizeof *task->out); /* NaNs */
    triad_elements(task, level, begin, end);
    for (int64_t i = 0; i < size; i++) {
        if (i < begin || i >= end) {
            CHECK(task->out[i] != task->out[i]);
        } else {
            volatile double product = task->scale * task->right[i]; /* rounded, whatever the compiler would like */
            CHECK(task->out[i] == task->left[i] + product);
        }
    }
}

static void test(gs_vector level) {
    enum { SIZE = 41 };
    uint64_t state = 1;
    double *memory = check_memory(3 * (SIZE + 3) * sizeof *memory);
    for (int i = 0; i < 3 * (SIZE + 3); i++) memory[i] = (double)check_random(&state) / 3;
    /* Any alignment of a double, in the cache or streamed: the task's length decides which, and the slice alone
     * is touched. */
    for (int offset = 0; offset < 4; offset++) {
        triad_task task = {
            .out = memory + offset, .left = memory + SIZE + 3, .right = memory + 2 * SIZE + 6, .scale = 0.1};
        for (int streamed = 0; streamed < 2; streamed++) {
            task.length = streamed ? TRIAD_STREAM : SIZE;
            for (int64_t begin = 0; begin <= SIZE; begin++)
                for (int64_t end = begin; end <= SIZE; end++) slice(&task, level, begin, end, SIZE);
        }
    }
    free(memory);
}
