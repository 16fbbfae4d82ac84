"""Release and hold, proved: with a switch interval of hours, another thread runs only if the call releases it."""

import time
from functools import partial

import pytest
from cells import NATIVE, above, below, functions, inputs

from gilscope.kernels import load
from gilscope.scope.oracle import gil_enabled, releases
from gilscope.variants import variants_of

AUTO = [cell for cell in NATIVE if cell.policy == "auto"]

pytestmark = pytest.mark.skipif(not gil_enabled(), reason="this interpreter has no GIL, so nothing can release it")

PATIENCE = 200  # calls: on a busy machine the other thread may need many before it gets a core at the right moment


def arguments_of(kernel):
    """A call of some milliseconds or more, so that another thread has the time to wake up in it."""
    return kernel.fresh(inputs(kernel.name, "medium"))


def prove(cell, released):
    """Fails unless the cell releases the GIL, or never does."""
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


@pytest.mark.parametrize("auto_cell", AUTO, ids=str)
def test_auto_holds_below_its_threshold_and_releases_above(auto_cell):
    kernel = auto_cell.kernel
    if not kernel.releases:
        pytest.skip("cannot release, so it has no threshold")
    assert not releases(many, auto_cell, kernel.fresh(below(kernel)))
    assert releases(many, auto_cell, kernel.fresh(above(kernel)), attempts=PATIENCE)


def test_a_release_in_short_calls_is_seen():
    """The control for calls below the threshold: released, such calls are caught."""
    kernel = load()["spin"]
    (cell,) = (c for c in variants_of("spin") if (c.implementation, c.policy) == ("capi", "released"))
    assert releases(many, cell, below(kernel), attempts=10 * PATIENCE)


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
