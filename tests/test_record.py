"""The results format: written whole or not at all, read back equal, refused with one line."""

import json

import pytest
from test_stats import row

from gilscope.measure import record


def results():
    return record.document([row()], {"threads": [1, 2]}, {"cpus": {"usable": 2}})


def test_what_is_saved_is_what_is_loaded(tmp_path):
    path = tmp_path / "results.json"
    record.save(results(), path)
    assert record.load(path) == results() | {"created": record.load(path)["created"]}


def test_json_goes_to_standard_output(capsys):
    record.save(results(), "-")
    assert json.loads(capsys.readouterr().out)["format"] == record.FORMAT


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.json"
    record.save(results(), path)
    before = path.read_text()
    with pytest.raises(TypeError):
        record.save({"rows": object()}, path)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[1, 2]", "not results of gilscope"),
        ('{"format": "pyperf"}', "not results of gilscope"),
        ('{"format": "gilscope.results", "version": 99, "rows": []}', "version 99"),
        ('{"format": "gilscope.results", "version": 1}', "without rows"),
        ('{"format": "gilscope.results", "version": 2, "rows": [], "findings": {}}', "findings are no list"),
        ("\udcff", "not a text file"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "other.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(record.RecordError, match=message) as caught:
        record.load(path)
    assert "\n" not in str(caught.value)
    assert "other.json" in str(caught.value)


def test_a_document_of_version_1_has_no_findings(tmp_path):
    path = tmp_path / "old.json"
    path.write_text('{"format": "gilscope.results", "version": 1, "rows": []}')
    assert record.load(path)["findings"] == []


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(record.RecordError, match="No such file"):
        record.load(tmp_path / "nothing.json")


def test_a_row_keeps_every_raw_value_of_its_samples():
    stored = results()["rows"][0]
    for name in ("seconds", "baseline_seconds", "ceiling_seconds", "machine_seconds"):
        assert stored[name] == getattr(row(), name)
    for name in ("speedup", "ceiling"):
        assert set(stored[name]) == {"median", "low", "high"}
