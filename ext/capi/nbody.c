/* nbody(positions, masses, softening, out, first=0, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/nbody.h"

typedef struct {
    Py_buffer positions, masses, out;
    nbody_task task;
    nbody_copy copy;
    void *memory;
    double *scratch; /* in memory, aligned */
    gs_vector vector;
} nbody_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    nbody_job *job = memory;
    nbody_task *task = &job->task;
    double softening;
    if (gs_buffer("nbody", "positions", arguments[0], &gs_float64, 2, GS_READ, &job->positions) < 0) return -1;
    if (gs_buffer("nbody", "masses", arguments[1], &gs_float64, 1, GS_READ, &job->masses) < 0) return -1;
    if (gs_real_positive("nbody", "softening", arguments[2], &softening) < 0) return -1;
    if (gs_buffer("nbody", "out", arguments[3], &gs_float64, 2, GS_WRITE, &job->out) < 0) return -1;
    if (arguments[4] != NULL && gs_int("nbody", "first", arguments[4], 0, INT64_MAX, &task->first) < 0) return -1;
    if (gs_rows("nbody", "positions", job->positions.shape[0], 3) < 0) return -1;
    if (gs_rows("nbody", "out", job->out.shape[0], 3) < 0) return -1;
    task->count = job->positions.shape[1];
    task->targets = job->out.shape[1];
    if (gs_length("nbody", "masses", job->masses.shape[0], "positions", task->count) < 0) return -1;
    if (gs_window("nbody", "first", task->first, "out", task->targets, "positions", task->count) < 0) return -1;
    if (gs_disjoint("nbody", "out", &job->out, "positions", &job->positions) < 0) return -1;
    if (gs_disjoint("nbody", "out", &job->out, "masses", &job->masses) < 0) return -1;
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

static gs_status compute(void *memory, gs_slices *slices) {
    nbody_job *job = memory;
    if (slices->end == 0) job->copy = nbody_start(&job->task, job->scratch);
    while (gs_next(slices)) nbody_groups(&job->task, &job->copy, job->vector, slices->begin, slices->end);
    if (slices->end == slices->total) nbody_finish(&job->task, &job->copy);
    return GS_OK;
}

static PyObject *result(void *memory) {
    (void)memory;
    Py_RETURN_NONE;
}

static void clear(void *memory) {
    nbody_job *job = memory;
    PyMem_RawFree(job->memory);
    PyBuffer_Release(&job->positions);
    PyBuffer_Release(&job->masses);
    PyBuffer_Release(&job->out);
}

static const gs_kernel kernel = {
    .name = "nbody",
    .arguments = {"positions", "masses", "softening", "out", "first"},
    .required = 4,
    .unit = "interactions",
    .threshold = NBODY_THRESHOLD,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(doc, "nbody($module, positions, masses, softening, out, first=0, *, policy='auto')\n--\n\n"
                  "Write the accelerations of particles first, first + 1, ... into `out`, float64 of (3, m).\n\n"
                  "positions: float64 of (3, n), C-contiguous, all x, all y, all z; masses: float64 of (n,). All n\n"
                  "particles pull, with G = 1 and their distances softened: |d|^2 + softening^2, softening above 0.");

GS_MODULE(nbody, kernel, nbody_job, doc)
