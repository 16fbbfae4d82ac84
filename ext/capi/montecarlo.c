/* montecarlo(samples, seed, first=0, policy="auto") -> int */
#include "../support/kernel.h"

#include "../core/montecarlo.h"

enum { MONTECARLO_AT_SAMPLES, MONTECARLO_AT_SEED, MONTECARLO_AT_FIRST }; /* the arguments' places */

typedef struct {
    int64_t samples, seed, first;
    int64_t hits;
    gs_vector vector;
} montecarlo_job;

static int montecarlo_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    montecarlo_job *job = memory;
    if (gs_take_int(in, MONTECARLO_AT_SAMPLES, 0, MONTECARLO_MAX, &job->samples) < 0) return -1;
    if (gs_take_int(in, MONTECARLO_AT_SEED, 0, INT64_MAX, &job->seed) < 0) return -1;
    if (gs_take_int(in, MONTECARLO_AT_FIRST, 0, MONTECARLO_MAX, &job->first) < 0) return -1;
    job->vector = plan->vector;
    plan->work = plan->total = job->samples;
    plan->step = gs_slice_of(10);
    return 0;
}

static gs_status montecarlo_job_compute(void *memory, gs_slices *slices) {
    montecarlo_job *job = memory;
    if (slices->end == 0) job->hits = 0;
    while (gs_next(slices))
        job->hits +=
            montecarlo_hits((uint64_t)job->seed, job->vector, job->first + slices->begin, job->first + slices->end);
    return GS_OK;
}

static PyObject *montecarlo_job_result(void *memory) { return PyLong_FromLongLong(((montecarlo_job *)memory)->hits); }

static const gs_kernel montecarlo_kernel = {
    .name = "montecarlo",
    .arguments = {"samples", "seed", "first"},
    .required = 2,
    .unit = "samples",
    .threshold = MONTECARLO_THRESHOLD,
    .job_size = sizeof(montecarlo_job),
    .parse = montecarlo_job_parse,
    .compute = montecarlo_job_compute,
    .result = montecarlo_job_result,
    .clear = gs_nothing_to_clear,
};

PyDoc_STRVAR(montecarlo_doc,
             "montecarlo($module, samples, seed, first=0, *, policy='auto')\n--\n\n"
             "Return how many of the samples first to first + samples - 1 lie inside the quarter circle.\n\n"
             "The sequence is that of the key `seed` (0 to 2**63-1), the same however it is divided into calls;\n"
             "pi is about 4 * hits / samples. `samples` and `first` are from 0 to 10**18.");

static PyMethodDef montecarlo_methods[] = {
    {"montecarlo", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, montecarlo_doc},
    {"ceiling", (PyCFunction)(void (*)(void))gs_kernel_ceiling, METH_FASTCALL, gs_ceiling_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &montecarlo_kernel); }

static struct PyModuleDef montecarlo_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "montecarlo",
    .m_doc = "The kernel montecarlo in C: see gilscope.kernels.montecarlo.",
    .m_size = sizeof(gs_state),
    .m_methods = montecarlo_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_montecarlo(void) { return PyModuleDef_Init(&montecarlo_module); }
