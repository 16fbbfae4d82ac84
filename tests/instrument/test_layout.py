"""The records that C writes and Python reads: whoever moves a field in one of them breaks this."""

import numpy as np
import pytest
from instruments import instrument

from gilscope.scope import layout, states

_sampler, _ledger, _waits = instrument("_sampler"), instrument("_ledger"), instrument("_waits")
TYPES = {"TICK": states.TICK, "EVENT": states.EVENT, "TURN": states.TURN}


def compiled():
    records = _sampler.RECORDS | _ledger.RECORDS | _waits.RECORDS
    return records, _sampler.NUMBERS | _ledger.NUMBERS | _waits.NUMBERS


def test_the_compiled_records_are_those_that_states_reads():
    records, numbers = compiled()
    assert {name: np.dtype(record) for name, record in records.items()} == TYPES
    assert all(getattr(states, name) == value for name, value in numbers.items())


@pytest.mark.parametrize(
    ("record", "changes"),
    [
        ("TICK", {"offsets": [0, 8, 20, 16]}),
        ("TICK", {"itemsize": 32}),
        ("TICK", {"formats": ["i8", "i8", "u4", "i4"]}),
        ("TURN", {"offsets": [0, 8, 16, 28, 24]}),
        ("EVENT", {"names": ["wanted", "released", "got", "site", "kind", "flags"]}),
    ],
)
def test_a_field_that_moves_is_found(record, changes):
    records, numbers = compiled()
    moved = records | {record: records[record] | changes}
    message = layout.disagreement(TYPES, numbers, moved, numbers)
    assert message
    assert message.startswith(f"{record} is ")


def test_a_state_that_gets_another_number_is_found():
    records, numbers = compiled()
    types = {name: np.dtype(record) for name, record in records.items()}
    assert layout.disagreement(types, numbers, records, numbers) is None
    message = layout.disagreement(types, numbers, records, numbers | {"WAITS_GIL": 4})
    assert message == "WAITS_GIL is 3 in Python and 4 in C"
    assert "LOCKED is None in Python" in str(layout.disagreement(types, numbers, records, numbers | {"LOCKED": 6}))


def test_the_check_names_what_differs(monkeypatch):
    numbers = {name: getattr(states, name) for name in compiled()[1]}
    monkeypatch.setitem(_ledger.NUMBERS, "SWAP", 3)
    with pytest.raises(ImportError, match="SWAP is 2 in Python and 3 in C; build it again"):
        layout.check(TYPES, numbers)
