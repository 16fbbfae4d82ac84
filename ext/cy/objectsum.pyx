"""The kernel objectsum in Cython: see gilscope.kernels.objectsum."""
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.math cimport fabs, isfinite
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t

from support cimport *

THRESHOLD = None
UNIT = "items"


cdef class Sum:
    """A sum as sum() builds it: `total`, and what was not yet brought into it, in machine words."""
    cdef object total
    cdef int64_t whole  # while `total` is an int
    cdef double high, low  # while it is a float, in its place: the sum, and what rounding took from it
    cdef bint is_whole, is_real

    def __cinit__(self):
        self.total = 0
        self.is_whole = True

    cdef object value(self):
        if self.is_whole:
            return self.total + self.whole
        if self.is_real:
            return self.high + self.low if isfinite(self.low) else self.high
        return self.total

    cdef inline bint add_whole(self, int64_t x) noexcept:
        if self.is_real:
            self.add_real(<double>x)
            return True
        if not self.is_whole or (self.whole > INT64_MAX - x if x > 0 else self.whole < INT64_MIN - x):
            return False
        self.whole += x
        return True

    cdef inline void add_real(self, double x) noexcept:
        cdef double total = self.high + x
        if fabs(self.high) >= fabs(x):
            self.low += (self.high - total) + x
        else:
            self.low += (x - total) + self.high
        self.high = total

    cdef int add_object(self, item) except -1:
        self.total = self.value() + item
        self.whole = 0
        self.is_whole = type(self.total) is int
        self.is_real = type(self.total) is float
        if self.is_real:
            self.high, self.low = self.total, 0
        return 0


cdef object total_of(list numbers):
    cdef Sum sum = Sum()
    cdef Py_ssize_t place
    cdef PyObject *found
    cdef int64_t word
    for place in range(len(numbers)):  # items appended while it runs are left out
        found = gs_list_item(numbers, place)
        if found is NULL:  # an addition made the list shorter
            break
        item = <object>found
        Py_DECREF(item)  # `item` is a reference of its own
        if type(item) is float and sum.is_real:
            sum.add_real(item)
        elif not (type(item) is int or type(item) is bool) or not gs_int_value(item, &word) or not sum.add_whole(word):
            gs_number("objectsum", "numbers", place, item)
            PyErr_CheckSignals()
            sum.add_object(item)
        elif place & 0xffff == 0xffff:
            PyErr_CheckSignals()
    return sum.value()


def objectsum(numbers, *, policy="auto"):
    """Return the sum of a list of numbers, 0 for an empty one.

    Whole numbers are added exactly, floats with compensation, others by their own `+`; an exception
    from that passes on. Items appended while it runs are left out.
    """
    cdef gs_policy how
    gs_policy_from("objectsum", policy, &how)
    gs_policy_held_only("objectsum", &how)
    gs_list("objectsum", "numbers", numbers)
    return total_of(numbers)
