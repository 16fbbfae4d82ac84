/* levenshtein(query, choices, out, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/levenshtein.h"
#include "../support/items.h"

typedef struct {
    gs_texts choices; /* with a reference to each: see gs_texts_take() */
    Py_buffer out;
    levenshtein_task task; /* the query is the caller's argument, which lives as long as the call */
    levenshtein_state *state;
    gs_vector vector;
} levenshtein_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    levenshtein_job *job = memory;
    levenshtein_task *task = &job->task;
    if (gs_text_of("levenshtein", "query", -1, arguments[0], &task->query) < 0) return -1;
    if (gs_buffer("levenshtein", "out", arguments[2], &gs_int32, 1, GS_WRITE, &job->out) < 0) return -1;
    if (gs_texts_take("levenshtein", "choices", arguments[1], "out", job->out.shape[0], &job->choices) < 0) return -1;
    job->state = PyMem_RawMalloc(levenshtein_state_size(task->query.length));
    if (job->state == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    task->choices = job->choices.items;
    task->count = job->choices.count;
    task->distances = job->out.buf;
    job->vector = plan->vector;
    plan->work = plan->total = levenshtein_work(task->query.length, job->choices.characters, task->count);
    plan->step = gs_slice_of(LEVENSHTEIN_NANOSECONDS);
    return 0;
}

static gs_status compute(void *memory, gs_slices *slices) {
    levenshtein_job *job = memory;
    if (slices->end == 0) levenshtein_start(&job->task, job->state);
    while (gs_next(slices)) levenshtein_advance(&job->task, job->state, job->vector, slices->end);
    return GS_OK;
}

static PyObject *result(void *memory) {
    (void)memory;
    Py_RETURN_NONE;
}

static void clear(void *memory) {
    levenshtein_job *job = memory;
    PyMem_RawFree(job->state);
    PyBuffer_Release(&job->out);
    gs_texts_drop(&job->choices);
}

static const gs_kernel kernel = {
    .name = "levenshtein",
    .arguments = {"query", "choices", "out"},
    .required = 3,
    .unit = "character-words",
    .threshold = LEVENSHTEIN_THRESHOLD,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(doc,
             "levenshtein($module, query, choices, out, *, policy='auto')\n--\n\n"
             "Write the edit distance of `query` to each str in the list `choices` into `out`, int32 and as long.\n\n"
             "The distance is the least number of characters inserted, deleted or replaced; characters are code\n"
             "points, lone surrogates too.");

GS_MODULE(levenshtein, kernel, levenshtein_job, doc)
