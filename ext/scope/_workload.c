/* gilscope.scope._workload: CPU work that holds and releases the GIL for exact times.
 *
 * What it says is true by construction, so the instrument is measured against it (gilscope.scope.calibrate).
 *
 *     class _workload:
 *         def cycle(hold: float, release: float, seconds: float) -> tuple[float, float, float, int]
 */
#include "../support/module.h"

#include "../core/base.h"

static void workload_spin(int64_t end) {
    while (gs_now() < end) {
    }
}

PyDoc_STRVAR(workload_cycle_doc,
             "cycle(hold, release, seconds, /)\n--\n\n"
             "Holds the GIL for `hold` seconds, releases it for `release` seconds, and so on, for `seconds` in all.\n\n"
             "Computes all the time. A hold of 0 holds no longer than it takes to release again; a release of 0\n"
             "releases nothing. Returns the seconds held, the seconds released, the seconds it waited for the GIL to\n"
             "come back, and the number of rounds. ValueError for times that are negative or longer than an hour.");

static PyObject *workload_cycle(PyObject *module, PyObject *arguments) {
    double hold, release, seconds;
    if (!PyArg_ParseTuple(arguments, "ddd:cycle", &hold, &release, &seconds)) return NULL;
    if (!(hold >= 0 && release >= 0 && seconds >= 0 && hold <= 3600 && release <= 3600 && seconds <= 3600)) {
        PyErr_SetString(PyExc_ValueError, "cycle: times must be between 0 and 3600 seconds");
        return NULL;
    }
    int64_t hold_ns = (int64_t)(hold * 1e9), release_ns = (int64_t)(release * 1e9);
    int64_t held = 0, released = 0, waited = 0, rounds = 0;
    int64_t now = gs_now(), end = now + (int64_t)(seconds * 1e9);
    while (now < end) {
        int64_t start = now;
        workload_spin(start + hold_ns);
        now = gs_now();
        held += now - start;
        if (release_ns > 0) {
            int64_t let_go = now, wanted;
            Py_BEGIN_ALLOW_THREADS;
            workload_spin(let_go + release_ns);
            wanted = gs_now();
            Py_END_ALLOW_THREADS;
            now = gs_now();
            released += wanted - let_go;
            waited += now - wanted;
        }
        rounds++;
        if (PyErr_CheckSignals() < 0) return NULL;
    }
    return Py_BuildValue("(dddL)", (double)held / 1e9, (double)released / 1e9, (double)waited / 1e9, (long long)rounds);
}

static PyMethodDef workload_methods[] = {
    {"cycle", workload_cycle, METH_VARARGS, workload_cycle_doc},
    {NULL, NULL, 0, NULL},
};

static int gs_module_exec(PyObject *module) { return 0; }

static struct PyModuleDef workload_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_workload",
    .m_doc = "CPU work that holds and releases the GIL for exact times.",
    .m_methods = workload_methods,
    .m_slots = gs_module_slots,
};

PyMODINIT_FUNC PyInit__workload(void) { return PyModuleDef_Init(&workload_module); }
