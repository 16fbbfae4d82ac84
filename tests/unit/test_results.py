"""Results: written whole or not at all, read back equal, refused in one line that says where."""

import json
import math
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from documents import full, row

from gilscope import results as files
from gilscope.results import Failed, Finding, FormatError, Measured, NotMeasurable, Results, Ruling, Settings, load
from gilscope.results.codec import decode, encode
from gilscope.results.findings import Bracket


def findings() -> tuple[Finding, ...]:
    outcomes = (
        Measured({"counts": [1, 2]}, Bracket(one=(1.0,), many=(2.0,))),
        NotMeasurable("no GIL"),
        Failed("SIGSEGV"),
    )
    return tuple(Finding(f"claim-{n}", "A claim.", 1.0, it, Ruling("refuted", "so")) for n, it in enumerate(outcomes))


def document() -> Results:
    return replace(full(kernels=("spin",)), findings=findings())


def as_json(results: Results) -> Any:
    return json.loads(json.dumps(results.to_json()))


def test_a_saved_document_is_the_loaded_one(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    files.write(document(), path)
    assert load(path) == replace(document(), created=load(path).created)


def test_a_row_keeps_every_raw_value_and_adds_what_follows_from_them() -> None:
    stored = as_json(document())["rows"][0]
    first = document().rows[0]
    for name in ("seconds", "baseline_seconds", "ceiling_seconds", "machine_seconds"):
        assert stored[name] == list(getattr(first, name))
    assert stored["verdict"] == first.verdict
    assert set(stored["speedup"]) == {"median", "low", "high"}


def test_derived_values_of_a_file_are_never_read_back() -> None:
    value = as_json(document())
    for stored in value["rows"]:
        stored["verdict"], stored["speedup"] = "a verdict of long ago", None
    assert Results.from_json(value, "file").rows == document().rows


def test_json_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    files.write(document(), "-")
    assert json.loads(capsys.readouterr().out)["format"] == "gilscope.results"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    files.write(document(), path)
    before = path.read_text()
    with pytest.raises(TypeError):
        files.write({"rows": object()}, path)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1, 2]", "its format is not 'gilscope.results'"),
        ('{"format": "pyperf"}', "its format is not 'gilscope.results'"),
        ('{"format": "gilscope.results", "version": 99, "rows": []}', "version 99"),
        ('{"format": "gilscope.results", "version": 1}', "lacks the list 'rows'"),
        ('{"format": "gilscope.results", "version": 2, "rows": [], "findings": {}}', "findings: not a list"),
        ("\udcff", "not a text file"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(FormatError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert "other.json" in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("rows", 1, "seconds", 2), math.nan, r"rows\[1\]\.seconds\[2\]: not a finite number"),
        (("rows", 1, "seconds", 2), math.inf, r"rows\[1\]\.seconds\[2\]: not a finite number"),
        (("rows", 1, "seconds", 2), "x", r"rows\[1\]\.seconds\[2\]: 'x' is not a number"),
        (("rows", 1, "seconds", 2), 0.0, r"rows\[1\]\.seconds: times must be above 0"),
        (("rows", 1, "seconds"), [1.0], r"rows\[1\]: 1 values of seconds and 10 of baseline_seconds"),
        (("rows", 1, "calls"), 0, r"rows\[1\]\.calls: 0 is less than 1"),
        (("rows", 1, "calls"), True, r"rows\[1\]\.calls: True is not a whole number"),
        (("rows", 1, "policy"), ..., r"rows\[1\] lacks 'policy'"),
        (("rows", 1), "row", r"rows\[1\]: not an object"),
        (("findings", 0, "verdict"), "perhaps", r"findings\[0\]\.verdict: 'perhaps' is none of confirmed"),
        (("findings", 0, "data", "counts", 0), math.nan, r"findings\[0\]\.data\.counts\[0\]: not a finite number"),
        (("environment", "cpus", "usable"), "two", r"environment\.cpus\.usable: 'two' is not a number"),
        (("complete",), 1, "complete: 1 is not true or false"),
        (("specimens",), [{}], r"specimens\[0\] lacks 'name'"),
        (("timelines",), [{"kernel": "spin"}], r"timelines\[0\] lacks 'implementation'"),
    ],
)
def test_damage_is_told_with_its_place(place: tuple[Any, ...], value: Any, message: str) -> None:
    damaged = as_json(document())
    *path, last = place
    inside = damaged
    for step in path:
        inside = inside[step]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    with pytest.raises(FormatError, match=f"^file: {message}") as caught:
        Results.from_json(damaged, "file")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"nothing\.json: No such file"):
        load(tmp_path / "nothing.json")


# The formats' history.


def test_version_1_has_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text('{"format": "gilscope.results", "version": 1, "rows": []}')
    assert load(path) == Results(created="")


def test_version_3_kept_everything_of_a_finding_in_its_data() -> None:
    head = {"name": "convoy", "claim": "It waits.", "seconds": 2.0, "verdict": "inconclusive", "reason": "so"}
    head |= {"evidence": "", "charts": []}
    machine = {"one": [1.0], "many": [2.0], "workers": 2, "cpus": 2.0, "others": None}
    old = [head | {"data": {"cells": [], "machine": machine}}, head | {"data": {"not here": "no GIL"}}]
    old += [head | {"data": {"failed": "SIGSEGV", "stderr": "..."}}]
    value = {"format": "gilscope.results", "version": 3, "rows": [], "findings": old}
    outcomes = [finding.outcome for finding in Results.from_json(value, "old").findings]
    bracket = Bracket(one=(1.0,), many=(2.0,), cpus=2.0)
    assert outcomes == [Measured({"cells": []}, bracket), NotMeasurable("no GIL"), Failed("SIGSEGV", "...")]


def test_rows_without_a_round_are_left_out() -> None:
    value = as_json(document())
    value["rows"][0]["seconds"] = value["rows"][0]["baseline_seconds"] = []
    assert len(Results.from_json(value, "old").rows) == len(document().rows) - 1


def test_settings_that_do_not_apply_are_not_written() -> None:
    assert as_json(Results(settings=Settings(experiments=("convoy",))))["settings"] == {"experiments": ["convoy"]}


# The codec.


class Color(Enum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    number: float
    word: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    inner: Inner | None
    by_count: dict[int, tuple[float, ...]]
    pair: tuple[int, str]
    color: Color = Color.RED


def test_a_dataclass_survives_json() -> None:
    value = Outer(Inner(1.0, "b"), {2: (0.5, 1.0)}, (1, "x"))
    assert decode(Outer, json.loads(json.dumps(encode(value))), "outer") == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inner": {"number": "1"}}, r"outer\.inner\.number: '1' is not a number"),
        ({"inner": {"number": 1, "word": "c"}}, r"outer\.inner\.word: 'c' is none of a, b"),
        ({"by_count": {"x": []}}, r"outer\.by_count: 'x' is no key of type int"),
        ({"by_count": []}, r"outer\.by_count: not an object"),
        ({"pair": [1]}, r"outer\.pair: 1 values instead of 2"),
        ({"color": "blue"}, r"outer\.color: 'blue' is no Color"),
    ],
)
def test_the_codec_names_the_place(change: dict[str, Any], message: str) -> None:
    good = encode(Outer(None, {}, (1, "x")))
    with pytest.raises(FormatError, match=f"^{message}$"):
        decode(Outer, good | change, "outer")


def test_rows_know_their_arithmetic() -> None:
    it = row(speedup=1.9, rounds=10)
    assert it.speedup().median == pytest.approx(1.9, rel=0.03)
    assert it.call_seconds() == tuple(seconds / it.calls for seconds in it.seconds)
    assert it.seconds_per_unit().median == pytest.approx(it.seconds_per_call().median / it.work)
