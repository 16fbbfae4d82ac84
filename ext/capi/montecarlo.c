/* montecarlo(samples, seed, first=0, policy="auto") -> int */
#include "../support/kernel.h"

#include "../core/montecarlo.h"

typedef struct {
    int64_t samples, seed, first;
    int64_t hits;
    gs_vector vector;
} montecarlo_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    montecarlo_job *job = memory;
    if (gs_int("montecarlo", "samples", arguments[0], 0, MONTECARLO_MAX, &job->samples) < 0) return -1;
    if (gs_int("montecarlo", "seed", arguments[1], 0, INT64_MAX, &job->seed) < 0) return -1;
    if (arguments[2] != NULL && gs_int("montecarlo", "first", arguments[2], 0, MONTECARLO_MAX, &job->first) < 0)
        return -1;
    job->vector = plan->vector;
    plan->work = plan->total = job->samples;
    plan->step = gs_slice_of(10);
    return 0;
}

static gs_status compute(void *memory, gs_slices *slices) {
    montecarlo_job *job = memory;
    if (slices->end == 0) job->hits = 0;
    while (gs_next(slices))
        job->hits +=
            montecarlo_hits((uint64_t)job->seed, job->vector, job->first + slices->begin, job->first + slices->end);
    return GS_OK;
}

static PyObject *result(void *memory) { return PyLong_FromLongLong(((montecarlo_job *)memory)->hits); }

static void clear(void *memory) { (void)memory; }

static const gs_kernel kernel = {
    .name = "montecarlo",
    .arguments = {"samples", "seed", "first"},
    .required = 2,
    .unit = "samples",
    .threshold = MONTECARLO_THRESHOLD,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(doc, "montecarlo($module, samples, seed, first=0, *, policy='auto')\n--\n\n"
                  "Return how many of the samples first to first + samples - 1 lie inside the quarter circle.\n\n"
                  "The sequence is that of the key `seed` (0 to 2**63-1), the same however it is divided into calls;\n"
                  "pi is about 4 * hits / samples. `samples` and `first` are from 0 to 10**18.");

GS_MODULE(montecarlo, kernel, montecarlo_job, doc)
