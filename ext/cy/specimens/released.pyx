"""`with nogil` around a call of a `noexcept nogil` function: one release, for the whole loop."""


cdef double add_up(const double[::1] values) noexcept nogil:
    cdef double result = 0.0
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        result += values[i] * values[i] / (1.0 + values[i])
    return result


def total(const double[::1] values):
    cdef double result
    with nogil:
        result = add_up(values)
    return result
