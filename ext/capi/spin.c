/* spin(rounds, seed=0, policy="auto") -> int */
#include "../support/kernel.h"

#include "../core/spin.h"

typedef struct {
    int64_t rounds, seed;
    uint64_t state;
} spin_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    spin_job *job = memory;
    if (gs_int("spin", "rounds", arguments[0], 0, INT64_MAX, &job->rounds) < 0) return -1;
    if (arguments[1] != NULL && gs_int("spin", "seed", arguments[1], 0, INT64_MAX, &job->seed) < 0) return -1;
    plan->work = plan->total = job->rounds;
    plan->step = gs_slice_of(4);
    return 0;
}

static gs_status compute(void *memory, gs_slices *slices) {
    spin_job *job = memory;
    if (slices->end == 0) job->state = (uint64_t)job->seed;
    while (gs_next(slices)) job->state = spin_rounds(job->state, slices->end - slices->begin);
    return GS_OK;
}

static PyObject *result(void *memory) {
    spin_job *job = memory;
    return PyLong_FromUnsignedLongLong(job->rounds == 0 ? (uint64_t)job->seed : job->state);
}

static void clear(void *memory) { (void)memory; }

static const gs_kernel kernel = {
    .name = "spin",
    .arguments = {"rounds", "seed"},
    .required = 1,
    .unit = "rounds",
    .threshold = SPIN_THRESHOLD,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(doc, "spin($module, rounds, seed=0, *, policy='auto')\n--\n\n"
                  "Mix `seed` (0 to 2**63-1) for `rounds` rounds and return the state, an int below 2**64.");

GS_MODULE(spin, kernel, spin_job, doc)
