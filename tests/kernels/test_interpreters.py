"""Sub-interpreters, each under a GIL of its own (Python 3.12 and newer), and free-threaded builds."""

import subprocess
import sys
import textwrap

import pytest

from gilscope.kernels import load

HEADER = """
import importlib, sys, threading
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

def run(code):
    interpreter = interpreters.create("isolated") if sys.version_info >= (3, 13) else interpreters.create(isolated=True)
    try:
        if sys.version_info >= (3, 13):
            failed = interpreters.exec(interpreter, code)
            assert failed is None, failed.formatted
        else:
            interpreters.run_string(interpreter, code)
    finally:
        interpreters.destroy(interpreter)
"""

# NumPy does not load in such an interpreter, so the buffers are memoryviews.
WORK = f"""
import importlib, sys
sys.path[:] = {sys.path!r}
from gilscope.capi.spin import spin
from gilscope.cy.spin import spin as spin_cy
assert spin(1000, 7) == spin_cy(1000, 7, policy="released")
answers = []
for package in ("capi", "cy"):
    kernel = importlib.import_module(f"gilscope.{{package}}.mandelbrot").mandelbrot
    out = memoryview(bytearray(4 * 16 * 16)).cast("B").cast("i", (16, 16))
    kernel(out, -2.0, -1.0, 0.125, 50, policy="released")
    answers.append(out.tolist())
assert answers[0] == answers[1]
for package in ("capi", "cy"):
    for name in {sorted(load())!r}:
        importlib.import_module(f"gilscope.{{package}}.{{name}}")
try:
    spin(-1)
except ValueError as error:
    assert "rounds" in str(error)
"""

pytestmark = pytest.mark.slow
needs_own_gil = pytest.mark.skipif(sys.version_info < (3, 12), reason="a GIL per interpreter is new in Python 3.12")


def child(code):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", HEADER + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_own_gil
def test_every_module_works_in_one_after_another():
    child(f"for _ in range(5): run({WORK!r})")


@needs_own_gil
def test_beside_the_main_interpreter():
    child(f"exec({WORK!r})\nrun({WORK!r})\nexec({WORK!r})")


@needs_own_gil
def test_four_interpreters_import_and_compute_at_once():
    child(f"""
        threads = [threading.Thread(target=run, args=({WORK!r},)) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """)


@pytest.mark.skipif(
    getattr(sys, "_is_gil_enabled", lambda: True)(), reason="only a free-threaded build can be without the GIL"
)
def test_no_module_turns_the_gil_back_on():
    code = "\n".join(f"import gilscope.{package}.{name}" for package in ("capi", "cy") for name in load())
    child(f"{code}\nassert not sys._is_gil_enabled()")
