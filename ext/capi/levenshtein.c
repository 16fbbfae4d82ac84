/* levenshtein(query, choices, out, policy="auto") -> None */
#include "../support/kernel.h"

#include "../core/levenshtein.h"
#include "../support/items.h"

enum { LEVENSHTEIN_AT_QUERY, LEVENSHTEIN_AT_CHOICES, LEVENSHTEIN_AT_OUT }; /* the arguments' places */

typedef struct {
    gs_texts choices; /* with a reference to each: see gs_texts_take() */
    Py_buffer out;
    levenshtein_task task; /* the query is the caller's argument, which lives as long as the call */
    levenshtein_state *state;
    gs_vector vector;
} levenshtein_job;

static int levenshtein_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    levenshtein_job *job = memory;
    levenshtein_task *task = &job->task;
    if (gs_take_text(in, LEVENSHTEIN_AT_QUERY, &task->query) < 0) return -1;
    if (gs_take_buffer(in, LEVENSHTEIN_AT_OUT, &gs_int32, 1, GS_WRITE, &job->out) < 0) return -1;
    if (gs_take_texts(in, LEVENSHTEIN_AT_CHOICES, LEVENSHTEIN_AT_OUT, job->out.shape[0], &job->choices) < 0) return -1;
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

static gs_status levenshtein_job_compute(void *memory, gs_slices *slices) {
    levenshtein_job *job = memory;
    if (slices->end == 0) levenshtein_start(&job->task, job->state);
    while (gs_next(slices)) levenshtein_advance(&job->task, job->state, job->vector, slices->end);
    return GS_OK;
}

static void levenshtein_job_clear(void *memory) {
    levenshtein_job *job = memory;
    PyMem_RawFree(job->state);
    PyBuffer_Release(&job->out);
    gs_texts_drop(&job->choices);
}

static const gs_kernel levenshtein_kernel = {
    .name = "levenshtein",
    .arguments = {"query", "choices", "out"},
    .required = 3,
    .unit = "character-words",
    .threshold = LEVENSHTEIN_THRESHOLD,
    .job_size = sizeof(levenshtein_job),
    .parse = levenshtein_job_parse,
    .compute = levenshtein_job_compute,
    .result = gs_none,
    .clear = levenshtein_job_clear,
};

PyDoc_STRVAR(levenshtein_doc,
             "levenshtein($module, query, choices, out, *, policy='auto')\n--\n\n"
             "Write the edit distance of `query` to each str in the list `choices` into `out`, int32 and as long.\n\n"
             "The distance is the least number of characters inserted, deleted or replaced; characters are code\n"
             "points, lone surrogates too.");

static PyMethodDef levenshtein_methods[] = {
    {"levenshtein", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, levenshtein_doc},
    {"ceiling", (PyCFunction)(void (*)(void))gs_kernel_ceiling, METH_FASTCALL, gs_ceiling_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &levenshtein_kernel); }

static struct PyModuleDef levenshtein_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "levenshtein",
    .m_doc = "The kernel levenshtein in C: see gilscope.kernels.levenshtein.",
    .m_size = sizeof(gs_state),
    .m_methods = levenshtein_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_levenshtein(void) { return PyModuleDef_Init(&levenshtein_module); }
