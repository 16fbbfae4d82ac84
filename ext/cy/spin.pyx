"""The kernel spin in Cython: see gilscope.kernels.spin."""
from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from support cimport *

cdef extern from "core/spin.h":
    int64_t SPIN_THRESHOLD

THRESHOLD = SPIN_THRESHOLD
UNIT = "rounds"


cdef gs_status compute(gs_slices *slices, uint64_t *state) noexcept nogil:
    cdef int64_t i
    cdef uint64_t mixed = state[0]
    while gs_next(slices):
        for i in range(slices.begin, slices.end):
            mixed ^= mixed >> 32
            mixed *= <uint64_t>0xd6e8feb86659fd93
            mixed += <uint64_t>0x9e3779b97f4a7c15
    state[0] = mixed
    return GS_OK


def spin(rounds, seed=0, *, policy="auto"):
    """Mix `seed` (0 to 2**63-1) for `rounds` rounds and return the state, an int below 2**64."""
    cdef int64_t count, start
    cdef gs_policy how
    cdef gs_run run
    gs_policy_from("spin", policy, &how)
    gs_int("spin", "rounds", rounds, 0, INT64_MAX, &count)
    gs_int("spin", "seed", seed, 0, INT64_MAX, &start)
    cdef uint64_t state = <uint64_t>start
    gs_run_start(&run, "spin", how, count, SPIN_THRESHOLD, count, gs_slice_of(4))
    while gs_pending(&run):
        if run.release:
            with nogil:
                run.status = compute(&run.slices, &state)
        else:
            run.status = compute(&run.slices, &state)
    return state
