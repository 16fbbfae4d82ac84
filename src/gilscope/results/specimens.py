"""The specimens, small functions that show how Cython code treats the GIL, as the scope measured them."""

from dataclasses import dataclass

from gilscope.stats import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecimenRow:
    """One call of a specimen, counted by the ledger, and the result of a look at it."""

    name: str
    rounds: int
    """Rounds of its loop in a call."""
    releases: int | None
    """Releases in that call; None without a ledger."""
    takes: int | None
    """Takes of the GIL in that call, likewise."""
    call_ms: float
    verdict: str
    reason: str
    oracle: bool | None
    """Whether the call let another thread run; None without a GIL."""
    released_share: Interval
    """The share of a call without the GIL, 0 to 1."""
    share_from: str
    """"ledger" or "sampler"."""
