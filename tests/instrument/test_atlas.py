"""The atlas and the calibration: a few real rows, and their documents."""

import json
import subprocess
import sys

import numpy as np
import pytest
from instruments import needs_scope

from gilscope.host import gil_enabled
from gilscope.probes import atlas
from gilscope.probes.catalogue import CATALOGUE, Entry
from gilscope.results import Look
from gilscope.results import atlas as atlases
from gilscope.results.atlas import Atlas, AtlasRow, Change
from gilscope.results.calibration import Calibration, Point
from gilscope.results.codec import FormatError, decode, encode
from gilscope.scope.calibrate import calibrate
from gilscope.stats import Interval

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="the ledger needs ELF"), needs_scope]
needs_gil = pytest.mark.skipif(not gil_enabled(), reason="no GIL to release")


def cli(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "gilscope", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_at_least_sixty_entries_need_nothing_but_numpy():
    ours = {"scipy", "pandas", "lxml", "PIL", "cryptography", "orjson", "rapidfuzz", "numba"}
    assert len([entry for entry in CATALOGUE if entry.needs not in ours]) >= 60
    names = [entry.name for entry in CATALOGUE]
    assert len(set(names)) == len(names)


def test_entries_whose_module_is_missing_are_left_out(monkeypatch):
    strange = Entry("strange", "strange.f", "", "pass", "no_such_module")
    monkeypatch.setattr(atlas, "CATALOGUE", (*CATALOGUE, strange))
    assert strange not in atlas.entries()
    assert atlas.entries(["strange"]) == []
    assert {entry.group for entry in atlas.entries(["hashes"])} == {"hashes"}


@needs_gil
def test_rows_of_known_functions():
    chosen = [entry for entry in CATALOGUE if entry.name in ("np.sort, 1,000,000 floats", "json.dumps, 20,000 rows")]
    rows = {row.name: row for row in atlas.survey(chosen)}
    assert rows["np.sort, 1,000,000 floats"].verdict == "releases"
    assert rows["json.dumps, 20,000 rows"].verdict == "holds"


def test_an_entry_that_fails_costs_only_its_row():
    good = Entry("g", "sum", "numbers = list(range(100_000))", "sum(numbers)", "os")
    bad = Entry("g", "bad", "", "1 / 0", "os")
    rows = list(atlas.survey([bad, good], seconds=0.1))
    assert (rows[0].verdict, rows[0].look) == ("inconclusive", None)
    assert "ZeroDivisionError" in rows[0].error
    assert rows[1].error is None


def row(name, share):
    look = Look(
        target=name,
        oracle=share > 0,
        call_ns=1e6,
        batch=2,
        released_share=Interval(share, share, share),
        share_from="ledger",
        longest_hold_ms=1.0,
        usual_hold_ms=1.0,
        releases_per_call=float(share > 0),
    )
    return AtlasRow("g", name, f"{name}()", look)


def made_up(*rows):
    return Atlas(python="3.11.2", gil=True, machine="x86_64", versions={"numpy": "2.4.6"}, rows=rows)


def test_changes():
    failed = AtlasRow("g", "e", "e()", None, "e raised ValueError: no")
    old = made_up(row("a", 0.0), row("b", 0.99), row("c", 0.99), row("e", 0.99))
    new = made_up(row("a", 0.9), row("b", 0.97), row("d", 0.0), failed)
    assert atlases.changes(old, new) == [Change("a", "holds 0%", "releases 90%")]


def test_an_atlas_comes_back_from_its_json():
    made = made_up(row("a", 0.5), AtlasRow("g", "e", "e()", None, "e raised ValueError: no"))
    document = json.loads(json.dumps(encode(made)))
    assert decode(Atlas, document, "an atlas") == made
    assert [row["verdict"] for row in document["rows"]] == ["partly", "inconclusive"]
    del document["rows"][0]["call_ns"]
    with pytest.raises(FormatError, match=r"an atlas\.rows\[0\] lacks 'call_ns'"):
        decode(Atlas, document, "an atlas")


def test_the_command_writes_and_compares(tmp_path):
    file, page = tmp_path / "atlas.json", tmp_path / "atlas.html"
    done = cli("atlas", "crc32", "--json", str(file), "--html", str(page), "--quiet")
    assert done.returncode == 0, done.stderr
    assert "zlib.crc32, 1 MB" in done.stdout
    document = json.loads(file.read_text())
    assert document["format"] == "gilscope.atlas"
    assert "zlib.crc32" in page.read_text()
    document["rows"][0] = encode(row("zlib.crc32, 1 MB", 0.0))
    file.write_text(json.dumps(document))
    if gil_enabled():
        done = cli("atlas", "crc32", "--against", str(file), "--quiet")
        assert "1 changed since Python" in done.stdout
        assert "holds 0%, now releases" in done.stdout


def test_what_is_no_atlas_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    done = cli("atlas", "crc32", "--against", str(tmp_path / "x.json"))
    assert done.returncode == 2
    assert "not a file from 'gilscope atlas --json'" in done.stderr
    assert cli("atlas", "no-such-function").returncode == 2


@needs_gil
def test_calibration_is_near_the_truth():
    points = list(calibrate(4.0))
    assert len(points) == 20
    assert float(np.median([point.error for point in points])) < 0.01, points  # a busy machine may spoil some


def test_a_point_too_far_is_not_fine():
    assert Point(1e-3, 0.5, 0.6, None).fine is False
    assert Point(1e-3, 0.5, 0.6, 0.505).fine is True
    assert Point(20e-6, 0.5, 0.525, None).fine is True
    assert Point(1e-3, 0.5, None, None).fine is False


def test_a_calibration_comes_back_from_its_json():
    made = Calibration((Point(1e-3, 0.5, 0.6, 0.505), Point(20e-6, 0.5, None, 0.6)))
    document = json.loads(json.dumps(encode(made)))
    assert [point["fine"] for point in document["points"]] == [True, False]
    assert decode(Calibration, document, "a calibration") == made
    assert made.fine is False
