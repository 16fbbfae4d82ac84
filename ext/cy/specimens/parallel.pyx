"""`prange(nogil=True)`: released, and shared out over the threads of OpenMP where the build has it."""
from cython.parallel cimport prange


def total(const double[::1] values):
    cdef double result = 0.0
    cdef Py_ssize_t i
    for i in prange(values.shape[0], nogil=True, schedule="static"):
        result += values[i] * values[i] / (1.0 + values[i])
    return result
