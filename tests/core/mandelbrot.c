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

/* A whole picture gives what each of its points gives alone. */
static void alone(gs_vector level, int64_t side, double left, double top, double width, int32_t limit) {
    double step = width / (double)side;
    int32_t *out = check_memory((size_t)(side * side) * sizeof *out);
    mandelbrot_task task = {
        .out = out, .rows = side, .columns = side, .left = left, .top = top, .step = step, .limit = limit};
    mandelbrot_pixels(&task, level, 0, side * side);
    for (int64_t i = 0; i < side * side; i++) {
        double x = left + (double)(i % side) * step, y = top + (double)(i / side) * step;
        CHECK_EQUAL(out[i], mandelbrot_escape(x, y, limit));
    }
    free(out);
}

static void test(gs_vector level) {
    known_points(level);
    for (int32_t limit = 1; limit <= 40; limit++) alone(level, 20, -2.25, -1.5, 3, limit);
    alone(level, 150, -2.25, -1.5, 3, 500);          /* the whole set */
    alone(level, 61, -0.76, -0.01, 0.02, 1500);      /* where its two largest parts touch: slow to leave */
    alone(level, 47, 0.249, -0.001, 0.002, 1500);    /* its cusp: slow to settle */
    alone(level, 40, -2 - 1e-7, -1e-7, 2e-7, 200);   /* its tip, with |c| close to 2, */
    alone(level, 40, -2 - 4e-15, -4e-9, 8e-15, 200); /* and as good as 2 */
    alone(level, 40, -1e300, -1e300, 1e299, 20);
    for (int64_t columns = 1; columns <= 9; columns++) slices(level, 3, columns);
    slices(level, 1, 33);
    slices(level, 17, 16);
    slices(level, 0, 5);
}
