"""The verdict on a function, from a probe of it: a pure function."""

from typing import Literal

from gilscope.stats import Interval

ProbeVerdict = Literal["releases", "holds", "partly", "too short to tell", "inconclusive"]

RELEASES_FROM = 0.75
"""A function that is without the GIL for this share of a call or more releases; below, it does so partly."""
HOLDS_BELOW = 0.02
SHORT_NS = 20_000
"""A call shorter than this may release for too short a time to measure."""


def of_call(
    oracle: bool | None, share: Interval, releases_per_call: float | None, call_ns: float
) -> tuple[ProbeVerdict, str]:
    """The verdict and its reason.

    Parameters
    ----------
    oracle
        Whether the call let another thread run; None without a GIL.
    share
        The share of a call without the GIL, 0 to 1.
    releases_per_call
        By the ledger; None without one.
    call_ns
        Nanoseconds of a call.
    """
    released = bool(oracle) or bool(releases_per_call)
    part = f"{share.median:.1%} of a call is spent without the GIL"
    if not released and call_ns < SHORT_NS and share.high < 0.5:
        return "too short to tell", f"a call takes {call_ns / 1e3:.2g} us, which is too short to detect a release"
    if oracle is False and not releases_per_call:
        return "holds", "no call let another thread run"
    if share.high < HOLDS_BELOW:
        return "holds", f"it releases, but only for {share.median:.2%} of a call"
    if share.low >= RELEASES_FROM:
        return "releases", part
    if share.high < RELEASES_FROM and share.low >= HOLDS_BELOW:
        return "partly", part
    return "inconclusive", f"between {share.low:.0%} and {share.high:.0%} of a call is spent without the GIL"
