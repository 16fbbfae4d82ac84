/* What every module written in C declares of itself. A file that includes this is one module: it defines
 * gs_module_exec() and gives gs_module_slots to its PyModuleDef. */
#ifndef GILSCOPE_SUPPORT_MODULE_H
#define GILSCOPE_SUPPORT_MODULE_H

#include <Python.h>

/* What the module adds to itself when it is imported: 0, or -1 with an exception set. */
static int gs_module_exec(PyObject *module);

static PyModuleDef_Slot gs_module_slots[] = {
    {Py_mod_exec, (void *)gs_module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

#endif
