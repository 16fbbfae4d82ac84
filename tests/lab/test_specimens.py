"""The specimens: all compute the same, and the scope finds in each what is written beside it."""

import sys

import numpy as np
import pytest
from instruments import needs_scope

import gilscope
from gilscope.cy.specimens import SPECIMENS, Specimen, python
from gilscope.host import gil_enabled
from gilscope.scope import states as st
from gilscope.scope.oracle import releases
from gilscope.scope.symbols import place
from gilscope.sources import ext_folder

VALUES = np.random.default_rng(0).random(20_000)
every = pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda specimen: specimen.name)


@every
def test_all_compute_the_same(specimen: Specimen) -> None:
    assert specimen.total()(VALUES) == pytest.approx(python(VALUES))
    assert specimen.total()(np.zeros(0)) == 0


def test_each_source_is_listed() -> None:
    assert {path.stem for path in (ext_folder() / "cy/specimens").glob("*.pyx")} == {s.name for s in SPECIMENS}


@pytest.mark.skipif(not gil_enabled(), reason="no GIL to release")
@pytest.mark.parametrize("specimen", [s for s in SPECIMENS if not s.takes_per_round], ids=lambda s: s.name)
def test_the_oracle_agrees(specimen: Specimen) -> None:
    """Those that take the GIL back all the time release it too briefly for the oracle, but not for the ledger."""
    values = np.random.default_rng(0).random(50_000 if specimen.name == "untyped" else 2_000_000)
    assert releases(specimen.total(), values) is (specimen.releases != "never")


@needs_scope
@pytest.mark.skipif(sys.platform != "linux", reason="the ledger needs ELF")
@pytest.mark.parametrize("name", ["hidden_take", "gil_in_loop"])
def test_what_takes_the_gil_back_is_not_counted_as_released(name: str) -> None:
    """One release, as long as the call, of which a good part went into taking the GIL back."""
    (specimen,) = [each for each in SPECIMENS if each.name == name]
    view = gilscope.look(specimen.total(), VALUES, seconds=0.2)
    assert view.releases_per_call == 1
    assert view.released_share.high < 0.75
    assert {site.kind for site in view.sites} == {"release", "take"}


@needs_scope
@pytest.mark.skipif(sys.platform != "linux", reason="the ledger needs ELF")
@every
def test_the_ledger_counts_what_is_said(specimen: Specimen) -> None:
    total = specimen.total()
    with gilscope.record() as recording:
        total(VALUES)
    events = recording.lane("MainThread").events
    library = f"{specimen.name}."
    mine = [e for e in events if f"/specimens/{library}" in place(int(e["site"])).library]
    kinds = [int(event["kind"]) for event in mine]
    assert kinds.count(st.RELEASE) == (0 if specimen.releases == "never" else 1)
    assert kinds.count(st.TAKE) == round(specimen.takes_per_round * len(VALUES))
