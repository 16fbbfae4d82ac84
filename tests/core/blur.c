#include "core/blur.h"

#include "check.h"

/* The memory of an image, and where in it the pixels lie. */
typedef struct {
    float *memory;
    size_t size;
    blur_task task;
} picture;

/* Row by row; `order` also: 1 by columns, 2 upside down and mirrored, 3 every second pixel from the second on. */
static picture picture_of(int64_t rows, int64_t columns, double sigma, int order) {
    int64_t spread = order == 3 ? 2 : 1;
    picture picture = {.size = (size_t)(rows * columns * spread + 1) * sizeof(float)};
    picture.memory = check_memory(picture.size);
    uint64_t state = 3;
    for (size_t i = 0; i < picture.size / sizeof(float); i++)
        picture.memory[i] = (float)check_random(&state) / 4294967296.0f;
    ptrdiff_t pixel = sizeof(float), row = columns * pixel;
    const char *start = (const char *)picture.memory;
    picture.task = (blur_task){start, row, pixel, rows, columns, NULL, rows, 0, blur_radius(sigma)};
    blur_task *task = &picture.task;
    if (order == 1) task->row_stride = pixel, task->column_stride = rows * pixel;
    if (order == 2)
        task->image = start + (rows * columns - 1) * pixel, task->row_stride = -row, task->column_stride = -pixel;
    if (order == 3) task->image = start + pixel, task->row_stride = 2 * row, task->column_stride = 2 * pixel;
    return picture;
}

static double pixel_at(const blur_task *task, int64_t row, int64_t column) {
    /* Mirrored at the borders as often as it takes, one step at a time. */
    while (row < 0 || row >= task->rows) row = row < 0 ? -1 - row : 2 * task->rows - 1 - row;
    while (column < 0 || column >= task->columns) column = column < 0 ? -1 - column : 2 * task->columns - 1 - column;
    float pixel;
    memcpy(&pixel, task->image + row * task->row_stride + column * task->column_stride, sizeof pixel);
    return pixel;
}

/* The definition as one sum over both axes. */
static double blurred(const blur_task *task, double sigma, int64_t row, int64_t column) {
    double sum = 0, weights = 0;
    for (int64_t i = -task->radius; i <= task->radius; i++)
        for (int64_t j = -task->radius; j <= task->radius; j++) {
            double weight = exp(-0.5 * (double)(i * i + j * j) / (sigma * sigma));
            sum += weight * pixel_at(task, row + i, column + j);
            weights += weight;
        }
    return sum / weights;
}

/* Rows first .. first + count - 1, in two slices. */
static void run(blur_task task, double sigma, gs_vector level, int64_t first, int64_t count, int64_t cut, float *out) {
    task.out = out;
    task.first = first;
    task.out_rows = count;
    void *memory = check_memory(blur_scratch_size(&task));
    blur_scratch scratch = blur_prepare(&task, sigma, memory);
    blur_rows(&task, &scratch, level, 0, cut);
    blur_rows(&task, &scratch, level, cut, blur_units(&task));
    free(memory);
}

static void image(gs_vector level, int64_t rows, int64_t columns, double sigma, int order, int64_t first,
                  int64_t count) {
    picture picture = picture_of(rows, columns, sigma, order);
    size_t size = (size_t)(count * columns) * sizeof(float);
    float *whole = check_memory(size), *parts = check_memory(size);
    run(picture.task, sigma, level, first, count, 0, whole);
    for (int64_t row = 0; row < count; row++)
        for (int64_t column = 0; column < columns; column++)
            CHECK(fabs(whole[row * columns + column] - blurred(&picture.task, sigma, first + row, column)) < 2e-6);
    picture.task.out_rows = count;
    for (int64_t cut = 1; cut <= blur_units(&picture.task); cut++) {
        memset(parts, 0xff, size);
        run(picture.task, sigma, level, first, count, cut, parts);
        CHECK(memcmp(whole, parts, size) == 0);
    }
    free(picture.memory);
    free(whole);
    free(parts);
}

static void test(gs_vector level) {
    static const int64_t sizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 33};
    static const double sigmas[] = {0.1, 0.3, 0.8, 2.5}; /* radius 0, 1, 3, 10 */
    enum { SIZES = sizeof sizes / sizeof *sizes, SIGMAS = sizeof sigmas / sizeof *sigmas };
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < SIZES; j++)
            for (int k = 0; k < SIGMAS; k++) image(level, sizes[i], sizes[j], sigmas[k], 0, 0, sizes[i]);
    for (int order = 1; order <= 3; order++)
        for (int i = 3; i < 7; i++) image(level, sizes[i], sizes[9 - i], 0.8, order, 0, sizes[i]);
    for (int64_t first = 0; first <= 11; first++)
        for (int64_t count = 0; first + count <= 11; count++) image(level, 11, 10, 0.8, 0, first, count);
    for (int64_t columns = BLUR_TILE + 5; columns <= BLUR_TILE + 8; columns++) /* one tile, and one column more */
        image(level, 3, columns, 0.8, 0, 0, 3);
    image(level, 9, 2 * BLUR_TILE + 100, 0.8, 1, 0, 9);
    image(level, 0, 4, 0.8, 0, 0, 0);
    image(level, 4, 0, 0.8, 0, 0, 4);
    image(level, 2, 3, 30, 0, 0, 2); /* a filter far wider than the image */
}
