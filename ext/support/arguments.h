/* Arguments come in here, for both bindings: what they accept, they accept alike, and what they reject
 * they reject with the same exception and message. Every function needs the GIL (an attached thread
 * state) and returns 0, or -1 with an exception set. */
#ifndef GILSCOPE_SUPPORT_ARGUMENTS_H
#define GILSCOPE_SUPPORT_ARGUMENTS_H

#include <Python.h>

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* An int from low to high. Takes what has __index__, so NumPy's integers too, and no float. */
static inline int gs_int(const char *kernel, const char *name, PyObject *object, int64_t low, int64_t high,
                         int64_t *value) {
    if (!PyIndex_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s: %s must be an int, not %.100s", kernel, name, Py_TYPE(object)->tp_name);
        return -1;
    }
    PyObject *index = PyNumber_Index(object);
    if (index == NULL) return -1;
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (number == -1 && PyErr_Occurred()) return -1;
    if (overflow || number < low || number > high) {
        /* The value may have thousands of digits; the bounds say enough. */
        PyErr_Format(PyExc_ValueError, "%s: %s must be from %lld to %lld", kernel, name, (long long)low,
                     (long long)high);
        return -1;
    }
    *value = number;
    return 0;
}

/* A finite real number. Takes what has __float__ or __index__. */
static inline int gs_real(const char *kernel, const char *name, PyObject *object, double *value) {
    double number = PyFloat_AsDouble(object);
    if (number == -1 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Clear();
            PyErr_Format(PyExc_TypeError, "%s: %s must be a real number, not %.100s", kernel, name,
                         Py_TYPE(object)->tp_name);
        } else if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
            PyErr_Clear();
            PyErr_Format(PyExc_ValueError, "%s: %s must be finite", kernel, name);
        }
        return -1;
    }
    if (!isfinite(number)) {
        PyErr_Format(PyExc_ValueError, "%s: %s must be finite", kernel, name);
        return -1;
    }
    *value = number;
    return 0;
}

static inline int gs_real_positive(const char *kernel, const char *name, PyObject *object, double *value) {
    if (gs_real(kernel, name, object, value) < 0) return -1;
    if (*value > 0) return 0;
    PyErr_Format(PyExc_ValueError, "%s: %s must be above 0", kernel, name);
    return -1;
}

/* The same with an upper bound, for a value that decides how much work a unit is. */
static inline int gs_real_within(const char *kernel, const char *name, PyObject *object, int most, double *value) {
    if (gs_real(kernel, name, object, value) < 0) return -1;
    if (*value > 0 && *value <= most) return 0;
    PyErr_Format(PyExc_ValueError, "%s: %s must be above 0 and at most %d", kernel, name, most);
    return -1;
}

/* An item type: its name, and the struct-module codes that mean it where they have this size. */
typedef struct {
    const char *name;
    const char *codes;
    Py_ssize_t size;
} gs_item;

static const gs_item gs_uint8 = {"uint8", "B", 1};
static const gs_item gs_int32 = {"int32", "il", 4};
static const gs_item gs_int64 = {"int64", "lq", 8};
static const gs_item gs_float32 = {"float32", "f", 4};
static const gs_item gs_float64 = {"float64", "d", 8};

typedef enum { GS_READ = 0, GS_WRITE = 1, GS_STRIDED = 2 } gs_access; /* flags; contiguous unless GS_STRIDED */

/* Whether `format` is one native-endian item of the type. */
static inline bool gs_format_is(const char *format, Py_ssize_t itemsize, const gs_item *item) {
    if (format == NULL) format = "B";
#if PY_BIG_ENDIAN
    const char native = '>';
#else
    const char native = '<';
#endif
    if (*format == '@' || *format == '=' || *format == native) format++;
    return *format && format[1] == '\0' && strchr(item->codes, *format) && itemsize == item->size;
}

/* Whether every item lies at a multiple of its size; a field of packed records may not. */
static inline bool gs_aligned(const Py_buffer *view, Py_ssize_t size) {
    bool aligned = (uintptr_t)view->buf % (uintptr_t)size == 0;
    for (int i = 0; i < view->ndim; i++) aligned = aligned && (view->shape[i] < 2 || view->strides[i] % size == 0);
    return aligned;
}

/* Gets a buffer of exactly this item type, number of dimensions and access. On success the view is
 * exported and the caller releases it; until then its exporter can neither move nor resize it. It can
 * still write: what another thread may rewrite has to be checked where it is used. */
static inline int gs_buffer(const char *kernel, const char *name, PyObject *object, const gs_item *item, int dimensions,
                            gs_access access, Py_buffer *view) {
    if (!PyObject_CheckBuffer(object)) {
        PyErr_Format(PyExc_TypeError, "%s: %s must be a buffer of %s, not %.100s", kernel, name, item->name,
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    if (PyObject_GetBuffer(object, view, PyBUF_FULL_RO) < 0) return -1;
    if (!gs_format_is(view->format, view->itemsize, item))
        PyErr_Format(PyExc_TypeError, "%s: %s must be a buffer of native %s, not of format '%.100s'", kernel, name,
                     item->name, view->format ? view->format : "B");
    else if (view->ndim != dimensions)
        PyErr_Format(PyExc_ValueError, "%s: %s must have %d dimension%s, not %d", kernel, name, dimensions,
                     dimensions == 1 ? "" : "s", view->ndim);
    else if ((access & GS_WRITE) && view->readonly)
        PyErr_Format(PyExc_ValueError, "%s: %s is read-only and must be writable", kernel, name);
    else if (view->suboffsets != NULL)
        PyErr_Format(PyExc_ValueError, "%s: %s must not be an indirect buffer", kernel, name);
    else if (!(access & GS_STRIDED) && !PyBuffer_IsContiguous(view, 'C'))
        PyErr_Format(PyExc_ValueError, "%s: %s must be C-contiguous", kernel, name);
    else if (!gs_aligned(view, item->size))
        PyErr_Format(PyExc_ValueError, "%s: %s must be aligned to %zd bytes", kernel, name, item->size);
    else return 0;
    PyBuffer_Release(view);
    return -1;
}

/* The same check for Cython, whose typed memoryview takes its own export afterwards. */
static inline int gs_buffer_check(const char *kernel, const char *name, PyObject *object, const gs_item *item,
                                  int dimensions, gs_access access) {
    Py_buffer view;
    if (gs_buffer(kernel, name, object, item, dimensions, access, &view) < 0) return -1;
    PyBuffer_Release(&view);
    return 0;
}

/* The addresses first <= a < last that a view can touch, gaps between its items included. */
static inline void gs_span(const Py_buffer *view, uintptr_t *first, uintptr_t *last) {
    *first = *last = (uintptr_t)view->buf;
    if (view->len == 0) return;
    *last += (uintptr_t)view->itemsize;
    for (int i = 0; i < view->ndim; i++) {
        Py_ssize_t reach = (view->shape[i] - 1) * view->strides[i];
        *(reach < 0 ? first : last) += (uintptr_t)reach;
    }
}

/* Two buffers from gs_buffer() that lie apart, for a kernel that writes one while it reads the other.
 * Spans are compared, so two strided views that interleave without sharing an item count as overlapping. */
static inline int gs_disjoint(const char *kernel, const char *name, const Py_buffer *view, const char *other,
                              const Py_buffer *other_view) {
    uintptr_t first, last, other_first, other_last;
    gs_span(view, &first, &last);
    gs_span(other_view, &other_first, &other_last);
    if (first == last || other_first == other_last || last <= other_first || other_last <= first) return 0;
    PyErr_Format(PyExc_ValueError, "%s: %s must not overlap %s in memory", kernel, name, other);
    return -1;
}

/* The same check for Cython, on objects that have passed gs_buffer_check(). */
static inline int gs_disjoint_check(const char *kernel, const char *name, PyObject *object, const char *other,
                                    PyObject *other_object) {
    Py_buffer view, other_view;
    if (PyObject_GetBuffer(object, &view, PyBUF_FULL_RO) < 0) return -1;
    int status = PyObject_GetBuffer(other_object, &other_view, PyBUF_FULL_RO);
    if (status == 0) {
        status = gs_disjoint(kernel, name, &view, other, &other_view);
        PyBuffer_Release(&other_view);
    }
    PyBuffer_Release(&view);
    return status;
}

static inline int gs_length(const char *kernel, const char *name, Py_ssize_t length, const char *other,
                            Py_ssize_t expected) {
    if (length == expected) return 0;
    PyErr_Format(PyExc_ValueError, "%s: %s must be as long as %s (%zd), not %zd", kernel, name, other, expected,
                 length);
    return -1;
}

static inline int gs_rows(const char *kernel, const char *name, Py_ssize_t rows, Py_ssize_t expected) {
    if (rows == expected) return 0;
    PyErr_Format(PyExc_ValueError, "%s: %s must have %zd rows, not %zd", kernel, name, expected, rows);
    return -1;
}

/* For a kernel that writes the part of an answer from `first` on, as long as its output. */
static inline int gs_window(const char *kernel, const char *name, int64_t first, const char *part, Py_ssize_t length,
                            const char *whole, Py_ssize_t whole_length) {
    if (first <= whole_length - length) return 0;
    PyErr_Format(PyExc_ValueError, "%s: %s (%lld) and the length of %s (%zd) go past the end of %s (%zd)", kernel, name,
                 (long long)first, part, length, whole, whole_length);
    return -1;
}

static inline int gs_length_between(const char *kernel, const char *name, Py_ssize_t length, Py_ssize_t low,
                                    Py_ssize_t high) {
    if (length >= low && length <= high) return 0;
    PyErr_Format(PyExc_ValueError, "%s: %s must have from %zd to %zd items, not %zd", kernel, name, low, high, length);
    return -1;
}

/* One of the words in `options`, which NULL ends: its place among them. */
static inline int gs_choice(const char *kernel, const char *name, PyObject *object, const char *const *options,
                            int *choice) {
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s: %s must be a str, not %.100s", kernel, name, Py_TYPE(object)->tp_name);
        return -1;
    }
    char list[200] = "";
    for (int i = 0; options[i] != NULL; i++) {
        if (PyUnicode_CompareWithASCIIString(object, options[i]) == 0) {
            *choice = i;
            return 0;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s'%s'", i == 0 ? "" : ", ", options[i]);
    }
    PyErr_Format(PyExc_ValueError, "%s: %s must be one of %s, not %.100R", kernel, name, list, object);
    return -1;
}

#endif
