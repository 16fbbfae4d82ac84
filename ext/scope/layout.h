/* The records and numbers that Python reads, written down once. Each module exports its own as RECORDS and NUMBERS, and
 * gilscope.scope.layout compares them with what Python expects. Change the asserts and states.py together. */
#ifndef GILSCOPE_SCOPE_LAYOUT_H
#define GILSCOPE_SCOPE_LAYOUT_H

#include <Python.h>

#include <stddef.h>
#include <stdint.h>

/* What a thread does at one tick of the sampler. */
typedef enum {
    LAYOUT_OFF,          /* blocked in something other than the GIL */
    LAYOUT_HOLDS,        /* has the GIL and runs (free-threaded: attached) */
    LAYOUT_RELEASED,     /* runs without it (free-threaded: detached) */
    LAYOUT_WAITS_GIL,    /* blocked in the GIL's own mutex or condition variable */
    LAYOUT_WAITS_CORE,   /* could run, but has no core */
    LAYOUT_HOLDS_ABSENT, /* has the GIL but does not run: blocked, or without a core */
} layout_state;

enum { LAYOUT_NOBODY = -1, LAYOUT_UNKNOWN = -2 }; /* holders that are no lane */

/* One look of the sampler. */
typedef struct {
    int64_t time;     /* monotonic ns */
    int64_t switches; /* the interpreter's hand-off counter */
    int32_t holder;   /* index of a lane, LAYOUT_NOBODY or LAYOUT_UNKNOWN */
    int32_t late;     /* us between when the tick was due and when it came */
} layout_tick;

typedef enum { LAYOUT_RELEASE, LAYOUT_TAKE, LAYOUT_SWAP } layout_kind;

enum { LAYOUT_FROM_BEFORE = 1 }; /* flag: released before the recording began */

/* One row of the ledger. Times are clock ticks while it records, and monotonic ns when it hands them out. */
typedef struct {
    int64_t released, wanted, got;
    uint64_t site;
    uint32_t kind, flags;
} layout_event;

typedef enum {
    LAYOUT_WANT,   /* begins to wait for the GIL */
    LAYOUT_DROP,   /* releases it by itself, while somebody wants it */
    LAYOUT_FORCED, /* is made to release it by the evaluation loop, and wants it back */
    LAYOUT_TOOK,   /* has it */
    LAYOUT_ASKED,  /* has waited for a switch interval, and asks the holder for it */
} layout_turn_kind;

/* One row of the wait ledger. */
typedef struct {
    int64_t time;  /* monotonic ns */
    int64_t cpu;   /* of a drop and a take: the thread's CPU time so far, ns */
    uint64_t site; /* of a drop: the address to which the releasing call returns; 0: not known, or none */
    int32_t tid;
    uint32_t kind;
} layout_turn;

/* No padding, on any compiler: a reader may take the bytes apart by these figures. */
_Static_assert(sizeof(layout_tick) == 24, "a tick has 24 bytes");
_Static_assert(offsetof(layout_tick, holder) == 16 && offsetof(layout_tick, late) == 20, "fields of a tick");
_Static_assert(sizeof(layout_event) == 40, "an event has 40 bytes");
_Static_assert(offsetof(layout_event, site) == 24 && offsetof(layout_event, kind) == 32, "fields of an event");
_Static_assert(sizeof(layout_turn) == 32 && offsetof(layout_turn, tid) == 24, "a turn has 32 bytes");
_Static_assert(LAYOUT_HOLDS_ABSENT == 5 && LAYOUT_SWAP == 2 && LAYOUT_ASKED == 4, "the numbers that recordings store");

typedef struct {
    const char *name, *format; /* NumPy's name of the type: "i8" */
    Py_ssize_t offset;
} layout_field;

/* A macro, because only the preprocessor can name a field and ask for its type. */
#define LAYOUT_FIELD(RECORD, NAME)                                                                                     \
    {                                                                                                                  \
        .name = #NAME,                                                                                                 \
        .offset = offsetof(RECORD, NAME),                                                                              \
        .format = _Generic(((RECORD *)0)->NAME, int64_t: "i8", uint64_t: "u8", int32_t: "i4", uint32_t: "u4"),         \
    }

typedef struct {
    const char *name;
    int value;
} layout_number;

/* Adds to the module RECORDS, {name: {"names", "formats", "offsets", "itemsize"}}: what numpy.dtype() takes. */
static inline int layout_add_record(PyObject *module, const char *name, const layout_field *fields, int count,
                                    size_t size) {
    PyObject *names = PyList_New(0), *formats = PyList_New(0), *offsets = PyList_New(0), *records = NULL;
    int status = names != NULL && formats != NULL && offsets != NULL ? 0 : -1;
    for (int i = 0; status == 0 && i < count; i++) {
        PyObject *row = Py_BuildValue("(ssn)", fields[i].name, fields[i].format, fields[i].offset);
        if (row == NULL || PyList_Append(names, PyTuple_GET_ITEM(row, 0)) < 0 ||
            PyList_Append(formats, PyTuple_GET_ITEM(row, 1)) < 0 ||
            PyList_Append(offsets, PyTuple_GET_ITEM(row, 2)) < 0)
            status = -1;
        Py_XDECREF(row);
    }
    if (status == 0)
        records = Py_BuildValue("{s:{s:O,s:O,s:O,s:n}}", name, "names", names, "formats", formats, "offsets", offsets,
                                "itemsize", (Py_ssize_t)size);
    status = records == NULL ? -1 : PyModule_AddObjectRef(module, "RECORDS", records);
    Py_XDECREF(records);
    Py_XDECREF(names);
    Py_XDECREF(formats);
    Py_XDECREF(offsets);
    return status;
}

/* Adds to the module NUMBERS, {name: value}. */
static inline int layout_add_numbers(PyObject *module, const layout_number *numbers, int count) {
    PyObject *all = PyDict_New();
    int status = all == NULL ? -1 : 0;
    for (int i = 0; status == 0 && i < count; i++) {
        PyObject *value = PyLong_FromLong(numbers[i].value);
        status = value == NULL ? -1 : PyDict_SetItemString(all, numbers[i].name, value);
        Py_XDECREF(value);
    }
    if (status == 0) status = PyModule_AddObjectRef(module, "NUMBERS", all);
    Py_XDECREF(all);
    return status;
}

#endif
