"""The budget of skips: what is expected passes, anything else fails the run in CI and is shown elsewhere."""

from pathlib import Path

import pytest
from skips import RUNS, SkipBudget

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.quick  # pytester runs these in this process

BUDGET = """
[[skip]]
reason = "no (moon|sun)"
why = "it is day or night"
most = 2

[[skip]]
reason = "no GIL"
why = "nothing to release"
most = { free-threaded = 1 }
"""

SKIPS = """
import pytest

@pytest.mark.parametrize("n", range({count}))
def test_skipped(n):
    pytest.skip({reason!r})

def test_passed():
    pass

@pytest.mark.xfail
def test_failing_as_expected():
    assert False
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Runs tests of which so many are skipped for a reason."""

    def run(reason, count, *, strict=True, name="full", source=SKIPS, budget=BUDGET):
        pytester.makefile(".toml", skips=budget)
        pytester.makepyfile(source.format(count=count, reason=reason))
        plugin = SkipBudget(Path(pytester.path, "skips.toml"), name, strict)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", plugins=[plugin])

    return run


def test_what_is_expected_passes(run) -> None:
    result = run("no moon tonight", 2)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*should run*")


def test_one_more_than_expected_fails(run) -> None:
    result = run("no moon tonight", 3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*skipped, but should run*", "3 x 'no (moon|sun)', the run 'full' allows 2"])
    result.assert_outcomes(passed=1, skipped=3, xfailed=1)


def test_an_unknown_reason_fails(run) -> None:
    result = run("too lazy", 1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["1 x 'too lazy' is not in skips.toml, first: test_*::test_skipped?0?"])


def test_each_run_has_its_own_budget(run) -> None:
    assert run("no GIL", 1, name="free-threaded").ret == pytest.ExitCode.OK
    result = run("no GIL", 1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["1 x 'no GIL', the run 'full' allows 0"])


def test_elsewhere_it_only_tells(run) -> None:
    result = run("too lazy", 1, strict=False)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*skipped here, would fail in CI*", "1 x 'too lazy'*"])


def test_a_module_that_is_skipped_whole_counts(run) -> None:
    result = run("too lazy", 1, source="import pytest\npytest.importorskip('no_such_module', reason={reason!r})")
    result.stdout.fnmatch_lines(["1 x 'too lazy' is not in skips.toml, first: test_*.py"])


def test_a_failure_stays_a_failure(run) -> None:
    result = run("too lazy", 1, source="def test_it(): assert {count} == {reason!r}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.no_fnmatch_line("*should run*")


def test_the_file_is_checked(run, pytester: pytest.Pytester) -> None:
    for text, message in (
        (BUDGET.replace("it is day or night", ""), "needs a why"),
        (BUDGET.replace("free-threaded", "fre-threaded"), "names the run 'fre-threaded'"),
    ):
        with pytest.raises(ValueError, match=message):
            run("no moon", 1, budget=text)
    pytester.makefile(".toml", skips=BUDGET)
    with pytest.raises(pytest.UsageError, match="GILSCOPE_RUN must be one of"):
        SkipBudget(Path(pytester.path, "skips.toml"), "nightly", True)


def test_ours_can_be_read() -> None:
    for name in RUNS:
        assert SkipBudget(Path(__file__).parents[1] / "skips.toml", name, True).allowed
