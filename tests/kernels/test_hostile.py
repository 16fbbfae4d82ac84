"""Other threads do their worst while a kernel runs without the GIL: nothing crashes, leaks, or moves.

Run as a script, `test_hostile.py KERNEL` is the child of test_rewriting_inputs_in_a_released_call.
"""

import contextlib
import ctypes
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cells import NATIVE, PARALLEL, child_environment, edges, expected, functions, inputs
from test_rejection import bad_values, filled

from gilscope.kernels import Array, Items, load
from gilscope.variants import variants_of

GUARD = 4096  # bytes on either side of an output


def guarded(out):
    """A zeroed array like `out` in the middle of marked memory, and that memory."""
    memory = np.full(out.nbytes + 2 * GUARD, 0xA5, np.uint8)
    inside = memory[GUARD : GUARD + out.nbytes].view(out.dtype).reshape(out.shape)
    inside[...] = 0
    return inside, memory


TURNS = 20  # of the rewriter beside each cell, at least


class Rewriter(threading.Thread):
    """Writes random bytes into the arrays, other strings and other lengths into the lists, until it is stopped."""

    def __init__(self, arguments, kinds):
        super().__init__(daemon=True)
        pairs = list(zip(arguments, kinds, strict=True))
        self.lists = [value for value, kind in pairs if isinstance(kind, Items)]
        self.arrays = [value.reshape(-1).view(np.uint8) for value, kind in pairs if is_array(kind)]
        self.turns = 0
        self.stopped = threading.Event()

    def run(self):
        random = np.random.default_rng(7)
        noise = [random.integers(0, 256, array.size, np.uint8) for array in self.arrays]
        first = [list(items) for items in self.lists]
        while not self.stopped.is_set():
            for array, bytes_ in zip(self.arrays, noise, strict=True):
                array[:] = np.roll(bytes_, self.turns) if array.size < 1 << 16 else bytes_
            for items, good in zip(self.lists, first, strict=True):
                if self.turns % 3 == 0:
                    items.clear()
                items[:] = [self.other(item) for item in good]
            self.turns += 1

    def other(self, item):
        """A new object for each string, so that the old one is freed unless the kernel holds it."""
        return f"{chr(0x20 << self.turns % 16)}{self.turns}{item}" if isinstance(item, str) else item


def is_array(kind):
    return isinstance(kind, Array)


def rewrite(name, seconds=0.3):
    """Every released cell of the kernel against the rewriter."""
    kernel = load()[name]
    for cell in PARALLEL:
        if cell.kernel is not kernel:
            continue
        arguments = list(inputs(name, "small"))
        memory = None
        for place, kind in enumerate(kernel.arguments):
            if kind.name == kernel.out:
                arguments[place], memory = guarded(arguments[place])
            elif is_array(kind):
                arguments[place] = arguments[place].copy()
            elif isinstance(kind, Items):
                arguments[place] = list(arguments[place])
        rewriter = Rewriter(arguments, kernel.arguments)
        rewriter.start()
        end, calls, complaints = time.monotonic() + seconds, 0, set()
        while time.monotonic() < end or calls == 0 or rewriter.turns < TURNS:
            try:
                cell(*arguments)
            except (ValueError, RuntimeError) as error:  # a value out of range, a list of another length
                complaints.add(str(error))
            calls += 1
        rewriter.stopped.set()
        rewriter.join()
        assert all(complaint.startswith(f"{name}: ") for complaint in complaints), complaints
        if memory is not None:
            assert (memory[:GUARD] == 0xA5).all(), f"{cell} wrote before its output"
            assert (memory[-GUARD:] == 0xA5).all(), f"{cell} wrote behind its output"
        assert kernel.agree(kernel.outcome(cell, inputs(name, "tiny")), expected(name)), f"{cell} is wrong since"
        print(f"{cell}: {calls} calls")


@pytest.mark.slow
def test_rewriting_inputs_in_a_released_call(kernel):
    if not kernel.releases:
        pytest.skip("cannot release: no other thread runs in a call")
    if not any(isinstance(kind, Array | Items) for kind in kernel.arguments):
        pytest.skip("reads no memory of the caller's")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", __file__, kernel.name],
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.count(" calls") == sum(cell.kernel is kernel for cell in PARALLEL)


def is_exported(view):
    """Whether somebody has an export of the view. If nobody has, this ends the view."""
    try:
        view.release()
    except BufferError:
        return True
    return False


def test_buffers_stay_exported_while_the_gil_is_away(released_cell):
    kernel = released_cell.kernel
    places = [place for place, kind in enumerate(kernel.arguments) if is_array(kind)]
    if not places:
        pytest.skip("takes no buffer")
    begun = time.perf_counter()
    released_cell(*kernel.fresh(inputs(kernel.name, "medium")))
    long = time.perf_counter() - begun
    for attempt in range(200):  # the main thread may come too early or too late
        arguments = list(kernel.fresh(inputs(kernel.name, "medium")))
        views = [memoryview(arguments[place]) for place in places]
        for place, view in zip(places, views, strict=True):
            arguments[place] = view
        started = threading.Event()

        def call(arguments=arguments, started=started):
            started.set()
            try:
                released_cell(*arguments)
            except ValueError as error:  # is_exported() came before the call took the buffers
                if "released memoryview" not in str(error):
                    raise

        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(call)
            started.wait()
            time.sleep(attempt % 10 / 10 * long)
            exported = [is_exported(view) for view in views]
            future.result()
        for view in views:
            view.release()  # BufferError if the call has not given it back
        if all(exported):
            return
    pytest.fail("no call was seen to keep all its buffers exported")


def references(arguments):
    counts = [sys.getrefcount(value) for value in arguments]
    return counts + [sys.getrefcount(item) for value in arguments if isinstance(value, list) for item in value[:8]]


def failing(kernel, arguments):
    """The arguments with one of them bad, for every bad value of each."""
    for place, argument in enumerate(kernel.arguments):
        for _label, make in bad_values(argument):
            yield [*arguments[:place], make(arguments[place]), *arguments[place + 1 :]]


def fail(cell, arguments):
    try:
        cell(*arguments)
    except (TypeError, ValueError):
        return
    raise AssertionError("accepted")


@pytest.mark.slow
def test_references_are_given_back(native_cell):
    kernel = native_cell.kernel
    arguments = filled(kernel, inputs(kernel.name, "tiny"))
    before = references(arguments)
    for _ in range(50):
        native_cell(*arguments)
    assert references(arguments) == before
    for bad in failing(kernel, arguments):
        for _ in range(5):
            fail(native_cell, bad)
        del bad
    assert references(arguments) == before


class Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks")
    ] + [("keepcost", ctypes.c_size_t)]


MALLINFO2 = getattr(ctypes.CDLL(None), "mallinfo2", None)  # of the GNU C library, since 2.33
if MALLINFO2 is not None:
    MALLINFO2.restype = Mallinfo2


def malloc_in_use():
    """Bytes that malloc has given out; 0 where the C library does not say."""
    if MALLINFO2 is None:
        return 0
    info = MALLINFO2()
    return info.uordblks + info.hblkhd


def quick(kernel):
    """Inputs, halved from the tiny ones until the C core takes less than 0.1 ms."""
    size, seconds = kernel.sizes["tiny"], 1.0
    while seconds > 1e-4 and size > 1:
        arguments = kernel.inputs(size, 0)
        start = time.perf_counter()
        functions(kernel)["capi"](*arguments)
        seconds = time.perf_counter() - start
        size //= 2
    return filled(kernel, arguments)


def growth(measure, call, calls=32, rounds=3):
    """Bytes by which `calls` calls grow the memory in use, in the round in which they grow it least."""
    grown = []
    for _ in range(rounds + 1):
        before = measure()
        for _ in range(calls):
            call()
        grown.append(measure() - before)
    return min(grown[1:])  # the first one fills caches


@pytest.mark.slow
def test_memory_is_given_back(native_cell):
    kernel = native_cell.kernel
    arguments, edge = quick(kernel), kernel.fresh(edges(kernel)[-1])
    calls = [lambda: native_cell(*arguments), lambda: native_cell(*edge)]
    calls += [lambda bad=bad: fail(native_cell, bad) for bad in failing(kernel, arguments)]
    for call in calls:  # 16 bytes for each call would be 512
        assert growth(malloc_in_use, call) < 400
        tracemalloc.start()
        try:
            assert growth(lambda: tracemalloc.get_traced_memory()[0], call) < 400
        finally:
            tracemalloc.stop()


def test_eight_threads_on_shared_inputs(native_cell):
    kernel, arguments = native_cell.kernel, inputs(native_cell.kernel.name, "tiny")
    barrier = threading.Barrier(8)

    def work(_):
        barrier.wait()
        return [kernel.outcome(native_cell, arguments) for _ in range(3)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = [outcome for outcomes in pool.map(work, range(8)) for outcome in outcomes]
    assert len(outcomes) == 24
    assert all(kernel.agree(outcome, expected(kernel.name)) for outcome in outcomes)


class Saboteur:
    """A number that empties the list while it is added to the sum."""

    def __init__(self, items):
        self.items = items

    def __float__(self):
        return 1.0

    def __add__(self, other):
        self.items.clear()
        return 1.0 + other

    __radd__ = __add__


def takes_numbers(kind):
    return isinstance(kind, Items) and kind.of == "number"


@pytest.mark.parametrize("adder", [cell for cell in NATIVE if any(map(takes_numbers, cell.kernel.arguments))], ids=str)
def test_a_list_that_its_own_items_empty(adder):
    kernel = adder.kernel
    place = [takes_numbers(kind) for kind in kernel.arguments].index(True)
    for length in (1, 2, 100):
        arguments = list(inputs(kernel.name, "tiny"))
        items = arguments[place] = [float(i) + 0.5 for i in range(length)]
        items[length // 2] = Saboteur(items)
        with contextlib.suppress(RuntimeError, ValueError):
            adder(*arguments)
        assert items == []


def test_every_released_cell_is_here():
    for name, kernel in load().items():
        assert any(cell.kernel is kernel for cell in PARALLEL) == kernel.releases, name
        assert len(variants_of(name)) >= 5


if __name__ == "__main__":
    rewrite(sys.argv[1])
