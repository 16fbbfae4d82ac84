/* histogram(keys, counts, sharing="private", policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/histogram.h"
#include "../support/locks.h"

typedef struct {
    Py_buffer keys, counts;
    histogram_task task;
    histogram_scratch scratch;
} histogram_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    histogram_job *job = memory;
    int sharing = HISTOGRAM_PRIVATE;
    if (gs_buffer("histogram", "keys", arguments[0], &gs_uint8, 1, GS_READ, &job->keys) < 0) return -1;
    if (gs_buffer("histogram", "counts", arguments[1], &gs_int64, 1, GS_WRITE | GS_STRIDED, &job->counts) < 0)
        return -1;
    if (gs_disjoint("histogram", "counts", &job->counts, "keys", &job->keys) < 0) return -1;
    if (gs_length_between("histogram", "counts", job->counts.shape[0], 1, HISTOGRAM_BINS_MAX) < 0) return -1;
    if (arguments[2] != NULL && gs_choice("histogram", "sharing", arguments[2], histogram_sharings, &sharing) < 0)
        return -1;
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

static gs_status compute(void *memory, gs_slices *slices) {
    histogram_job *job = memory;
    return histogram_run(&job->task, &job->scratch, slices);
}

static PyObject *result(void *memory) {
    (void)memory;
    Py_RETURN_NONE;
}

static void clear(void *memory) {
    histogram_job *job = memory;
    PyBuffer_Release(&job->counts);
    PyBuffer_Release(&job->keys);
}

static const gs_kernel kernel = {
    .name = "histogram",
    .arguments = {"keys", "counts", "sharing"},
    .required = 2,
    .unit = "keys",
    .threshold = HISTOGRAM_THRESHOLD,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(
    doc, "histogram($module, keys, counts, sharing='private', *, policy='auto')\n--\n\n"
         "Add to `counts`, int64 of 1 to 256 bins, how often each key occurs in `keys`, uint8, C-contiguous.\n\n"
         "`sharing` says how threads may share `counts`. 'private': each call counts for itself and adds its counts\n"
         "in the end, atomically. 'atomic': each key is added atomically. 'locked': each key is added under a lock,\n"
         "which keeps calls of this module apart that got the same `counts`. 'shared-line': each key is added\n"
         "plainly, which loses updates where another thread writes the same bins, and is right where they only\n"
         "share its cache lines.\n\n"
         "A key without a bin raises ValueError and names its index. `counts` is then unchanged with 'private';\n"
         "with the others it has the keys before that one.");

GS_MODULE(histogram, kernel, histogram_job, doc)
