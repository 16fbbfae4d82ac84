/* blur(image, sigma, out, first=0, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/blur.h"

enum { BLUR_AT_IMAGE, BLUR_AT_SIGMA, BLUR_AT_OUT, BLUR_AT_FIRST }; /* the arguments' places */

typedef struct {
    Py_buffer image, out;
    blur_task task;
    double sigma;
    void *memory; /* what `scratch` lies in; owned */
    blur_scratch scratch;
    gs_vector vector;
} blur_job;

static int blur_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    blur_job *job = memory;
    blur_task *task = &job->task;
    if (gs_take_buffer(in, BLUR_AT_IMAGE, &gs_float32, 2, GS_STRIDED, &job->image) < 0) return -1;
    if (gs_take_real_within(in, BLUR_AT_SIGMA, BLUR_SIGMA_MAX, &job->sigma) < 0) return -1;
    if (gs_take_buffer(in, BLUR_AT_OUT, &gs_float32, 2, GS_WRITE, &job->out) < 0) return -1;
    if (gs_take_int(in, BLUR_AT_FIRST, 0, INT64_MAX, &task->first) < 0) return -1;
    task->image = job->image.buf;
    task->rows = job->image.shape[0];
    task->columns = job->image.shape[1];
    task->row_stride = job->image.strides[0];
    task->column_stride = job->image.strides[1];
    task->out = job->out.buf;
    task->out_rows = job->out.shape[0];
    task->radius = blur_radius(job->sigma);
    if (gs_length(in->kernel, "out's rows", job->out.shape[1], "those of image", task->columns) < 0) return -1;
    if (gs_check_window(in, BLUR_AT_FIRST, task->first, BLUR_AT_OUT, task->out_rows, BLUR_AT_IMAGE, task->rows) < 0)
        return -1;
    if (gs_check_disjoint(in, BLUR_AT_OUT, &job->out, BLUR_AT_IMAGE, &job->image) < 0) return -1;
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

static gs_status blur_job_compute(void *memory, gs_slices *slices) {
    blur_job *job = memory;
    while (gs_next(slices)) blur_rows(&job->task, &job->scratch, job->vector, slices->begin, slices->end);
    return GS_OK;
}

static void blur_job_clear(void *memory) {
    blur_job *job = memory;
    PyBuffer_Release(&job->image);
    PyBuffer_Release(&job->out);
    PyMem_RawFree(job->memory);
}

static const gs_kernel blur_kernel = {
    .name = "blur",
    .arguments = {"image", "sigma", "out", "first"},
    .required = 3,
    .unit = "pixel-taps",
    .threshold = BLUR_THRESHOLD,
    .job_size = sizeof(blur_job),
    .parse = blur_job_parse,
    .compute = blur_job_compute,
    .result = gs_none,
    .clear = blur_job_clear,
};

PyDoc_STRVAR(blur_doc,
             "blur($module, image, sigma, out, first=0, *, policy='auto')\n--\n\n"
             "Blur `image` with a Gaussian of `sigma` pixels (above 0, at most 250) and write the rows from\n"
             "`first` on into `out`, as many as it has.\n\n"
             "`image` is a float32 buffer of (rows, columns) with any strides, `out` one of (at most rows - first,\n"
             "columns), C-contiguous, that does not overlap it. The Gaussian is cut at 4 sigma and the borders\n"
             "reflect (d c b a | a b c d | d c b a), as scipy.ndimage.gaussian_filter does it by default. Values\n"
             "are summed in float32.");

static PyMethodDef blur_methods[] = {
    {"blur", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, blur_doc},
    {"ceiling", (PyCFunction)(void (*)(void))gs_kernel_ceiling, METH_FASTCALL, gs_ceiling_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &blur_kernel); }

static struct PyModuleDef blur_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "blur",
    .m_doc = "The kernel blur in C: see gilscope.kernels.blur.",
    .m_size = sizeof(gs_state),
    .m_methods = blur_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_blur(void) { return PyModuleDef_Init(&blur_module); }
