"""oversubscription: calls of two sizes, of which only the short ones matter."""

import pytest

from data import lucky, steady, verdict
from gilscope.experiments import Lab, NotHere
from gilscope.experiments.oversubscription import ALONE, EXPERIMENT, Cell, Data, Way

ONE = steady(1.0)


def calls(both: tuple[float, ...], pool: tuple[float, ...] = ONE, library: tuple[float, ...] = ONE) -> Data:
    """What both together take in short calls, and what either alone takes there. In long ones nothing matters."""
    short = {Way.POOL: pool, Way.LIBRARY: library, Way.BOTH: both}
    return Data(cells=(Cell(work=1e-3, seconds=dict.fromkeys(Way, ONE)), Cell(work=6e-5, seconds=short)), cores=2)


YES = calls(steady(1.3))
NO = calls(steady(1.0))
NOISE = calls(lucky(1.0, 1.3))


@pytest.mark.parametrize("alone", ["pool", "library"])
def test_a_pool_of_teams_must_lose_to_both(alone: str) -> None:
    assert len(ALONE) == 2
    assert verdict(EXPERIMENT, calls(steady(1.3), **{alone: steady(1.3)})) == "refuted"


def test_a_pool_of_teams_needs_openmp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gilscope.cy.nbody.OPENMP", False)
    with pytest.raises(NotHere, match="this build has no OpenMP"):
        EXPERIMENT.run(Lab(0.1), {})
