/* Lists of Python objects come in here, for both bindings: what has to be taken from them before the GIL
 * is released, and how an item is reached while other code may change the list. Every function needs the
 * GIL (an attached thread state); those that return an int return 0, or -1 with an exception set. */
#ifndef GILSCOPE_SUPPORT_ITEMS_H
#define GILSCOPE_SUPPORT_ITEMS_H

#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "../core/base.h"
#include "arguments.h"

/* Exactly a list: a subclass could make up its items while they are read. */
static inline int gs_list(const char *kernel, const char *name, PyObject *object) {
    if (PyList_CheckExact(object)) return 0;
    PyErr_Format(PyExc_TypeError, "%s: %s must be a list, not %.100s", kernel, name, Py_TYPE(object)->tp_name);
    return -1;
}

/* Item `place` as a new reference, or NULL without an exception where the list is too short (by now).
 * Without the GIL another thread can remove the item between the look and the increment; there only the
 * list itself hands it out safely. */
static inline PyObject *gs_list_item(PyObject *list, Py_ssize_t place) {
#ifdef Py_GIL_DISABLED
    PyObject *item = PyList_GetItemRef(list, place);
    if (item == NULL) PyErr_Clear();
    return item;
#else
    return place < PyList_GET_SIZE(list) ? Py_NewRef(PyList_GET_ITEM(list, place)) : NULL;
#endif
}

/* The same for a look that runs no other code: under the GIL the list keeps the item, so no reference is
 * counted. gs_list_looked() ends the look. */
static inline PyObject *gs_list_look(PyObject *list, Py_ssize_t place) {
#ifdef Py_GIL_DISABLED
    return gs_list_item(list, place);
#else
    return place < PyList_GET_SIZE(list) ? PyList_GET_ITEM(list, place) : NULL;
#endif
}

static inline void gs_list_looked(PyObject *item) {
#ifdef Py_GIL_DISABLED
    Py_DECREF(item);
#else
    (void)item;
#endif
}

/* The complaint about an argument, or about item `place` of it where that is not negative. */
static inline int gs_not(const char *kernel, const char *name, Py_ssize_t place, const char *kind, PyObject *object) {
    const char *type = Py_TYPE(object)->tp_name;
    if (place < 0) PyErr_Format(PyExc_TypeError, "%s: %s must be a %s, not %.100s", kernel, name, kind, type);
    else PyErr_Format(PyExc_TypeError, "%s: %s[%zd] must be a %s, not %.100s", kernel, name, place, kind, type);
    return -1;
}

static inline int gs_number(const char *kernel, const char *name, Py_ssize_t place, PyObject *object) {
    return PyNumber_Check(object) ? 0 : gs_not(kernel, name, place, "number", object);
}

/* The value of an int (or bool) that fits, which most do in one digit. False, with nothing set, for others. */
static inline bool gs_int_value(PyObject *object, int64_t *value) {
#if PY_VERSION_HEX >= 0x030C0000
    if (PyUnstable_Long_IsCompact((PyLongObject *)object)) {
        *value = PyUnstable_Long_CompactValue((PyLongObject *)object);
        return true;
    }
#else
    Py_ssize_t digits = Py_SIZE(object); /* negative for a negative int */
    if (digits >= -1 && digits <= 1) {
        *value = digits * (int64_t)((PyLongObject *)object)->ob_digit[0];
        return true;
    }
#endif
    int overflow;
    *value = PyLong_AsLongLongAndOverflow(object, &overflow);
    return overflow == 0;
}

/* Where a str has its characters. A str never changes, so this holds for as long as a reference to it does. */
static inline int gs_text_of(const char *kernel, const char *name, Py_ssize_t place, PyObject *object, gs_text *text) {
    if (!PyUnicode_Check(object)) return gs_not(kernel, name, place, "str", object);
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(object) < 0) return -1; /* one from the old wchar_t API may still lack its final form */
#endif
    if (PyUnicode_GET_LENGTH(object) > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "%s: no str in %s may have more than %d characters", kernel, name, INT32_MAX);
        return -1;
    }
    text->characters = PyUnicode_DATA(object);
    text->length = (int32_t)PyUnicode_GET_LENGTH(object);
    text->width = (int32_t)PyUnicode_KIND(object);
    return 0;
}

/* The str in a list, out of reach of whoever changes it: `owner` is a tuple of them, so neither a change of the
 * list nor a `del` in another thread can free what is read without the GIL. */
typedef struct {
    PyObject *owner;
    gs_text *items;
    int64_t count, characters; /* how many, and how long in all */
} gs_texts;

enum { GS_TEXTS_SIGNALS = 1 << 16 }; /* a look for Ctrl-C after so many items: below a millisecond */

/* Gives back what gs_texts_take() took. Harmless on zeroed memory. */
static inline void gs_texts_drop(gs_texts *texts) {
    PyMem_Free(texts->items);
    Py_CLEAR(texts->owner);
    *texts = (gs_texts){0};
}

/* `texts` is zeroed memory and has to be dropped in the end. The list has to be as long as the argument `other`,
 * which is `length`. After a failure nothing is held. */
static inline int gs_texts_take(const char *kernel, const char *name, PyObject *list, const char *other,
                                Py_ssize_t length, gs_texts *texts) {
    if (gs_list(kernel, name, list) < 0) return -1;
    if ((texts->owner = PyList_AsTuple(list)) == NULL) return -1;
    texts->count = PyTuple_GET_SIZE(texts->owner);
    if (gs_length(kernel, other, length, name, texts->count) < 0) goto failed;
    if ((texts->items = PyMem_New(gs_text, (size_t)texts->count)) == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    for (Py_ssize_t i = 0; i < texts->count; i++) {
        if (i % GS_TEXTS_SIGNALS == GS_TEXTS_SIGNALS - 1 && PyErr_CheckSignals() < 0) goto failed;
        if (gs_text_of(kernel, name, i, PyTuple_GET_ITEM(texts->owner, i), &texts->items[i]) < 0) goto failed;
        if (__builtin_add_overflow(texts->characters, texts->items[i].length, &texts->characters))
            texts->characters = INT64_MAX; /* one long str, over and over */
    }
    return 0;
failed:
    gs_texts_drop(texts);
    return -1;
}

#endif
