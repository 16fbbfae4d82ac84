/* histogram(keys, counts, sharing="private", policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/histogram.h"
#include "../support/locks.h"

enum { HISTOGRAM_AT_KEYS, HISTOGRAM_AT_COUNTS, HISTOGRAM_AT_SHARING }; /* the arguments' places */

typedef struct {
    Py_buffer keys, counts;
    histogram_task task;
    histogram_scratch scratch;
} histogram_job;

static int histogram_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    histogram_job *job = memory;
    int sharing = HISTOGRAM_PRIVATE;
    if (gs_take_buffer(in, HISTOGRAM_AT_KEYS, &gs_uint8, 1, GS_READ, &job->keys) < 0) return -1;
    if (gs_take_buffer(in, HISTOGRAM_AT_COUNTS, &gs_int64, 1, GS_WRITE | GS_STRIDED, &job->counts) < 0) return -1;
    if (gs_check_disjoint(in, HISTOGRAM_AT_COUNTS, &job->counts, HISTOGRAM_AT_KEYS, &job->keys) < 0) return -1;
    if (gs_check_length_between(in, HISTOGRAM_AT_COUNTS, job->counts.shape[0], 1, HISTOGRAM_BINS_MAX) < 0) return -1;
    if (gs_take_choice(in, HISTOGRAM_AT_SHARING, histogram_sharings, &sharing) < 0) return -1;
    job->task = (histogram_task){
        .keys = job->keys.buf,
        .counts = job->counts.buf,
        .stride = job->counts.strides[0] / (ptrdiff_t)sizeof(int64_t),
        .bins = job->counts.shape[0],
        .sharing = (histogram_sharing)sharing,
        .lock = gs_lock_of(job->counts.buf),
    };
    plan->work = plan->total = job->keys.shape[0];
    plan->step = histogram_step(job->task.sharing);
    return 0;
}

static gs_status histogram_job_compute(void *memory, gs_slices *slices) {
    histogram_job *job = memory;
    return histogram_run(&job->task, &job->scratch, slices);
}

static void histogram_job_clear(void *memory) {
    histogram_job *job = memory;
    PyBuffer_Release(&job->counts);
    PyBuffer_Release(&job->keys);
}

static const gs_kernel histogram_kernel = {
    .name = "histogram",
    .arguments = {"keys", "counts", "sharing"},
    .required = 2,
    .unit = "keys",
    .threshold = HISTOGRAM_THRESHOLD,
    .job_size = sizeof(histogram_job),
    .parse = histogram_job_parse,
    .compute = histogram_job_compute,
    .result = gs_none,
    .clear = histogram_job_clear,
};

PyDoc_STRVAR(
    histogram_doc,
    "histogram($module, keys, counts, sharing='private', *, policy='auto')\n--\n\n"
    "Add to `counts`, int64 of 1 to 256 bins, how often each key occurs in `keys`, uint8, C-contiguous.\n\n"
    "`sharing` says how threads may share `counts`. 'private': each call counts for itself and adds its counts\n"
    "in the end, atomically. 'atomic': each key is added atomically. 'locked': each key is added under a lock,\n"
    "which keeps calls of this module apart that got the same `counts`. 'shared-line': each key is added\n"
    "plainly, which loses updates where another thread writes the same bins, and is right where they only\n"
    "share its cache lines.\n\n"
    "A key without a bin raises ValueError and names its index. `counts` is then unchanged with 'private';\n"
    "with the others it has the keys before that one.");

static PyMethodDef histogram_methods[] = {
    {"histogram", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, histogram_doc},
    {"ceiling", (PyCFunction)(void (*)(void))gs_kernel_ceiling, METH_FASTCALL, gs_ceiling_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &histogram_kernel); }

static struct PyModuleDef histogram_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "histogram",
    .m_doc = "The kernel histogram in C: see gilscope.kernels.histogram.",
    .m_size = sizeof(gs_state),
    .m_methods = histogram_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_histogram(void) { return PyModuleDef_Init(&histogram_module); }
