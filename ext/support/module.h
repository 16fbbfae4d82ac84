/* What every module written in C declares of itself, and the modules that are no more than a list of functions. */
#ifndef GILSCOPE_SUPPORT_MODULE_H
#define GILSCOPE_SUPPORT_MODULE_H

#include <Python.h>

#if PY_VERSION_HEX >= 0x030D0000
#define GS_SLOT_GIL {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#else
#define GS_SLOT_GIL
#endif
#if PY_VERSION_HEX >= 0x030C0000
#define GS_SLOT_INTERPRETERS {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#else
#define GS_SLOT_INTERPRETERS
#endif

/* The module NAME with these functions and no state. A macro, because PyInit_NAME has to be pasted together. */
#define GS_PLAIN_MODULE(NAME, DOC, METHODS, EXEC)                                                                      \
    static PyModuleDef_Slot NAME##_slots[] = {{Py_mod_exec, (void *)EXEC}, GS_SLOT_INTERPRETERS GS_SLOT_GIL{0, NULL}}; \
    static struct PyModuleDef NAME##_module = {                                                                        \
        .m_base = PyModuleDef_HEAD_INIT,                                                                               \
        .m_name = #NAME,                                                                                               \
        .m_doc = DOC,                                                                                                  \
        .m_methods = METHODS,                                                                                          \
        .m_slots = NAME##_slots,                                                                                       \
    };                                                                                                                 \
    PyMODINIT_FUNC PyInit_##NAME(void) { return PyModuleDef_Init(&NAME##_module); }

/* For EXEC, where a module has nothing to add to itself. */
static inline int gs_nothing_more(PyObject *module) { return 0; }

#endif
