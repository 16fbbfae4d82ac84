#include "core/mandelbrot.h"

#include "check.h"

/* The count of the one pixel at x + iy. */
static int32_t count_at(gs_vector level, double x, double y, int32_t limit) {
    int32_t *out = check_memory(sizeof *out), count;
    mandelbrot_task task = {.out = out, .rows = 1, .columns = 1, .left = x, .top = y, .step = 1, .limit = limit};
    mandelbrot_pixels(&task, level, 0, 1);
    count = *out;
    free(out);
    return count;
}

static void known_points(gs_vector level) {
    CHECK_EQUAL(count_at(level, 0, 0, 500), 500);    /* stays at 0 */
    CHECK_EQUAL(count_at(level, -1, 0, 500), 500);   /* 0, -1, 0, -1 */
    CHECK_EQUAL(count_at(level, 0, 1, 500), 500);    /* i, -1 + i, -i, -1 + i */
    CHECK_EQUAL(count_at(level, -2, 0, 500), 500);   /* -2, 2, 2: on the border of the disc, which counts as in it */
    CHECK_EQUAL(count_at(level, 0.25, 0, 500), 500); /* creeps up to 1/2 */
    CHECK_EQUAL(count_at(level, 3, 0, 500), 1);      /* 0, 3 */
    CHECK_EQUAL(count_at(level, 2, 0, 500), 2);      /* 0, 2, 6 */
    CHECK_EQUAL(count_at(level, 1, 0, 500), 3);      /* 0, 1, 2, 5 */
    CHECK_EQUAL(count_at(level, 1, 1, 500), 2);      /* 0, 1 + i, 1 + 3i */
    CHECK_EQUAL(count_at(level, 0, 2, 500), 2);      /* 0, 2i, -4 + 2i */
    CHECK_EQUAL(count_at(level, 3, 0, 1), 1);
    CHECK_EQUAL(count_at(level, 0, 0, 1), 1);
}

/* Slices cut anywhere, and written nowhere else, give what one slice of the baseline gives. */
static void slices(gs_vector level, int64_t rows, int64_t columns) {
    int64_t pixels = rows * columns;
    size_t size = (size_t)pixels * sizeof(int32_t);
    int32_t *whole = check_memory(size), *parts = check_memory(size);
    mandelbrot_task task = {
        .out = whole, .rows = rows, .columns = columns, .left = -2.1, .top = -1.3, .step = 0.17, .limit = 100};
    mandelbrot_pixels(&task, GS_BASELINE, 0, pixels);
    task.out = parts;
    for (int64_t cut = 0; cut <= pixels; cut++) {
        memset(parts, 0xff, size);
        mandelbrot_pixels(&task, level, 0, cut);
        for (int64_t pixel = cut; pixel < pixels; pixel++) CHECK_EQUAL(parts[pixel], -1);
        mandelbrot_pixels(&task, level, cut, pixels);
        CHECK(memcmp(whole, parts, size) == 0);
    }
    free(whole);
    free(parts);
}

static void test(gs_vector level) {
    known_points(level);
    for (int64_t columns = 1; columns <= 9; columns++) slices(level, 3, columns);
    slices(level, 1, 33);
    slices(level, 17, 16);
    slices(level, 0, 5);
}
