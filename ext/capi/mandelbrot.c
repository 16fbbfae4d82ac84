/* mandelbrot(out, left, top, step, limit, first_row=0, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/mandelbrot.h"

enum {
    MANDELBROT_AT_OUT,
    MANDELBROT_AT_LEFT,
    MANDELBROT_AT_TOP,
    MANDELBROT_AT_STEP,
    MANDELBROT_AT_LIMIT,
    MANDELBROT_AT_FIRST_ROW
}; /* the arguments' places */

typedef struct {
    Py_buffer out;
    mandelbrot_task task;
    gs_vector vector;
} mandelbrot_job;

static int mandelbrot_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    mandelbrot_job *job = memory;
    mandelbrot_task *task = &job->task;
    int64_t limit = 1;
    if (gs_take_buffer(in, MANDELBROT_AT_OUT, &gs_int32, 2, GS_WRITE, &job->out) < 0) return -1;
    if (gs_take_real(in, MANDELBROT_AT_LEFT, &task->left) < 0) return -1;
    if (gs_take_real(in, MANDELBROT_AT_TOP, &task->top) < 0) return -1;
    if (gs_take_real(in, MANDELBROT_AT_STEP, &task->step) < 0) return -1;
    if (gs_take_int(in, MANDELBROT_AT_LIMIT, 1, MANDELBROT_LIMIT_MAX, &limit) < 0) return -1;
    if (gs_take_int(in, MANDELBROT_AT_FIRST_ROW, 0, INT32_MAX, &task->first_row) < 0) return -1;
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

static gs_status mandelbrot_job_compute(void *memory, gs_slices *slices) {
    mandelbrot_job *job = memory;
    while (gs_next(slices)) mandelbrot_pixels(&job->task, job->vector, slices->begin, slices->end);
    return GS_OK;
}

static void mandelbrot_job_clear(void *memory) { PyBuffer_Release(&((mandelbrot_job *)memory)->out); }

static const gs_kernel mandelbrot_kernel = {
    .name = "mandelbrot",
    .arguments = {"out", "left", "top", "step", "limit", "first_row"},
    .required = 5,
    .unit = "pixel-iterations",
    .threshold = MANDELBROT_THRESHOLD,
    .job_size = sizeof(mandelbrot_job),
    .parse = mandelbrot_job_parse,
    .compute = mandelbrot_job_compute,
    .result = gs_none,
    .clear = mandelbrot_job_clear,
};

PyDoc_STRVAR(mandelbrot_doc,
             "mandelbrot($module, out, left, top, step, limit, first_row=0, *, policy='auto')\n--\n\n"
             "Write escape counts into `out`, an int32 buffer of (rows, columns), C-contiguous.\n\n"
             "Pixel (row, column) is c = (left + column*step) + i*(top + (first_row + row)*step); its count is the\n"
             "number of steps z <- z*z + c, from z = 0, that start with |z| <= 2, at most `limit` (1 to 1,000,000).");

static PyMethodDef mandelbrot_methods[] = {
    {"mandelbrot", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, mandelbrot_doc},
    {"ceiling", (PyCFunction)(void (*)(void))gs_kernel_ceiling, METH_FASTCALL, gs_ceiling_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &mandelbrot_kernel); }

static struct PyModuleDef mandelbrot_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "mandelbrot",
    .m_doc = "The kernel mandelbrot in C: see gilscope.kernels.mandelbrot.",
    .m_size = sizeof(gs_state),
    .m_methods = mandelbrot_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_mandelbrot(void) { return PyModuleDef_Init(&mandelbrot_module); }
