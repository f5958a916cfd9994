from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.asterisk import journal

LINE = b'{"eventtype":"CHAN_START"}\n'


def test_files_come_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    for age, name in enumerate(["cel.jsonl", "cel.jsonl.20261118T000000", "cel.jsonl.1"]):
        (tmp_path / name).write_bytes(LINE)
        os.utime(tmp_path / name, ns=(10**18 - age, 10**18 - age))
    found = journal.files(tmp_path)
    assert [file.path.name for file in found] == [
        "cel.jsonl.1",
        "cel.jsonl.20261118T000000",
        "cel.jsonl",
    ]
    assert [file.active for file in found] == [False, False, True]


@pytest.mark.parametrize("name", ["cel.jsonl.1.gz", "notes.txt", "cel.csv"])
def test_what_is_no_journal_is_not_looked_at(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(LINE)
    assert journal.files(tmp_path) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(LINE)
    (tmp_path / "cel.jsonl").symlink_to(tmp_path / "elsewhere")
    assert journal.files(tmp_path) == []


def test_a_file_is_known_by_its_first_line_wherever_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "cel.jsonl"
    path.write_bytes(LINE[:-1])
    assert journal.read_head(path) is None
    path.write_bytes(LINE)
    head = journal.read_head(path)
    assert head is not None
    [file] = journal.files(tmp_path)
    aside = journal.rotate(file, datetime(2026, 11, 18, tzinfo=UTC))
    assert aside.name == "cel.jsonl.20261118T000000"
    assert journal.read_head(aside) == head


def test_a_stretch_comes_with_the_bytes_before_it(tmp_path: Path) -> None:
    path = tmp_path / "cel.jsonl"
    path.write_bytes(LINE + b"0123456789")
    stretch = journal.read_stretch(path, len(LINE) + 4, remembered=6, most=3)
    assert (stretch.before, stretch.data) == (b"}\n0123", b"456")
    assert stretch.size == len(LINE) + 10
    assert stretch.head == journal.read_head(path)
