"""Tests that a function releases the GIL, and goes on doing so.

    def test_compress(gil):
        gil.assert_releases(zlib.compress, bytes(1 << 22), min_share=0.9)

    @pytest.mark.releases_gil(min_share=0.9, max_hold_ms=5)
    def test_whole_pipeline():
        ...                             # the test's own thread must be without the GIL for this part of its time

The oracle speaks first: it needs no clock, so load does not affect it. Shares come from the ledger or the sampler with
their intervals, and a check fails only where the whole interval fails. Where there is no clear answer, the test is
skipped with the reason, or fails: `gil_inconclusive = skip | fail` in the configuration.
"""

import json
import threading
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from gilscope.results.checks import Change, Check, ChecksFile
    from gilscope.results.looks import Look
    from gilscope.results.probes import Probe
    from gilscope.stats import Interval

PROPERTY = "gilscope"
"""The name under which a check travels with its test's report."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gilscope", "who holds the GIL")
    group.addoption("--gil-json", metavar="FILE", help="Write what the gil fixture and marker measured.")
    group.addoption("--gil-compare", metavar="FILE", help="Compare with a file of --gil-json; a loss fails the run.")
    parser.addini(
        "gil_inconclusive", "What a GIL check without a clear answer does: skip (default) or fail.", default="skip"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "releases_gil(min_share=0.9, max_hold_ms=None): the test's own thread must be without the GIL for this part "
        "of its time, and hold it no longer than this at once (gilscope)",
    )
    choice = config.getini("gil_inconclusive")
    if choice not in ("skip", "fail"):
        raise pytest.UsageError(f"gil_inconclusive must be 'skip' or 'fail', not {choice!r}")
    _earlier(config)  # a wrong file is refused before the tests run, not after


class Gil:
    """Checks of who holds the GIL; what the `gil` fixture gives.

    Everything that it measures goes into the run's summary, and to --gil-json.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node: pytest.Item = request.node
        self._unsure: str = request.config.getini("gil_inconclusive")

    def probe(self, function: Callable[..., object], *arguments: Any, **keywords: Any) -> "Probe":
        """The whole of `gilscope.probe`, with speed-up, bystander and event loop.

        Parameters
        ----------
        function, *arguments, **keywords
            As for `gilscope.probe`.
        """
        from gilscope.probes.probe import probe

        result = probe(function, *arguments, **keywords)
        self._note(result.target, result.look)
        return result

    def assert_releases(
        self, function: Callable[..., object], *arguments: Any, min_share: float = 0.9, **keywords: Any
    ) -> None:
        """A call releases the GIL.

        Parameters
        ----------
        function, *arguments, **keywords
            As for `gilscope.look`.
        min_share
            For at least this part of its time, 0 to 1.
        """
        __tracebackhide__ = True
        name, look = self._look(function, *arguments, **keywords)
        if look.verdict == "too short to tell":
            self._no_answer(f"{name}: {look.reason}")
        if look.oracle is False and not look.releases_per_call:
            pytest.fail(f"{name} holds the GIL: {look.reason}", pytrace=False)
        share = look.released_share
        if share.high < min_share:
            pytest.fail(f"{name} is without the GIL for {_text(share)} of a call, not {min_share:.0%}", pytrace=False)
        if share.low < min_share <= share.high and share.median < min_share:
            self._no_answer(f"{name} is without the GIL for {_text(share)} of a call; {min_share:.0%} is wanted")

    def assert_holds(self, function: Callable[..., object], *arguments: Any, **keywords: Any) -> None:
        """A call keeps the GIL from its start to its end.

        Parameters
        ----------
        function, *arguments, **keywords
            As for `gilscope.look`.
        """
        __tracebackhide__ = True
        name, look = self._look(function, *arguments, **keywords)
        if look.oracle is None:
            self._no_answer(f"{name}: this interpreter has no GIL to hold")
        if look.verdict == "too short to tell":
            self._no_answer(f"{name}: {look.reason}")
        if look.oracle or look.releases_per_call:
            pytest.fail(f"{name} releases the GIL, for {_text(look.released_share)} of a call", pytrace=False)

    def assert_max_hold(
        self, function: Callable[..., object], *arguments: Any, ms: float = 5.0, **keywords: Any
    ) -> None:
        """A call never keeps the GIL for longer than this at once.

        Parameters
        ----------
        function, *arguments, **keywords
            As for `gilscope.look`.
        ms
            The longest hold, in milliseconds.
        """
        __tracebackhide__ = True
        name, look = self._look(function, *arguments, **keywords)
        text = f"{name} held the GIL for {look.longest_hold_ms:.2f} ms at once, more than {ms:g} ms"
        if look.usual_hold_ms > ms:
            pytest.fail(text, pytrace=False)
        if look.longest_hold_ms > ms:
            self._no_answer(f"{text}, but the median is {look.usual_hold_ms:.2f} ms: the machine is busy")

    def _look(self, function: Callable[..., object], *arguments: Any, **keywords: Any) -> "tuple[str, Look]":
        from gilscope.probes.probe import look
        from gilscope.probes.target import name_of

        name, result = name_of(function), look(function, *arguments, **keywords)
        self._note(name, result)
        return name, result

    def _note(self, target: str, look: "Look") -> None:
        _note(self._node, target, look.verdict, look.released_share, look.longest_hold_ms)

    def _no_answer(self, reason: str) -> NoReturn:
        __tracebackhide__ = True
        _no_answer(self._unsure, reason)


@pytest.fixture
def gil(request: pytest.FixtureRequest) -> Gil:
    """Who holds the GIL: gil.probe, gil.assert_releases, gil.assert_holds, gil.assert_max_hold."""
    return Gil(request)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A test under the marker runs under a recording."""
    marker = pyfuncitem.get_closest_marker("releases_gil")
    if marker is None:
        return (yield)
    import numpy as np

    from gilscope.probes.look import RATE
    from gilscope.probes.shares import lane_of, longest_holds, released_share
    from gilscope.scope.recording import RecordingError, record

    least, most = marker.kwargs.get("min_share", 0.9), marker.kwargs.get("max_hold_ms")
    try:
        with record(rate=RATE) as recording:
            started = time.perf_counter_ns()
            result = yield
            ended = time.perf_counter_ns()
    except RecordingError as error:
        _no_answer(pyfuncitem.config.getini("gil_inconclusive"), str(error))
    index, whole = lane_of(recording, threading.get_native_id()), np.array([[started, ended]], np.int64)
    share, _ = released_share(recording, index, whole)
    hold_ms = longest_holds(recording, index, whole).longest
    _note(pyfuncitem, pyfuncitem.name, "", share, hold_ms)
    if share.high < least:
        pytest.fail(f"without the GIL for {_text(share)} of the test, not {least:.0%}", pytrace=False)
    if most is not None and hold_ms > most:
        pytest.fail(f"held the GIL for {hold_ms:.2f} ms at once, more than {most:g} ms", pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    checks = _checks(terminalreporter)
    if not checks:
        return
    terminalreporter.section("who holds the GIL")
    for check in checks:
        verdict = f"{check.verdict}, " if check.verdict else ""
        hold = f"longest hold {check.longest_hold_ms:.2f} ms"
        terminalreporter.line(f"{check.test}: {check.target} {verdict}released {_text(check.released_share)}, {hold}")
    if target := config.getoption("--gil-json"):
        from gilscope.results import files
        from gilscope.results.checks import ChecksFile

        files.write(ChecksFile(tuple(checks)), target)
    for change in _changes(config, checks):
        kind = "lost release" if change.lost else "gained"
        shares = f"{change.before.median:.1%} before, {change.now.median:.1%} now"
        terminalreporter.line(f"{change.test}: {change.target} {kind}: {shares}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A function that releases the GIL for less of its time than before fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    lost = reporter is not None and any(change.lost for change in _changes(session.config, _checks(reporter)))
    if lost and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _no_answer(choice: str, reason: str) -> NoReturn:
    __tracebackhide__ = True
    if choice == "fail":
        pytest.fail(f"inconclusive: {reason}", pytrace=False)
    pytest.skip(f"inconclusive: {reason}")


def _note(node: pytest.Item, target: str, verdict: str, share: "Interval", hold_ms: float) -> None:
    """With the test's own report, which also travels from a worker of pytest-xdist to its controller."""
    from gilscope.results.checks import Check
    from gilscope.results.codec import encode

    check = Check(node.nodeid, target, verdict, share, hold_ms)
    node.user_properties.append((PROPERTY, json.dumps(encode(check))))


def _checks(reporter: "pytest.TerminalReporter") -> "list[Check]":
    """All checks of the run, by test."""
    texts = [
        value
        for kind in ("passed", "failed", "skipped")
        for report in reporter.stats.get(kind, [])
        if getattr(report, "when", "") == "call"
        for key, value in report.user_properties
        if key == PROPERTY
    ]
    if not texts:
        return []
    from gilscope.results.checks import Check
    from gilscope.results.codec import decode

    checks = [decode(Check, json.loads(text), PROPERTY) for text in texts]
    return sorted(checks, key=lambda check: check.test)


def _changes(config: pytest.Config, checks: "list[Check]") -> "list[Change]":
    earlier = _earlier(config)
    if earlier is None:
        return []
    from gilscope.results.checks import changes

    return changes(earlier, checks)


def _earlier(config: pytest.Config) -> "ChecksFile | None":
    """The file of --gil-compare; None where none is named."""
    path = config.getoption("--gil-compare")
    if path is None:
        return None
    from gilscope.results.checks import load
    from gilscope.results.codec import FormatError

    try:
        return load(path)
    except FormatError as error:
        raise pytest.UsageError(f"--gil-compare {error}") from error


def _text(share: "Interval") -> str:
    return f"{share.median:.1%} [{share.low:.1%}, {share.high:.1%}]"
