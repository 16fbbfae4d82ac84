"""A budget of skipped tests. In CI a run fails that skips a test which skips.toml does not allow; elsewhere it says so.

A skip that nobody expects is a test that nobody runs. GILSCOPE_RUN names the run (`full` unless it is set; .ci/ sets
the others), since an interpreter without the GIL, or a build without the instrument, has reasons of its own.
"""

import os
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

RUNS = ("full", "address", "free-threaded", "without-scope", "cython")


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """How many tests each run may skip for a reason."""

    reason: re.Pattern[str]
    why: str
    most: dict[str, int]

    @classmethod
    def from_toml(cls, entry: dict[str, Any]) -> "Allowed":
        most = entry["most"]
        if not entry["why"]:
            raise ValueError(f"skips.toml: {entry['reason']!r} needs a why")
        by_run = most if isinstance(most, dict) else dict.fromkeys(RUNS, most)
        if unknown := set(by_run) - set(RUNS):
            raise ValueError(
                f"skips.toml: {entry['reason']!r} names the run {min(unknown)!r}; runs are {', '.join(RUNS)}"
            )
        return cls(re.compile(entry["reason"]), entry["why"], by_run)


class SkipBudget:
    """The pytest plugin: counts skips by their reason, and holds them against the file."""

    def __init__(self, file: Path, run: str, strict: bool) -> None:
        if run not in RUNS:
            raise pytest.UsageError(f"GILSCOPE_RUN must be one of {', '.join(RUNS)}, not {run!r}")
        self.run, self.strict = run, strict
        self.allowed = [Allowed.from_toml(entry) for entry in tomllib.loads(file.read_text(encoding="utf-8"))["skip"]]
        self.skipped: dict[str, list[str]] = {}  # the tests, by reason

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._count(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._count(report)

    def _count(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
            self.skipped.setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid)

    def excess(self) -> list[str]:
        """A line for each skip that is not expected, or is not expected so often."""
        lines, counts = [], Counter[Allowed]()
        for reason, tests in self.skipped.items():
            entry = next((entry for entry in self.allowed if entry.reason.match(reason)), None)
            if entry is None:
                lines.append(f"{len(tests)} x {reason!r} is not in skips.toml, first: {tests[0]}")
            else:
                counts[entry] += len(tests)
        for entry, count in counts.items():
            most = entry.most.get(self.run, 0)
            if count > most:
                lines.append(f"{count} x {entry.reason.pattern!r}, the run {self.run!r} allows {most}")
        return lines

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.strict and exitstatus == pytest.ExitCode.OK and self.excess():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if lines := self.excess():
            terminalreporter.section("skipped, but should run" if self.strict else "skipped here, would fail in CI")
            for line in lines:
                terminalreporter.line(line, red=self.strict)


def install(config: pytest.Config) -> None:
    """Count the skips of this run. A worker of xdist leaves that to the process that started it."""
    if hasattr(config, "workerinput"):
        return
    budget = SkipBudget(
        Path(__file__).with_name("skips.toml"),
        os.environ.get("GILSCOPE_RUN", "full"),
        os.environ.get("CI", "").lower() in ("1", "true"),
    )
    config.pluginmanager.register(budget, "skip-budget")
