# What the Cython kernels use of the core's base and of the support shared with the C bindings.
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

cdef extern from "core/base.h" nogil:
    ctypedef enum gs_status:
        GS_OK
        GS_NO_MEMORY
        GS_BAD_VALUE
    ctypedef struct gs_slices:
        int64_t begin, end, total, step
    ctypedef struct gs_text:
        const void *characters
        int32_t length, width
    bint gs_next(gs_slices *slices)
    int64_t gs_slice_of(double nanoseconds)
    int64_t gs_product(int64_t a, int64_t b)

cdef extern from "support/arguments.h":
    ctypedef struct gs_item:
        pass
    const gs_item gs_uint8, gs_int32, gs_int64, gs_float32, gs_float64
    ctypedef enum gs_access:
        GS_READ
        GS_WRITE
        GS_STRIDED
    int gs_int(const char *kernel, const char *name, object value, int64_t low, int64_t high, int64_t *out) except -1
    int gs_real(const char *kernel, const char *name, object value, double *out) except -1
    int gs_real_positive(const char *kernel, const char *name, object value, double *out) except -1
    int gs_real_within(const char *kernel, const char *name, object value, int most, double *out) except -1
    int gs_buffer_check(const char *kernel, const char *name, object value, const gs_item *item, int dimensions,
                        int access) except -1
    int gs_disjoint_check(const char *kernel, const char *name, object value, const char *other,
                          object other_value) except -1
    int gs_choice(const char *kernel, const char *name, object value, const char *const *options, int *out) except -1
    int gs_length_between(const char *kernel, const char *name, Py_ssize_t length, Py_ssize_t low,
                          Py_ssize_t high) except -1
    int gs_length(const char *kernel, const char *name, Py_ssize_t length, const char *other,
                  Py_ssize_t expected) except -1
    int gs_rows(const char *kernel, const char *name, Py_ssize_t rows, Py_ssize_t expected) except -1
    int gs_window(const char *kernel, const char *name, int64_t first, const char *part, Py_ssize_t length,
                  const char *whole, Py_ssize_t whole_length) except -1

cdef extern from "support/items.h":
    ctypedef struct gs_texts:
        gs_text *items
        int64_t count, characters
    int gs_list(const char *kernel, const char *name, object value) except -1
    int gs_text_of(const char *kernel, const char *name, Py_ssize_t place, object value, gs_text *out) except -1
    int gs_texts_take(const char *kernel, const char *name, object value, const char *other, Py_ssize_t length,
                      gs_texts *out) except -1
    void gs_texts_drop(gs_texts *texts)
    PyObject *gs_list_item(object value, Py_ssize_t place)
    bint gs_int_value(object value, int64_t *out)
    int gs_number(const char *kernel, const char *name, Py_ssize_t place, object value) except -1

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)

cdef extern from "support/locks.h":
    pthread_mutex_t *gs_lock_of(const void *address)

cdef extern from "support/run.h":
    ctypedef enum gs_policy:
        GS_HELD
        GS_RELEASED
        GS_AUTO
    ctypedef struct gs_run:
        gs_slices slices
        gs_status status
        bint release
    int gs_policy_from(const char *kernel, object value, gs_policy *out) except -1
    int gs_policy_held_only(const char *kernel, gs_policy *policy) except -1
    void gs_run_start(gs_run *run, const char *kernel, gs_policy policy, int64_t work, int64_t threshold,
                      int64_t total, int64_t step)
    int gs_pending(gs_run *run) except -1

cdef extern from *:
    """
    #ifdef _OPENMP
    #define GS_OPENMP 1
    #else
    #define GS_OPENMP 0
    #endif
    """
    const bint GS_OPENMP
