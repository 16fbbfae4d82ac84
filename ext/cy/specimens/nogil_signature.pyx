"""`nogil` on a signature: it says that the function *may* be called without the GIL. It releases nothing."""


cdef double add_up(const double[::1] values) noexcept nogil:
    cdef double result = 0.0
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        result += values[i] * values[i] / (1.0 + values[i])
    return result


def total(const double[::1] values):
    return add_up(values)
