"""Every test of the kernels runs on every cell, so a kernel that is added is tested without a change here."""

import signal

import pytest
from cells import CELLS, NATIVE, PARALLEL

from gilscope.kernels import Kernel, load
from gilscope.variants import Variant

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as for a shell's jobs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=list(load().values()), ids=lambda kernel: kernel.name)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return request.param


@pytest.fixture(params=CELLS, ids=str)
def cell(request: pytest.FixtureRequest) -> Variant:
    """Each kernel in each implementation under each policy; OpenMP with two threads."""
    return request.param


@pytest.fixture(params=NATIVE, ids=str)
def native_cell(request: pytest.FixtureRequest) -> Variant:
    return request.param


@pytest.fixture(params=PARALLEL, ids=str)
def released_cell(request: pytest.FixtureRequest) -> Variant:
    """The native cells that always release, OpenMP among them."""
    return request.param
