"""A Python callback each thousand rounds, as progress bars have it: the GIL is taken for each of them."""


def nothing(done):
    """The callback of those who give none."""


cdef void report(object progress, Py_ssize_t done) noexcept with gil:
    try:
        progress(done)
    except Exception:
        pass  # like most of them: there is nobody to tell


def total(const double[::1] values, progress=nothing):
    cdef double result = 0.0
    cdef Py_ssize_t i
    with nogil:
        for i in range(values.shape[0]):
            result += values[i] * values[i] / (1.0 + values[i])
            if i % 1000 == 999:
                report(progress, i + 1)
    return result
