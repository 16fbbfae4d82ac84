/* triad(out, left, right, scale, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/triad.h"

typedef struct {
    Py_buffer out, left, right;
    triad_task task;
    gs_vector vector;
} triad_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    triad_job *job = memory;
    triad_task *task = &job->task;
    if (gs_buffer("triad", "out", arguments[0], &gs_float64, 1, GS_WRITE, &job->out) < 0) return -1;
    if (gs_buffer("triad", "left", arguments[1], &gs_float64, 1, GS_READ, &job->left) < 0) return -1;
    if (gs_buffer("triad", "right", arguments[2], &gs_float64, 1, GS_READ, &job->right) < 0) return -1;
    if (gs_real("triad", "scale", arguments[3], &task->scale) < 0) return -1;
    task->length = job->out.shape[0];
    if (gs_length("triad", "left", job->left.shape[0], "out", task->length) < 0) return -1;
    if (gs_length("triad", "right", job->right.shape[0], "out", task->length) < 0) return -1;
    if (gs_disjoint("triad", "out", &job->out, "left", &job->left) < 0) return -1;
    if (gs_disjoint("triad", "out", &job->out, "right", &job->right) < 0) return -1;
    task->out = job->out.buf;
    task->left = job->left.buf;
    task->right = job->right.buf;
    job->vector = plan->vector;
    plan->work = plan->total = task->length;
    plan->step = gs_slice_of(4);
    return 0;
}

static gs_status compute(void *memory, gs_slices *slices) {
    triad_job *job = memory;
    while (gs_next(slices)) triad_elements(&job->task, job->vector, slices->begin, slices->end);
    return GS_OK;
}

static PyObject *result(void *memory) {
    (void)memory;
    Py_RETURN_NONE;
}

static void clear(void *memory) {
    triad_job *job = memory;
    PyBuffer_Release(&job->out);
    PyBuffer_Release(&job->left);
    PyBuffer_Release(&job->right);
}

static const gs_kernel kernel = {
    .name = "triad",
    .arguments = {"out", "left", "right", "scale"},
    .required = 4,
    .unit = "elements",
    .threshold = TRIAD_THRESHOLD,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(doc, "triad($module, out, left, right, scale, *, policy='auto')\n--\n\n"
                  "Write left + scale*right into `out`. All three are float64 buffers of one length, C-contiguous;\n"
                  "`out` must not overlap the others. The product is rounded before the sum, as in NumPy.");

GS_MODULE(triad, kernel, triad_job, doc)
