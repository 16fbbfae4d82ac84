/* objectsum(numbers, policy="auto") -> number */
#include "../support/kernel.h"

#include "../core/objectsum.h"
#include "../support/items.h"

enum { OBJECTSUM_AT_NUMBERS }; /* the arguments' places */

/* What `sum()` does: whole numbers and floats are added as machine words for as long as that is right, all
 * else as objects. */
typedef enum { OBJECTSUM_WHOLE, OBJECTSUM_REAL, OBJECTSUM_ANY } objectsum_kind;

typedef struct {
    PyObject *numbers; /* borrowed from the caller, as every argument */
    objectsum_kind kind;
    PyObject *total;      /* the sum so far; NULL: nothing yet, or OBJECTSUM_REAL */
    int64_t whole;        /* OBJECTSUM_WHOLE: to be added to it */
    objectsum_float real; /* OBJECTSUM_REAL: the sum so far */
} objectsum_job;

static int objectsum_job_parse(const gs_bound *in, void *memory, gs_plan *plan) {
    objectsum_job *job = memory;
    if (gs_take_list(in, OBJECTSUM_AT_NUMBERS, &job->numbers) < 0) return -1;
    plan->work = plan->total = PyList_GET_SIZE(job->numbers);
    plan->step = gs_slice_of(20);
    return 0;
}

static bool objectsum_fits(PyObject *item, int64_t *value) {
    return (PyLong_CheckExact(item) || PyBool_Check(item)) && gs_int_value(item, value);
}

static bool objectsum_add_whole(int64_t *sum, PyObject *item) {
    int64_t value, total;
    if (!objectsum_fits(item, &value) || __builtin_add_overflow(*sum, value, &total)) return false;
    *sum = total;
    return true;
}

static bool objectsum_add_real(objectsum_float *sum, PyObject *item) {
    int64_t value;
    if (PyFloat_CheckExact(item)) objectsum_float_add(sum, PyFloat_AS_DOUBLE(item));
    else if (objectsum_fits(item, &value)) objectsum_float_add(sum, (double)value);
    else return false;
    return true;
}

/* Adds items to the words of the sum for as long as they fit there. Returns the place of the first that does
 * not, or `end`. */
static Py_ssize_t objectsum_add_words(objectsum_job *job, Py_ssize_t place, Py_ssize_t end) {
    int64_t whole = job->whole; /* copies, for the loop to keep in registers */
    objectsum_float real = job->real;
    for (bool fit = job->kind != OBJECTSUM_ANY; fit && place < end; place += fit) {
        PyObject *item = gs_list_look(job->numbers, place);
        if (item == NULL) break;
        fit = job->kind == OBJECTSUM_WHOLE ? objectsum_add_whole(&whole, item) : objectsum_add_real(&real, item);
        gs_list_looked(item);
    }
    job->whole = whole;
    job->real = real;
    return place;
}

/* total += item, in Python's arithmetic, which may run any code. */
static int objectsum_add_object(objectsum_job *job, PyObject *item) {
    PyObject *sum = job->total == NULL ? Py_NewRef(item) : PyNumber_Add(job->total, item);
    if (sum == NULL) return -1;
    Py_XSETREF(job->total, sum);
    return 0;
}

/* Brings the words of the sum into `total`. */
static int objectsum_settle(objectsum_job *job) {
    if (job->kind == OBJECTSUM_ANY || (job->kind == OBJECTSUM_WHOLE && job->whole == 0 && job->total != NULL)) return 0;
    PyObject *words = job->kind == OBJECTSUM_WHOLE ? PyLong_FromLongLong(job->whole)
                                                   : PyFloat_FromDouble(objectsum_float_value(&job->real));
    if (words == NULL) return -1;
    int status = objectsum_add_object(job, words);
    Py_DECREF(words);
    job->whole = 0;
    return status;
}

static int objectsum_add_any(objectsum_job *job, Py_ssize_t place, PyObject *item) {
    int64_t value;
    if (gs_number("objectsum", "numbers", place, item) < 0) return -1;
    if (PyErr_CheckSignals() < 0) return -1; /* here, since an addition may take long */
    /* An int beyond a machine word goes to the total at once: the word can wait. */
    if (job->kind == OBJECTSUM_WHOLE && PyLong_CheckExact(item) && !gs_int_value(item, &value))
        return objectsum_add_object(job, item);
    if (objectsum_settle(job) < 0 || objectsum_add_object(job, item) < 0) return -1;
    job->kind = PyLong_CheckExact(job->total)    ? OBJECTSUM_WHOLE
                : PyFloat_CheckExact(job->total) ? OBJECTSUM_REAL
                                                 : OBJECTSUM_ANY;
    if (job->kind == OBJECTSUM_REAL) {
        job->real = (objectsum_float){PyFloat_AS_DOUBLE(job->total), 0};
        Py_CLEAR(job->total);
    }
    return 0;
}

static gs_status objectsum_job_compute(void *memory, gs_slices *slices) {
    objectsum_job *job = memory;
    while (gs_next(slices)) {
        for (Py_ssize_t place = slices->begin; (place = objectsum_add_words(job, place, slices->end)) < slices->end;
             place++) {
            PyObject *item = gs_list_item(job->numbers, place);
            if (item == NULL) { /* an addition made the list shorter */
                slices->end = slices->total;
                return GS_OK;
            }
            int status = objectsum_add_any(job, place, item);
            Py_DECREF(item);
            if (status < 0) return GS_RAISED;
        }
    }
    return GS_OK;
}

static PyObject *objectsum_job_result(void *memory) {
    objectsum_job *job = memory;
    return objectsum_settle(job) < 0 ? NULL : Py_NewRef(job->total);
}

static void objectsum_job_clear(void *memory) { Py_CLEAR(((objectsum_job *)memory)->total); }

static const gs_kernel objectsum_kernel = {
    .name = "objectsum",
    .arguments = {"numbers"},
    .required = 1,
    .unit = "items",
    .objects = true,
    .job_size = sizeof(objectsum_job),
    .parse = objectsum_job_parse,
    .compute = objectsum_job_compute,
    .result = objectsum_job_result,
    .clear = objectsum_job_clear,
};

PyDoc_STRVAR(objectsum_doc,
             "objectsum($module, numbers, *, policy='auto')\n--\n\n"
             "Return the sum of a list of numbers, 0 for an empty one.\n\n"
             "Whole numbers are added exactly, floats with compensation, others by their own `+`; an exception\n"
             "from that passes on. Items appended while it runs are left out.");

static PyMethodDef objectsum_methods[] = {
    {"objectsum", (PyCFunction)(void (*)(void))gs_kernel_call, METH_FASTCALL | METH_KEYWORDS, objectsum_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return gs_kernel_exec(module, &objectsum_kernel); }

static struct PyModuleDef objectsum_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "objectsum",
    .m_doc = "The kernel objectsum in C: see gilscope.kernels.objectsum.",
    .m_size = sizeof(gs_state),
    .m_methods = objectsum_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit_objectsum(void) { return PyModuleDef_Init(&objectsum_module); }
