"""Ctrl-C stops a long call on the main thread within 0.3 s, whatever the policy, and its buffers are given back.

Run as a script, `test_interrupt.py KERNEL` is the child: for each native cell it prints `ready`, calls, and prints when
the KeyboardInterrupt came. The parent sends the signal, because in a held call no other thread of the child runs.

Both read one clock, the CPU time of the child: other programs can keep the child from a core, but cannot make it
compute for longer. A child that waits instead uses no CPU time, and ends at the time limit of the test.
"""

import ctypes
import mmap
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from cells import NATIVE, TEAM, child_environment, expected, functions, inputs

from gilscope.kernels import Array, load

LIMIT = 0.3  # seconds of CPU time for each thread of the call
DELAY = 0.2  # seconds of CPU time into the call
LONG = 3.0  # seconds that a call has to take at least, so that it is not over before the signal
PATIENCE = 600  # seconds; only against a child that hangs: beside busy processes one kernel took over 120


def repeated(array, times):
    """`times` copies of the array in a row that all are the same memory, mapped again and again: a long input
    for a kernel that is so fast that 3 s of real input would not fit."""
    page = mmap.ALLOCATIONGRANULARITY
    assert array.nbytes % page == 0
    file = os.memfd_create("gilscope")
    os.write(file, array.tobytes())
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    total = array.nbytes * times  # of addresses: the memory is that of one copy
    private, fixed, noreserve = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 0x10, 0x4000
    base = libc.mmap(None, total, mmap.PROT_READ, private | noreserve, -1, 0)
    for start in range(base, base + total, array.nbytes):
        place = libc.mmap(start, array.nbytes, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | fixed, file, 0)
        assert place == start
    os.close(file)
    return np.frombuffer((ctypes.c_char * total).from_address(base), array.dtype)


def triad():
    array = np.ones(1 << 22)
    return repeated(array, 800), repeated(array, 800), repeated(array, 800), 3.0


def blur():
    """A row that is repeated by a stride of 0, and an output whose pages exist once they are written."""
    image = np.broadcast_to(np.ones(20_000, np.float32), (20_000, 20_000))
    return image, 250.0, np.zeros((20_000, 20_000), np.float32), 0


def mandelbrot():
    """Points of the set on the real axis where the orbit is chaotic, so no short cut finds that it stays."""
    (most,) = (argument.high for argument in load()["mandelbrot"].arguments if argument.name == "limit")
    return np.zeros((1, 1 << 16), np.int32), -1.99, 0.0, 5e-6, most, 0


def histogram():
    return repeated(np.arange(1 << 25, dtype=np.uint32).astype(np.uint8), 800), np.zeros(256, np.int64), "private"


def levenshtein():
    return "ab" * 20_000, ["ba" * 20_000] * 10_000, np.zeros(10_000, np.int32)


def objectsum():
    return ([10**20_000] * 10_000_000,)


# Long calls of those kernels for which more of the same input would need too much memory, and extreme ones.
LONG_CALLS = {function.__name__: function for function in (blur, histogram, levenshtein, mandelbrot, objectsum, triad)}


def longer(kernel):
    """Inputs of a size at which the C core takes LONG or more, if its time grows at least as fast as the size."""
    size, seconds = kernel.sizes["medium"], 0.0
    while seconds < 0.1:
        size *= 2
        arguments = kernel.inputs(size, 0)
        start = time.perf_counter()
        functions(kernel)["capi"](*arguments)
        seconds = time.perf_counter() - start
    return kernel.inputs(int(size * (1 + LONG / seconds)), 0)


def child(name):
    kernel = load()[name]
    long = list(LONG_CALLS.get(name, lambda: longer(kernel))())
    for cell in NATIVE:
        if cell.kernel is not kernel:
            continue
        views = {place: memoryview(long[place]) for place, kind in enumerate(kernel.arguments) if type(kind) is Array}
        arguments = [views.get(place, value) for place, value in enumerate(long)]
        print("ready", time.process_time(), flush=True)
        try:
            cell(*arguments)
            print("finished", time.process_time(), flush=True)
        except KeyboardInterrupt:
            print("stopped", time.process_time(), flush=True)
        for view in views.values():
            view.release()  # BufferError if the call has not given it back
        sys.stdin.readline()
        assert kernel.agree(kernel.outcome(cell, inputs(name, "tiny")), expected(name)), f"{cell} is wrong since"


def cpu_time(process):
    """The seconds of CPU time that another process has used: what its own time.process_time() gives."""
    return time.clock_gettime(~process.pid << 3 | 2)  # as clock_getcpuclockid() numbers it


def moment_of(process, word):
    """The CPU time at which the child printed this word, which must be its next one."""
    printed, _, moment = process.stdout.readline().partition(" ")
    assert printed == word, f"{printed or 'died'}, not {word}"
    return float(moment)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux for the CPU clock of another process")
def test_ctrl_c_stops_a_long_call(kernel):
    process = subprocess.Popen(
        [sys.executable, __file__, kernel.name],
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    limit = threading.Timer(PATIENCE, process.kill)
    limit.start()
    with process:
        try:
            for cell in NATIVE:
                if cell.kernel is not kernel:
                    continue
                begun = moment_of(process, "ready")
                while process.poll() is None and cpu_time(process) < begun + DELAY:
                    time.sleep(0.01)
                process.send_signal(signal.SIGINT)
                sent = cpu_time(process)
                late = moment_of(process, "stopped") - sent
                assert late < LIMIT * (TEAM if cell.implementation == "openmp" else 1), str(cell)
                print("next", file=process.stdin, flush=True)
            assert process.wait() == 0
        finally:
            limit.cancel()
            process.kill()


if __name__ == "__main__":
    child(sys.argv[1])
