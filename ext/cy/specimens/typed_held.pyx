"""Typed: the loop is plain C and touches no object, and nothing in it releases the GIL."""


def total(const double[::1] values):
    cdef double result = 0.0
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        result += values[i] * values[i] / (1.0 + values[i])
    return result
