"""`with gil` inside the loop: the GIL is released once, and taken again on every round."""

seen = 0


def total(const double[::1] values):
    global seen
    cdef double result = 0.0
    cdef Py_ssize_t i
    with nogil:
        for i in range(values.shape[0]):
            result += values[i] * values[i] / (1.0 + values[i])
            with gil:
                seen += 1
    return result
