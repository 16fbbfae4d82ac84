/* mandelbrot(out, left, top, step, limit, first_row=0, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/mandelbrot.h"

typedef struct {
    Py_buffer out;
    mandelbrot_task task;
    gs_vector vector;
} mandelbrot_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    mandelbrot_job *job = memory;
    mandelbrot_task *task = &job->task;
    int64_t limit;
    if (gs_buffer("mandelbrot", "out", arguments[0], &gs_int32, 2, GS_WRITE, &job->out) < 0) return -1;
    if (gs_real("mandelbrot", "left", arguments[1], &task->left) < 0) return -1;
    if (gs_real("mandelbrot", "top", arguments[2], &task->top) < 0) return -1;
    if (gs_real("mandelbrot", "step", arguments[3], &task->step) < 0) return -1;
    if (gs_int("mandelbrot", "limit", arguments[4], 1, MANDELBROT_LIMIT_MAX, &limit) < 0) return -1;
    if (arguments[5] != NULL && gs_int("mandelbrot", "first_row", arguments[5], 0, INT32_MAX, &task->first_row) < 0)
        return -1;
    task->out = job->out.buf;
    task->rows = job->out.shape[0];
    task->columns = job->out.shape[1];
    task->limit = (int32_t)limit;
    job->vector = plan->vector;
    plan->total = task->rows * task->columns;
    plan->work = gs_product(plan->total, limit);
    plan->step = mandelbrot_slice((int32_t)limit);
    return 0;
}

static gs_status compute(void *memory, gs_slices *slices) {
    mandelbrot_job *job = memory;
    while (gs_next(slices)) mandelbrot_pixels(&job->task, job->vector, slices->begin, slices->end);
    return GS_OK;
}

static PyObject *result(void *memory) {
    (void)memory;
    Py_RETURN_NONE;
}

static void clear(void *memory) { PyBuffer_Release(&((mandelbrot_job *)memory)->out); }

static const gs_kernel kernel = {
    .name = "mandelbrot",
    .arguments = {"out", "left", "top", "step", "limit", "first_row"},
    .required = 5,
    .unit = "pixel-iterations",
    .threshold = MANDELBROT_THRESHOLD,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(doc,
             "mandelbrot($module, out, left, top, step, limit, first_row=0, *, policy='auto')\n--\n\n"
             "Write escape counts into `out`, an int32 buffer of (rows, columns), C-contiguous.\n\n"
             "Pixel (row, column) is c = (left + column*step) + i*(top + (first_row + row)*step); its count is the\n"
             "number of steps z <- z*z + c, from z = 0, that start with |z| <= 2, at most `limit` (1 to 1,000,000).");

GS_MODULE(mandelbrot, kernel, mandelbrot_job, doc)
