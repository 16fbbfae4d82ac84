"""A `cdef void` function without `noexcept`: after each call, Cython takes the GIL to ask whether an exception is set."""


cdef void add(double *result, double value) nogil:
    result[0] += value * value / (1.0 + value)


def total(const double[::1] values):
    cdef double result = 0.0
    cdef Py_ssize_t i
    with nogil:
        for i in range(values.shape[0]):
            add(&result, values[i])
    return result
