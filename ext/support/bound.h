/* The arguments of one call of a C binding: bound to the kernel's names, then taken by their places.
 *
 * arguments.h and items.h decide what is accepted and with which words it is rejected; this file only tells them the
 * names. Every function needs the GIL and returns 0, or -1 with an exception set. */
#ifndef GILSCOPE_SUPPORT_BOUND_H
#define GILSCOPE_SUPPORT_BOUND_H

#include <Python.h>

#include "arguments.h"
#include "items.h"

enum { GS_ARGUMENTS_MAX = 12 };

typedef struct {
    const char *kernel;
    const char *const *names; /* in order */
    Py_ssize_t count;
    PyObject *objects[GS_ARGUMENTS_MAX]; /* borrowed; NULL: not given */
    PyObject *policy;                    /* likewise */
} gs_bound;

/* Binds one keyword argument. */
static inline int gs_bind_named(gs_bound *in, bool with_policy, PyObject *name, PyObject *value) {
    Py_ssize_t place = 0;
    if (with_policy && PyUnicode_CompareWithASCIIString(name, "policy") == 0) {
        in->policy = value;
        return 0;
    }
    while (place < in->count && PyUnicode_CompareWithASCIIString(name, in->names[place]) != 0) place++;
    if (place == in->count) {
        PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", in->kernel, name);
        return -1;
    }
    if (in->objects[place] != NULL) {
        PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", in->kernel, name);
        return -1;
    }
    in->objects[place] = value;
    return 0;
}

/* Binds the arguments of a vectorcall to `names`, which NULL ends; the first `required` of them must be given. */
static inline int gs_bind(gs_bound *in, const char *kernel, const char *const *names, int required, bool with_policy,
                          PyObject *const *arguments, Py_ssize_t positional, PyObject *keywords) {
    Py_ssize_t named = keywords == NULL ? 0 : PyTuple_GET_SIZE(keywords);
    in->kernel = kernel;
    in->names = names;
    in->policy = NULL;
    for (in->count = 0; names[in->count] != NULL; in->count++)
        in->objects[in->count] = in->count < positional ? arguments[in->count] : NULL;
    if (positional > in->count) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %zd positional arguments (%zd given)", kernel, in->count,
                     positional);
        return -1;
    }
    for (Py_ssize_t i = 0; i < named; i++)
        if (gs_bind_named(in, with_policy, PyTuple_GET_ITEM(keywords, i), arguments[positional + i]) < 0) return -1;
    for (int i = 0; i < required; i++) {
        if (in->objects[i] != NULL) continue;
        PyErr_Format(PyExc_TypeError, "%s() misses the argument '%s'", kernel, names[i]);
        return -1;
    }
    return 0;
}

/* --- Taking an argument. Of one that was not given, the value stays as it is: the default. --- */

static inline int gs_take_int(const gs_bound *in, int place, int64_t low, int64_t high, int64_t *value) {
    if (in->objects[place] == NULL) return 0;
    return gs_int(in->kernel, in->names[place], in->objects[place], low, high, value);
}

static inline int gs_take_real(const gs_bound *in, int place, double *value) {
    return gs_real(in->kernel, in->names[place], in->objects[place], value);
}

static inline int gs_take_real_positive(const gs_bound *in, int place, double *value) {
    return gs_real_positive(in->kernel, in->names[place], in->objects[place], value);
}

static inline int gs_take_real_within(const gs_bound *in, int place, int most, double *value) {
    return gs_real_within(in->kernel, in->names[place], in->objects[place], most, value);
}

static inline int gs_take_choice(const gs_bound *in, int place, const char *const *options, int *choice) {
    if (in->objects[place] == NULL) return 0;
    return gs_choice(in->kernel, in->names[place], in->objects[place], options, choice);
}

static inline int gs_take_buffer(const gs_bound *in, int place, const gs_item *item, int dimensions, gs_access access,
                                 Py_buffer *view) {
    return gs_buffer(in->kernel, in->names[place], in->objects[place], item, dimensions, access, view);
}

static inline int gs_take_list(const gs_bound *in, int place, PyObject **list) {
    *list = in->objects[place];
    return gs_list(in->kernel, in->names[place], *list);
}

static inline int gs_take_text(const gs_bound *in, int place, gs_text *text) {
    return gs_text_of(in->kernel, in->names[place], -1, in->objects[place], text);
}

static inline int gs_take_texts(const gs_bound *in, int place, int other, Py_ssize_t length, gs_texts *texts) {
    return gs_texts_take(in->kernel, in->names[place], in->objects[place], in->names[other], length, texts);
}

/* --- Checks between arguments that were taken. --- */

static inline int gs_check_length(const gs_bound *in, int place, Py_ssize_t length, int other, Py_ssize_t expected) {
    return gs_length(in->kernel, in->names[place], length, in->names[other], expected);
}

static inline int gs_check_length_between(const gs_bound *in, int place, Py_ssize_t length, Py_ssize_t low,
                                          Py_ssize_t high) {
    return gs_length_between(in->kernel, in->names[place], length, low, high);
}

static inline int gs_check_rows(const gs_bound *in, int place, Py_ssize_t rows, Py_ssize_t expected) {
    return gs_rows(in->kernel, in->names[place], rows, expected);
}

static inline int gs_check_window(const gs_bound *in, int place, int64_t first, int part, Py_ssize_t length, int whole,
                                  Py_ssize_t whole_length) {
    return gs_window(in->kernel, in->names[place], first, in->names[part], length, in->names[whole], whole_length);
}

static inline int gs_check_disjoint(const gs_bound *in, int place, const Py_buffer *view, int other,
                                    const Py_buffer *other_view) {
    return gs_disjoint(in->kernel, in->names[place], view, in->names[other], other_view);
}

#endif
