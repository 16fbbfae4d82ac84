/* primes(low, high, policy="auto") -> int */
#include "../support/kernel.h"

#include "../core/primes.h"

enum { PRIMES_AT_LOW, PRIMES_AT_HIGH }; /* the arguments' places */

typedef struct {
    int64_t low, high;
    void *scratch;
    primes_sieve sieve;
    gs_vector vector;
} primes_job;

static int primes_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    primes_job *job = memory;
    if (gs_take_int(in, PRIMES_AT_HIGH, 0, PRIMES_HIGH_MAX, &job->high) < 0) return -1;
    if (gs_take_int(in, PRIMES_AT_LOW, 0, job->high, &job->low) < 0) return -1;
    job->scratch = PyMem_RawMalloc(primes_scratch(job->high));
    if (job->scratch == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    job->vector = plan->vector;
    plan->total = primes_blocks(job->low, job->high);
    plan->work = primes_work(job->low, job->high);
    return 0;
}

static gs_status primes_job_compute(void *memory, gs_slices *slices) {
    primes_job *job = memory;
    if (slices->end == 0) primes_start(&job->sieve, job->low, job->high, job->scratch);
    while (gs_next(slices)) primes_count(&job->sieve, job->vector, slices->begin, slices->end);
    return GS_OK;
}

static PyObject *primes_job_result(void *memory) { return PyLong_FromLongLong(((primes_job *)memory)->sieve.found); }

static void primes_job_clear(void *memory) { PyMem_RawFree(((primes_job *)memory)->scratch); }

static const gs_kernel primes_kernel = {
    .name = "primes",
    .arguments = {"low", "high"},
    .required = 2,
    .unit = "numbers",
    .threshold = PRIMES_THRESHOLD,
    .job_size = sizeof(primes_job),
    .parse = primes_job_parse,
    .compute = primes_job_compute,
    .result = primes_job_result,
    .clear = primes_job_clear,
};

PyDoc_STRVAR(primes_doc, "primes($module, low, high, *, policy='auto')\n--\n\n"
                         "Return how many primes p satisfy low <= p < high, for 0 <= low <= high <= 10**14.\n\n"
                         "Each call finds the primes up to the square root of `high` anew, in memory of its own.");

static PyMethodDef primes_methods[] = {
    {"primes", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, primes_doc},
    {"ceiling", (PyCFunction)(void (*)(void))gs_kernel_ceiling, METH_FASTCALL, gs_ceiling_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &primes_kernel); }

static struct PyModuleDef primes_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "primes",
    .m_doc = "The kernel primes in C: see gilscope.kernels.primes.",
    .m_size = sizeof(gs_state),
    .m_methods = primes_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_primes(void) { return PyModuleDef_Init(&primes_module); }
