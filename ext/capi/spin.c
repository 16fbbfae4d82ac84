/* spin(rounds, seed=0, policy="auto") -> int */
#include "../support/kernel.h"

#include "../core/spin.h"

enum { SPIN_AT_ROUNDS, SPIN_AT_SEED }; /* the arguments' places */

typedef struct {
    int64_t rounds, seed;
    uint64_t state;
} spin_job;

static int spin_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    spin_job *job = memory;
    if (gs_take_int(in, SPIN_AT_ROUNDS, 0, INT64_MAX, &job->rounds) < 0) return -1;
    if (gs_take_int(in, SPIN_AT_SEED, 0, INT64_MAX, &job->seed) < 0) return -1;
    plan->work = plan->total = job->rounds;
    plan->step = gs_slice_of(4);
    return 0;
}

static gs_status spin_job_compute(void *memory, gs_slices *slices) {
    spin_job *job = memory;
    if (slices->end == 0) job->state = (uint64_t)job->seed;
    while (gs_next(slices)) job->state = spin_rounds(job->state, slices->end - slices->begin);
    return GS_OK;
}

static PyObject *spin_job_result(void *memory) {
    spin_job *job = memory;
    return PyLong_FromUnsignedLongLong(job->rounds == 0 ? (uint64_t)job->seed : job->state);
}

static const gs_kernel spin_kernel = {
    .name = "spin",
    .arguments = {"rounds", "seed"},
    .required = 1,
    .unit = "rounds",
    .threshold = SPIN_THRESHOLD,
    .job_size = sizeof(spin_job),
    .parse = spin_job_parse,
    .compute = spin_job_compute,
    .result = spin_job_result,
    .clear = gs_nothing_to_clear,
};

PyDoc_STRVAR(spin_doc, "spin($module, rounds, seed=0, *, policy='auto')\n--\n\n"
                       "Mix `seed` (0 to 2**63-1) for `rounds` rounds and return the state, an int below 2**64.");

static PyMethodDef spin_methods[] = {
    {"spin", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, spin_doc},
    {"ceiling", (PyCFunction)(void (*)(void))gs_kernel_ceiling, METH_FASTCALL, gs_ceiling_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &spin_kernel); }

static struct PyModuleDef spin_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "spin",
    .m_doc = "The kernel spin in C: see gilscope.kernels.spin.",
    .m_size = sizeof(gs_state),
    .m_methods = spin_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_spin(void) { return PyModuleDef_Init(&spin_module); }
