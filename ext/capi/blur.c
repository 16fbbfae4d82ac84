/* blur(image, sigma, out, first=0, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/blur.h"

typedef struct {
    Py_buffer image, out;
    blur_task task;
    double sigma;
    void *memory; /* what `scratch` lies in; owned */
    blur_scratch scratch;
    gs_vector vector;
} blur_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    blur_job *job = memory;
    blur_task *task = &job->task;
    if (gs_buffer("blur", "image", arguments[0], &gs_float32, 2, GS_STRIDED, &job->image) < 0) return -1;
    if (gs_real_within("blur", "sigma", arguments[1], BLUR_SIGMA_MAX, &job->sigma) < 0) return -1;
    if (gs_buffer("blur", "out", arguments[2], &gs_float32, 2, GS_WRITE, &job->out) < 0) return -1;
    if (arguments[3] != NULL && gs_int("blur", "first", arguments[3], 0, INT64_MAX, &task->first) < 0) return -1;
    task->image = job->image.buf;
    task->rows = job->image.shape[0];
    task->columns = job->image.shape[1];
    task->row_stride = job->image.strides[0];
    task->column_stride = job->image.strides[1];
    task->out = job->out.buf;
    task->out_rows = job->out.shape[0];
    task->radius = blur_radius(job->sigma);
    if (gs_length("blur", "out's rows", job->out.shape[1], "those of image", task->columns) < 0) return -1;
    if (gs_window("blur", "first", task->first, "out", task->out_rows, "image", task->rows) < 0) return -1;
    if (gs_disjoint("blur", "out", &job->out, "image", &job->image) < 0) return -1;
    job->memory = PyMem_RawMalloc(blur_scratch_size(task));
    if (job->memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    job->scratch = blur_prepare(task, job->sigma, job->memory);
    job->vector = plan->vector;
    plan->work = blur_work(task);
    plan->total = blur_units(task);
    plan->step = gs_slice_of(blur_unit_ns(task));
    return 0;
}

static gs_status compute(void *memory, gs_slices *slices) {
    blur_job *job = memory;
    while (gs_next(slices)) blur_rows(&job->task, &job->scratch, job->vector, slices->begin, slices->end);
    return GS_OK;
}

static PyObject *result(void *memory) {
    (void)memory;
    Py_RETURN_NONE;
}

static void clear(void *memory) {
    blur_job *job = memory;
    PyBuffer_Release(&job->image);
    PyBuffer_Release(&job->out);
    PyMem_RawFree(job->memory);
}

static const gs_kernel kernel = {
    .name = "blur",
    .arguments = {"image", "sigma", "out", "first"},
    .required = 3,
    .unit = "pixel-taps",
    .threshold = BLUR_THRESHOLD,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(doc,
             "blur($module, image, sigma, out, first=0, *, policy='auto')\n--\n\n"
             "Blur `image` with a Gaussian of `sigma` pixels (above 0, at most 250) and write the rows from\n"
             "`first` on into `out`, as many as it has.\n\n"
             "`image` is a float32 buffer of (rows, columns) with any strides, `out` one of (at most rows - first,\n"
             "columns), C-contiguous, that does not overlap it. The Gaussian is cut at 4 sigma and the borders\n"
             "reflect (d c b a | a b c d | d c b a), as scipy.ndimage.gaussian_filter does it by default. Values\n"
             "are summed in float32.");

GS_MODULE(blur, kernel, blur_job, doc)
