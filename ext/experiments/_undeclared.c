/* gilscope.experiments._undeclared: a module as people wrote them before there were slots. It says nothing of itself,
 * neither that it can live in several interpreters nor that it can do without the GIL. */
#include <Python.h>

static struct PyModuleDef undeclared_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_undeclared",
    .m_doc = "A module of single phase that declares nothing.",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit__undeclared(void) { return PyModule_Create(&undeclared_module); }
