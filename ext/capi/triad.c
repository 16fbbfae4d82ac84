/* triad(out, left, right, scale, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/triad.h"

enum { TRIAD_AT_OUT, TRIAD_AT_LEFT, TRIAD_AT_RIGHT, TRIAD_AT_SCALE }; /* the arguments' places */

typedef struct {
    Py_buffer out, left, right;
    triad_task task;
    gs_vector vector;
} triad_job;

static int triad_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    triad_job *job = memory;
    triad_task *task = &job->task;
    if (gs_take_buffer(in, TRIAD_AT_OUT, &gs_float64, 1, GS_WRITE, &job->out) < 0) return -1;
    if (gs_take_buffer(in, TRIAD_AT_LEFT, &gs_float64, 1, GS_READ, &job->left) < 0) return -1;
    if (gs_take_buffer(in, TRIAD_AT_RIGHT, &gs_float64, 1, GS_READ, &job->right) < 0) return -1;
    if (gs_take_real(in, TRIAD_AT_SCALE, &task->scale) < 0) return -1;
    task->length = job->out.shape[0];
    if (gs_check_length(in, TRIAD_AT_LEFT, job->left.shape[0], TRIAD_AT_OUT, task->length) < 0) return -1;
    if (gs_check_length(in, TRIAD_AT_RIGHT, job->right.shape[0], TRIAD_AT_OUT, task->length) < 0) return -1;
    if (gs_check_disjoint(in, TRIAD_AT_OUT, &job->out, TRIAD_AT_LEFT, &job->left) < 0) return -1;
    if (gs_check_disjoint(in, TRIAD_AT_OUT, &job->out, TRIAD_AT_RIGHT, &job->right) < 0) return -1;
    task->out = job->out.buf;
    task->left = job->left.buf;
    task->right = job->right.buf;
    job->vector = plan->vector;
    plan->work = plan->total = task->length;
    plan->step = gs_slice_of(4);
    return 0;
}

static gs_status triad_job_compute(void *memory, gs_slices *slices) {
    triad_job *job = memory;
    while (gs_next(slices)) triad_elements(&job->task, job->vector, slices->begin, slices->end);
    return GS_OK;
}

static void triad_job_clear(void *memory) {
    triad_job *job = memory;
    PyBuffer_Release(&job->out);
    PyBuffer_Release(&job->left);
    PyBuffer_Release(&job->right);
}

static const gs_kernel triad_kernel = {
    .name = "triad",
    .arguments = {"out", "left", "right", "scale"},
    .required = 4,
    .unit = "elements",
    .threshold = TRIAD_THRESHOLD,
    .job_size = sizeof(triad_job),
    .parse = triad_job_parse,
    .compute = triad_job_compute,
    .result = gs_none,
    .clear = triad_job_clear,
};

PyDoc_STRVAR(triad_doc,
             "triad($module, out, left, right, scale, *, policy='auto')\n--\n\n"
             "Write left + scale*right into `out`. All three are float64 buffers of one length, C-contiguous;\n"
             "`out` must not overlap the others. The product is rounded before the sum, as in NumPy.");

static PyMethodDef triad_methods[] = {
    {"triad", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, triad_doc},
    {"ceiling", (PyCFunction)(void (*)(void))gs_kernel_ceiling, METH_FASTCALL, gs_ceiling_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &triad_kernel); }

static struct PyModuleDef triad_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "triad",
    .m_doc = "The kernel triad in C: see gilscope.kernels.triad.",
    .m_size = sizeof(gs_state),
    .m_methods = triad_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_triad(void) { return PyModuleDef_Init(&triad_module); }
