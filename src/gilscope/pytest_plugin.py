"""Tests that a function releases the GIL, and goes on doing so.

    def test_compress(gil):
        gil.assert_releases(zlib.compress, bytes(1 << 22), min_share=0.9)

    @pytest.mark.releases_gil(min_share=0.9, max_hold_ms=5)
    def test_whole_pipeline():
        ...                             # the test's own thread must be without the GIL for this part of its time

The oracle speaks first: it needs no clock, so a busy machine can not turn it. Shares come from the ledger or the
sampler with their intervals, and a check fails only where the whole interval fails. Where nothing can be said, the
test is skipped with the reason, or fails: `gil_inconclusive = skip | fail` in the configuration.
"""

import json
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gilscope.measure.stats import Interval
    from gilscope.scope.probe import Look, Probe

PROPERTY = "gilscope"
FORMAT, VERSION = "gilscope.tests", 1
WORSE_BY = 0.05
"""A released share that fell by more than this, beyond both intervals, counts as a change."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gilscope", "who holds the GIL")
    group.addoption("--gil-json", metavar="FILE", help="Write what the gil fixture and marker found.")
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
    if (known := config.getoption("--gil-compare")) is not None:
        _load(known)  # a wrong file is said before the tests run, not after


class Gil:
    """What the `gil` fixture gives. Everything it finds goes into the run's summary, and to --gil-json."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node = request.node
        self._unsure = request.config.getini("gil_inconclusive")

    def probe(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> "Probe":
        """gilscope.probe(): the whole of it, with speed-up, bystander and event loop."""
        from gilscope.scope.probe import probe

        found = probe(function, *arguments, **keywords)
        self._keep(found.target, found.verdict, found.released_share, found.longest_hold_ms)
        return found

    def assert_releases(
        self, function: Callable[..., Any], *arguments: Any, min_share: float = 0.9, **keywords: Any
    ) -> None:
        """A call lets go of the GIL, and for at least this part of its time."""
        __tracebackhide__ = True
        found = self._look(function, arguments, keywords)
        name = _name(function)
        if found.verdict == "too short to tell":
            self._no_answer(f"{name}: {found.reason}")
        if found.oracle is False and not found.releases_per_call:
            pytest.fail(f"{name} holds the GIL: {found.reason}", pytrace=False)
        share = found.released_share
        if share.high < min_share:
            pytest.fail(
                f"{name} is without the GIL for {_interval(share)} of a call, not {min_share:.0%}", pytrace=False
            )
        if share.low < min_share <= share.high and share.median < min_share:
            self._no_answer(f"{name} is without the GIL for {_interval(share)} of a call; {min_share:.0%} is wanted")

    def assert_holds(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
        """A call keeps the GIL from its start to its end."""
        __tracebackhide__ = True
        found = self._look(function, arguments, keywords)
        name = _name(function)
        if found.oracle is None:
            self._no_answer(f"{name}: this interpreter has no GIL to hold")
        if found.verdict == "too short to tell":
            self._no_answer(f"{name}: {found.reason}")
        if found.oracle or found.releases_per_call:
            pytest.fail(f"{name} releases the GIL, for {_interval(found.released_share)} of a call", pytrace=False)

    def assert_max_hold(self, function: Callable[..., Any], *arguments: Any, ms: float = 5.0, **keywords: Any) -> None:
        """A call never keeps the GIL for longer than this at once."""
        __tracebackhide__ = True
        found = self._look(function, arguments, keywords)
        text = f"{_name(function)} held the GIL for {found.longest_hold_ms:.2f} ms at once, more than {ms:g} ms"
        if found.usual_hold_ms > ms:
            pytest.fail(text, pytrace=False)
        if found.longest_hold_ms > ms:
            self._no_answer(f"{text}, but as a rule {found.usual_hold_ms:.2f} ms: the machine is busy")

    def _look(self, function: Callable[..., Any], arguments: Iterable[Any], keywords: dict[str, Any]) -> "Look":
        from gilscope.scope.probe import look

        found = look(function, *arguments, **keywords)
        self._keep(_name(function), found.verdict, found.released_share, found.longest_hold_ms)
        return found

    def _no_answer(self, reason: str) -> None:
        __tracebackhide__ = True
        _no_answer(self._unsure, reason)

    def _keep(self, target: str, verdict: str, share: "Interval", hold: float) -> None:
        _keep(self._node, target, verdict, share, hold)


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
    import threading

    import numpy as np

    from gilscope.scope.probe import RATE, thread_share
    from gilscope.scope.recording import RecordingError, record

    unsure = pyfuncitem.config.getini("gil_inconclusive")
    least, most = marker.kwargs.get("min_share", 0.9), marker.kwargs.get("max_hold_ms")
    try:
        with record(rate=RATE) as recording:
            started = time.perf_counter_ns()
            result = yield
            ended = time.perf_counter_ns()
    except RecordingError as error:
        _no_answer(unsure, str(error))
    share, hold = thread_share(recording, threading.get_native_id(), np.array([[started, ended]], np.int64))
    _keep(pyfuncitem, pyfuncitem.name, "", share, hold.high)
    if share.high < least:
        pytest.fail(f"without the GIL for {_interval(share)} of the test, not {least:.0%}", pytrace=False)
    if most is not None and hold.high > most:
        pytest.fail(f"held the GIL for {hold.high:.2f} ms at once, more than {most:g} ms", pytrace=False)
    return result


def _no_answer(choice: str, reason: str) -> None:
    __tracebackhide__ = True
    if choice == "fail":
        pytest.fail(f"inconclusive: {reason}", pytrace=False)
    pytest.skip(f"inconclusive: {reason}")


def _keep(node: pytest.Item, target: str, verdict: str, share: "Interval", hold: float) -> None:
    """With the test's own report, which also travels from a worker of pytest-xdist to its controller."""
    found = {"target": target, "verdict": verdict, "released_share": share.to_json(), "longest_hold_ms": hold}
    node.user_properties.append((PROPERTY, json.dumps(found)))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = _found(terminalreporter)
    if not found:
        return
    terminalreporter.section("who holds the GIL")
    for test, facts in found:
        share = facts["released_share"]
        verdict = f"{facts['verdict']}, " if facts["verdict"] else ""
        terminalreporter.line(
            f"{test}: {facts['target']} {verdict}released {share['median']:.1%} "
            f"[{share['low']:.1%}, {share['high']:.1%}], longest hold {facts['longest_hold_ms']:.2f} ms"
        )
    if target := config.getoption("--gil-json"):
        document = {"format": FORMAT, "version": VERSION, "tests": [{"test": test} | facts for test, facts in found]}
        Path(target).write_text(json.dumps(document, indent=1) + "\n")
    for line in _changes(config, found):
        terminalreporter.line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    lost = reporter and any(" lost " in line for line in _changes(session.config, _found(reporter)))
    if lost and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _found(reporter: Any) -> list[tuple[str, dict[str, Any]]]:
    reports = [report for kind in ("passed", "failed", "skipped") for report in reporter.stats.get(kind, [])]
    return sorted(
        (
            (report.nodeid, json.loads(value))
            for report in reports
            if getattr(report, "when", "") == "call"
            for key, value in report.user_properties
            if key == PROPERTY
        ),
        key=lambda pair: pair[0],
    )


def _changes(config: pytest.Config, found: list[tuple[str, dict[str, Any]]]) -> list[str]:
    known = config.getoption("--gil-compare")
    if known is None:
        return []
    before = {(entry["test"], entry["target"]): entry["released_share"] for entry in _load(known)}
    lines = []
    for test, facts in found:
        old, new = before.get((test, facts["target"])), facts["released_share"]
        if old is None:
            continue
        if new["high"] < old["low"] - WORSE_BY:
            lines.append(f"{test}: {facts['target']} lost release: {old['median']:.1%} before, {new['median']:.1%} now")
        elif new["low"] > old["high"] + WORSE_BY:
            lines.append(f"{test}: {facts['target']} gained: {old['median']:.1%} before, {new['median']:.1%} now")
    return lines


def _load(path: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"--gil-compare {path}: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("version") != VERSION:
        raise pytest.UsageError(f"--gil-compare {path}: not a file that --gil-json wrote")
    tests: list[dict[str, Any]] = document["tests"]
    return tests


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", function))


def _interval(share: "Interval") -> str:
    return f"{share.median:.1%} [{share.low:.1%}, {share.high:.1%}]"
