/* nbody(positions, masses, softening, out, first=0, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/nbody.h"

enum {
    NBODY_AT_POSITIONS,
    NBODY_AT_MASSES,
    NBODY_AT_SOFTENING,
    NBODY_AT_OUT,
    NBODY_AT_FIRST
}; /* the arguments' places */

typedef struct {
    Py_buffer positions, masses, out;
    nbody_task task;
    nbody_copy copy;
    void *memory;
    double *scratch; /* in memory, aligned */
    gs_vector vector;
} nbody_job;

static int nbody_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    nbody_job *job = memory;
    nbody_task *task = &job->task;
    double softening;
    if (gs_take_buffer(in, NBODY_AT_POSITIONS, &gs_float64, 2, GS_READ, &job->positions) < 0) return -1;
    if (gs_take_buffer(in, NBODY_AT_MASSES, &gs_float64, 1, GS_READ, &job->masses) < 0) return -1;
    if (gs_take_real_positive(in, NBODY_AT_SOFTENING, &softening) < 0) return -1;
    if (gs_take_buffer(in, NBODY_AT_OUT, &gs_float64, 2, GS_WRITE, &job->out) < 0) return -1;
    if (gs_take_int(in, NBODY_AT_FIRST, 0, INT64_MAX, &task->first) < 0) return -1;
    if (gs_check_rows(in, NBODY_AT_POSITIONS, job->positions.shape[0], 3) < 0) return -1;
    if (gs_check_rows(in, NBODY_AT_OUT, job->out.shape[0], 3) < 0) return -1;
    task->count = job->positions.shape[1];
    task->targets = job->out.shape[1];
    if (gs_check_length(in, NBODY_AT_MASSES, job->masses.shape[0], NBODY_AT_POSITIONS, task->count) < 0) return -1;
    if (gs_check_window(in, NBODY_AT_FIRST, task->first, NBODY_AT_OUT, task->targets, NBODY_AT_POSITIONS, task->count) <
        0)
        return -1;
    if (gs_check_disjoint(in, NBODY_AT_OUT, &job->out, NBODY_AT_POSITIONS, &job->positions) < 0) return -1;
    if (gs_check_disjoint(in, NBODY_AT_OUT, &job->out, NBODY_AT_MASSES, &job->masses) < 0) return -1;
    task->x = job->positions.buf;
    task->y = task->x + task->count;
    task->z = task->y + task->count;
    task->mass = job->masses.buf;
    task->softening2 = softening * softening;
    task->ax = job->out.buf;
    task->ay = task->ax + task->targets;
    task->az = task->ay + task->targets;
    job->vector = plan->vector;
    plan->total = nbody_units(task->targets);
    plan->work = gs_product(task->targets, task->count);
    plan->step = gs_slice_of(5.0 * NBODY_GROUP * (double)task->count + 1);
    job->memory = PyMem_RawMalloc((size_t)nbody_scratch(task->count) + 64);
    if (job->memory == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    job->scratch = (double *)(((uintptr_t)job->memory + 63) / 64 * 64);
    return 0;
}

static gs_status nbody_job_compute(void *memory, gs_slices *slices) {
    nbody_job *job = memory;
    if (slices->end == 0) job->copy = nbody_start(&job->task, job->scratch);
    while (gs_next(slices)) nbody_groups(&job->task, &job->copy, job->vector, slices->begin, slices->end);
    if (slices->end == slices->total) nbody_finish(&job->task, &job->copy);
    return GS_OK;
}

static void nbody_job_clear(void *memory) {
    nbody_job *job = memory;
    PyMem_RawFree(job->memory);
    PyBuffer_Release(&job->positions);
    PyBuffer_Release(&job->masses);
    PyBuffer_Release(&job->out);
}

static const gs_kernel nbody_kernel = {
    .name = "nbody",
    .arguments = {"positions", "masses", "softening", "out", "first"},
    .required = 4,
    .unit = "interactions",
    .threshold = NBODY_THRESHOLD,
    .job_size = sizeof(nbody_job),
    .parse = nbody_job_parse,
    .compute = nbody_job_compute,
    .result = gs_none,
    .clear = nbody_job_clear,
};

PyDoc_STRVAR(nbody_doc,
             "nbody($module, positions, masses, softening, out, first=0, *, policy='auto')\n--\n\n"
             "Write the accelerations of particles first, first + 1, ... into `out`, float64 of (3, m).\n\n"
             "positions: float64 of (3, n), C-contiguous, all x, all y, all z; masses: float64 of (n,). All n\n"
             "particles pull, with G = 1 and their distances softened: |d|^2 + softening^2, softening above 0.");

static PyMethodDef nbody_methods[] = {
    {"nbody", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, nbody_doc},
    {"ceiling", (PyCFunction)(void (*)(void))gs_kernel_ceiling, METH_FASTCALL, gs_ceiling_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &nbody_kernel); }

static struct PyModuleDef nbody_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "nbody",
    .m_doc = "The kernel nbody in C: see gilscope.kernels.nbody.",
    .m_size = sizeof(gs_state),
    .m_methods = nbody_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_nbody(void) { return PyModuleDef_Init(&nbody_module); }
