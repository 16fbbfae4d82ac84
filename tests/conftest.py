"""Every test of the kernels runs on every cell, so a kernel that is added is tested without a change here.

A test is `slow` if it starts a process (a child, a browser, a build) or takes a second or more; `make test-quick` runs
the others. What lies under SLOW is slow unless it is marked `quick`; elsewhere the test is marked. A test that is not
slow and starts a process all the same fails.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import skips
from browser import browser, visit  # noqa: F401 - fixtures
from cells import CELLS, NATIVE, PARALLEL

from gilscope.kernels import Kernel, load
from gilscope.variants import Variant

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as for a shell's jobs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("COLUMNS", None)  # xdist sets it; tests of the command line choose a width, or go without one

TESTS = Path(__file__).parent
SLOW = ("instrument", "lab", "annotate", "cli", "docs", "report/test_chromium.py")
QUICK = ("lab/data",)
"""But not what lies under these."""
SLOW_FIXTURES = {"browser", "pytester"}
PROCESS_STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}


def pytest_configure(config: pytest.Config) -> None:
    skips.install(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(TESTS) if item.path.is_relative_to(TESTS) else item.path
        by_place = any(map(place.is_relative_to, SLOW)) and not any(map(place.is_relative_to, QUICK))
        by_fixture = not SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
        if (by_place or by_fixture) and item.get_closest_marker("quick") is None:
            item.add_marker(pytest.mark.slow)


class ProcessGuard:
    """Notes which processes are started while a test runs that should start none."""

    def __init__(self) -> None:
        self.active = False
        self.started: list[str] = []
        sys.addaudithook(self)  # for the life of this process: Python has no way to take one out

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.active and event in PROCESS_STARTS and arguments[:1] != ("uname",):  # that is platform.uname()
            self.started.append(f"{event}: {arguments[0]!r:.100}" if arguments else event)


guard = ProcessGuard()


def _watched(item: pytest.Item) -> Iterator[None]:
    guard.started.clear()
    guard.active = item.get_closest_marker("slow") is None
    try:
        result = yield
    finally:
        guard.active = False
    if guard.started:
        pytest.fail(f"starts a process ({guard.started[0]}): mark it with pytest.mark.slow", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    return (yield from _watched(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    return (yield from _watched(item))


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
