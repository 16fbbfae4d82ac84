"""The plugin, run in pytest's own sandbox."""

import json
import sys

import pytest

from gilscope.host import gil_enabled
from gilscope.results.checks import Check, ChecksFile, changes
from gilscope.results.codec import decode, encode
from gilscope.stats import Interval

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(not gil_enabled() or sys.platform != "linux", reason="no GIL to release")

HEAD = """
    import json, time, zlib, os, pytest
    DATA = os.urandom(1 << 20)
    NUMBERS = list(range(50_000))
"""


@pytest.fixture
def run(pytester):
    """Runs a test file in a process of its own: one recording per process."""

    def run(body, *options, ini=""):
        pytester.makepyfile(test_it=HEAD + body)
        pytester.makeini(f"[pytest]\n{ini}\n")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    return run


CHECKS = [
    ("gil.assert_releases(zlib.compress, DATA, min_share=0.5)", "passed", ""),
    ("gil.assert_releases(json.dumps, NUMBERS)", "failed", "*dumps holds the GIL*"),
    ("gil.assert_releases(zlib.compress, DATA, min_share=1.0)", "failed", "*compress is without the GIL for*not 100%*"),
    ("gil.assert_holds(json.dumps, NUMBERS)", "passed", ""),
    ("gil.assert_holds(zlib.compress, DATA)", "failed", "*compress releases the GIL*"),
    ("gil.assert_max_hold(time.sleep, 0.01, ms=5)", "passed", ""),
    ("gil.assert_max_hold(json.dumps, NUMBERS, ms=0.5)", "failed", "*dumps held the GIL for*more than 0.5 ms*"),
    ("gil.assert_releases(len, 'x')", "skipped", "*inconclusive: len: a call takes*"),
    ("assert gil.probe(zlib.compress, DATA, seconds=0.5).verdict == 'releases'", "passed", ""),
]


@pytest.mark.parametrize(("check", "outcome", "words"), CHECKS, ids=[check for check, _, _ in CHECKS])
def test_checks(run, check, outcome, words):
    result = run(f"\n    def test_one(gil):\n        {check}\n", "-rs")
    result.assert_outcomes(**{outcome: 1})
    if words:
        result.stdout.fnmatch_lines([words])
    result.stdout.fnmatch_lines(["*who holds the GIL*"])


def test_without_a_clear_answer_it_fails_where_that_is_wanted(run):
    result = run("\n    def test_one(gil):\n        gil.assert_releases(len, 'x')\n", ini="gil_inconclusive = fail")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*inconclusive: len*"])


@pytest.mark.parametrize(
    ("marker", "body", "outcome", "words"),
    [
        ("releases_gil(min_share=0.5)", "zlib.compress(DATA)", "passed", ""),
        ("releases_gil", "json.dumps(NUMBERS)", "failed", "*without the GIL for 0.0%*not 90%*"),
        (
            "releases_gil(min_share=0, max_hold_ms=1)",
            "json.dumps(NUMBERS)",
            "failed",
            "*held the GIL for*more than 1 ms*",
        ),
        ("releases_gil(min_share=0)", "assert False", "failed", "*assert False*"),
    ],
)
def test_the_marker(run, marker, body, outcome, words):
    result = run(f"\n    @pytest.mark.{marker}\n    def test_one():\n        {body}\n")
    result.assert_outcomes(**{outcome: 1})
    if words:
        result.stdout.fnmatch_lines([words])


TWO = """
    def test_one(gil):
        gil.assert_releases(zlib.compress, DATA, min_share=0.1)
    def test_two(gil):
        gil.assert_holds(json.dumps, NUMBERS)
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_checks_are_written_and_compared(run, pytester, workers):
    if workers:
        pytest.importorskip("xdist")
    run(TWO, "--gil-json", "checks.json", *workers).assert_outcomes(passed=2)
    document = json.loads((pytester.path / "checks.json").read_text())
    assert [test["target"] for test in document["tests"]] == ["compress", "dumps"]
    assert [test["verdict"] == "holds" for test in document["tests"]] == [False, True]

    run(TWO, "--gil-compare", "checks.json", *workers).assert_outcomes(passed=2)

    document["tests"][1]["released_share"] = {"median": 0.9, "low": 0.9, "high": 0.9}
    (pytester.path / "checks.json").write_text(json.dumps(document))
    lost = run(TWO, "--gil-compare", "checks.json", *workers)
    lost.stdout.fnmatch_lines(["*test_two: dumps lost release: 90.0% before, 0.0% now"])
    assert lost.ret == pytest.ExitCode.TESTS_FAILED


def test_only_a_loss_fails_the_run_whatever_the_tests_are_called(run, pytester):
    body = """
    @pytest.mark.parametrize("what", ["all is lost release"])
    def test_one(gil, what):
        gil.assert_releases(zlib.compress, DATA, min_share=0.1)
    """
    run(body, "--gil-json", "checks.json").assert_outcomes(passed=1)
    document = json.loads((pytester.path / "checks.json").read_text())
    document["tests"][0]["released_share"] = {"median": 0.0, "low": 0.0, "high": 0.0}
    (pytester.path / "checks.json").write_text(json.dumps(document))
    result = run(body, "--gil-compare", "checks.json")
    result.stdout.fnmatch_lines(["*lost release*: compress gained: 0.0% before, *"])
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.quick
def test_a_change_lies_beyond_both_intervals():
    def check(test, median, low, high):
        return Check(test, "f", "", Interval(median, low, high), 1.0)

    old = ChecksFile((check("a", 0.9, 0.85, 0.95), check("b", 0.5, 0.45, 0.55), check("c", 0.9, 0.9, 0.9)))
    new = [check("a", 0.78, 0.75, 0.79), check("b", 0.9, 0.89, 0.91), check("c", 0.87, 0.86, 0.88), check("d", 0, 0, 0)]
    assert [(change.test, change.lost) for change in changes(old, new)] == [("a", True), ("b", False)]
    assert decode(ChecksFile, json.loads(json.dumps(encode(old))), "checks") == old


def test_a_wrong_file_is_refused_first(run, pytester):
    (pytester.path / "other.json").write_text("{}")
    for name, words in (("other.json", "not a file from 'pytest --gil-json'"), ("none.json", "No such file")):
        result = run(TWO, "--gil-compare", name)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert words in result.stderr.str()


def test_a_wrong_setting_is_refused(run):
    result = run(TWO, ini="gil_inconclusive = maybe")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "must be 'skip' or 'fail'" in result.stderr.str()


def test_who_does_not_use_it_does_not_see_it(run):
    result = run("\n    def test_one():\n        pass\n")
    result.assert_outcomes(passed=1)
    assert "who holds" not in result.stdout.str()
