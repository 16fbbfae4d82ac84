/* objectsum(numbers, policy="auto") -> number */
#include "../support/kernel.h"

#include "../core/objectsum.h"
#include "../support/items.h"

/* What `sum()` does: whole numbers and floats are added as machine words for as long as that is right, all
 * else as objects. */
typedef enum { WHOLE, REAL, ANY } kind;

typedef struct {
    PyObject *numbers; /* borrowed from the caller, as every argument */
    kind kind;
    PyObject *total;      /* the sum so far; NULL: nothing yet, or REAL */
    int64_t whole;        /* WHOLE: to be added to it */
    objectsum_float real; /* REAL: the sum so far */
} objectsum_job;

static int parse(PyObject *const *arguments, void *memory, gs_plan *plan) {
    objectsum_job *job = memory;
    if (gs_list("objectsum", "numbers", arguments[0]) < 0) return -1;
    job->numbers = arguments[0];
    plan->work = plan->total = PyList_GET_SIZE(job->numbers);
    plan->step = gs_slice_of(20);
    return 0;
}

static bool fits(PyObject *item, int64_t *value) {
    return (PyLong_CheckExact(item) || PyBool_Check(item)) && gs_int_value(item, value);
}

static bool add_whole(int64_t *sum, PyObject *item) {
    int64_t value, total;
    if (!fits(item, &value) || __builtin_add_overflow(*sum, value, &total)) return false;
    *sum = total;
    return true;
}

static bool add_real(objectsum_float *sum, PyObject *item) {
    int64_t value;
    if (PyFloat_CheckExact(item)) objectsum_float_add(sum, PyFloat_AS_DOUBLE(item));
    else if (fits(item, &value)) objectsum_float_add(sum, (double)value);
    else return false;
    return true;
}

/* Adds items to the words of the sum for as long as they fit there. Returns the place of the first that does
 * not, or `end`. */
static Py_ssize_t add_words(objectsum_job *job, Py_ssize_t place, Py_ssize_t end) {
    int64_t whole = job->whole; /* copies, for the loop to keep in registers */
    objectsum_float real = job->real;
    for (bool fit = job->kind != ANY; fit && place < end; place += fit) {
        PyObject *item = gs_list_look(job->numbers, place);
        if (item == NULL) break;
        fit = job->kind == WHOLE ? add_whole(&whole, item) : add_real(&real, item);
        gs_list_looked(item);
    }
    job->whole = whole;
    job->real = real;
    return place;
}

/* total += item, in Python's arithmetic, which may run any code. */
static int add_object(objectsum_job *job, PyObject *item) {
    PyObject *sum = job->total == NULL ? Py_NewRef(item) : PyNumber_Add(job->total, item);
    if (sum == NULL) return -1;
    Py_XSETREF(job->total, sum);
    return 0;
}

/* Brings the words of the sum into `total`. */
static int settle(objectsum_job *job) {
    if (job->kind == ANY || (job->kind == WHOLE && job->whole == 0 && job->total != NULL)) return 0;
    PyObject *words =
        job->kind == WHOLE ? PyLong_FromLongLong(job->whole) : PyFloat_FromDouble(objectsum_float_value(&job->real));
    if (words == NULL) return -1;
    int status = add_object(job, words);
    Py_DECREF(words);
    job->whole = 0;
    return status;
}

static int add_any(objectsum_job *job, Py_ssize_t place, PyObject *item) {
    int64_t value;
    if (gs_number("objectsum", "numbers", place, item) < 0) return -1;
    if (PyErr_CheckSignals() < 0) return -1; /* here, since an addition may take long */
    /* An int beyond a machine word goes to the total at once: the word can wait. */
    if (job->kind == WHOLE && PyLong_CheckExact(item) && !gs_int_value(item, &value)) return add_object(job, item);
    if (settle(job) < 0 || add_object(job, item) < 0) return -1;
    job->kind = PyLong_CheckExact(job->total) ? WHOLE : PyFloat_CheckExact(job->total) ? REAL : ANY;
    if (job->kind == REAL) {
        job->real = (objectsum_float){PyFloat_AS_DOUBLE(job->total), 0};
        Py_CLEAR(job->total);
    }
    return 0;
}

static gs_status compute(void *memory, gs_slices *slices) {
    objectsum_job *job = memory;
    while (gs_next(slices)) {
        for (Py_ssize_t place = slices->begin; (place = add_words(job, place, slices->end)) < slices->end; place++) {
            PyObject *item = gs_list_item(job->numbers, place);
            if (item == NULL) { /* an addition made the list shorter */
                slices->end = slices->total;
                return GS_OK;
            }
            int status = add_any(job, place, item);
            Py_DECREF(item);
            if (status < 0) return GS_RAISED;
        }
    }
    return GS_OK;
}

static PyObject *result(void *memory) {
    objectsum_job *job = memory;
    return settle(job) < 0 ? NULL : Py_NewRef(job->total);
}

static void clear(void *memory) { Py_CLEAR(((objectsum_job *)memory)->total); }

static const gs_kernel kernel = {
    .name = "objectsum",
    .arguments = {"numbers"},
    .required = 1,
    .unit = "items",
    .objects = true,
    .parse = parse,
    .compute = compute,
    .result = result,
    .clear = clear,
};

PyDoc_STRVAR(doc, "objectsum($module, numbers, *, policy='auto')\n--\n\n"
                  "Return the sum of a list of numbers, 0 for an empty one.\n\n"
                  "Whole numbers are added exactly, floats with compensation, others by their own `+`; an exception\n"
                  "from that passes on. Items appended while it runs are left out.");

GS_MODULE(objectsum, kernel, objectsum_job, doc)
