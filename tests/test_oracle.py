"""Release and hold, proved: with a switch interval of hours, another thread runs only if the call lets go."""

import time
from functools import partial

import pytest
from cells import above, below, functions, inputs

from gilscope.kernels import load
from gilscope.scope.oracle import gil_enabled, releases
from gilscope.variants import variants_of

pytestmark = pytest.mark.skipif(not gil_enabled(), reason="this interpreter has no GIL, so nothing can release it")

PATIENCE = 200  # calls: on a busy machine the other thread may need many before it gets a core at the right moment


def arguments_of(kernel):
    """A call of some milliseconds or more, so that another thread has the time to wake up in it."""
    return kernel.fresh(inputs(kernel.name, "medium"))


def prove(cell, released):
    """Fails unless the cell lets go of the GIL, or never does."""
    arguments = arguments_of(cell.kernel)
    assert releases(cell, *arguments, attempts=PATIENCE if released else 3) is released, str(cell)


def test_policy_keeps_its_word(native_cell):
    kernel = native_cell.kernel
    prove(native_cell, released=native_cell.policy == "released" or (native_cell.policy == "auto" and kernel.releases))


def many(cell, arguments):
    """Calls for 20 ms: a release in any of them shows, where one in a single call would be too short to be seen."""
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        cell(*arguments)


def test_auto_holds_below_its_threshold_and_releases_above(native_cell):
    kernel = native_cell.kernel
    if not kernel.releases:
        pytest.skip("can not release, so it has no threshold")
    short, long = kernel.fresh(below(kernel)), kernel.fresh(above(kernel))
    if native_cell.policy != "released":
        assert not releases(many, native_cell, short)
    else:  # here, to show that a release in calls this short is seen
        assert releases(many, native_cell, short, attempts=PATIENCE)
    if native_cell.policy != "held":
        assert releases(many, native_cell, long, attempts=PATIENCE)


@pytest.mark.parametrize(("bound", "claimed"), [("held", True), ("released", False)])
def test_a_cell_under_the_wrong_policy_is_caught(bound, claimed, monkeypatch):
    """The control: what the tests above do must fail when a cell does the opposite of its name."""
    monkeypatch.setattr("test_oracle.PATIENCE", 3)
    kernel = load()["spin"]
    (cell,) = (c for c in variants_of("spin") if (c.implementation, c.policy) == ("capi", bound))
    with pytest.raises(AssertionError, match=f"spin/capi/{bound}"):
        prove(cell, released=claimed)
    wrong = partial(functions(kernel)["capi"], policy=bound)
    assert releases(wrong, *arguments_of(kernel), attempts=50) is (not claimed)
