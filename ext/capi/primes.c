/* primes(low, high, policy="auto") -> int */
#include "../support/kernel.h"

#include "../core/primes.h"

typedef struct {
    int64_t low, high;
    void *scratch;
    primes_sieve sieve;
    gs_vector vector;
} primes_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    primes_job *job = memory;
    if (gs_int("primes", "high", arguments[1], 0, PRIMES_HIGH_MAX, &job->high) < 0) return -1;
    if (gs_int("primes", "low", arguments[0], 0, job->high, &job->low) < 0) return -1;
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

static gs_status compute(void *memory, gs_slices *slices) {
    primes_job *job = memory;
    if (slices->end == 0) primes_start(&job->sieve, job->low, job->high, job->scratch);
    while (gs_next(slices)) primes_count(&job->sieve, job->vector, slices->begin, slices->end);
    return GS_OK;
}

static PyObject *result(void *memory) { return PyLong_FromLongLong(((primes_job *)memory)->sieve.found); }

static void clear(void *memory) { PyMem_RawFree(((primes_job *)memory)->scratch); }

static const gs_kernel kernel = {
    .name = "primes",
    .arguments = {"low", "high"},
    .required = 2,
    .unit = "numbers",
    .threshold = PRIMES_THRESHOLD,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(doc, "primes($module, low, high, *, policy='auto')\n--\n\n"
                  "Return how many primes p satisfy low <= p < high, for 0 <= low <= high <= 10**14.\n\n"
                  "Each call finds the primes up to the square root of `high` anew, in memory of its own.");

GS_MODULE(primes, kernel, primes_job, doc)
