from __future__ import annotations

from pathlib import Path

import pytest

from agents.reports.document import Bulletin
from agents.reports.files import WRITERS, put_files, render_files, write_files
from ivr.errors import DefinitionInvalid


def test_a_folder_holds_the_issue_in_every_format(province: Bulletin, tmp_path: Path) -> None:
    written = write_files(province, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {p.name for p in written}
    assert [path.suffix for path in written] == [".json", ".html", ".xlsx", ".docx", ".pdf"]
    assert all(path.stat().st_size > 1000 for path in written)


def test_an_unknown_format_is_refused_before_anything_is_written(
    province: Bulletin, tmp_path: Path
) -> None:
    with pytest.raises(DefinitionInvalid, match="odt"):
        write_files(province, tmp_path / "out", ("json", "odt"))
    assert not (tmp_path / "out").exists()


def test_each_format_is_told_before_it_is_made(
    province: Bulletin, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr("agents.reports.files.WRITERS", {"a": lambda _: b"1", "b": lambda _: b"2"})
    made = render_files(province, told=lambda *one: told.append(one))
    assert made == {"a": b"1", "b": b"2"}
    assert told == [("a", 1, 2), ("b", 2, 2)]
    assert list(WRITERS) == ["json", "html", "xlsx", "docx", "pdf"]


def test_an_interrupt_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bulletin.json").write_text("old")
    real = Path.write_bytes

    def interrupted(path: Path, content: bytes) -> int:
        if path.name.endswith("pdf"):
            real(path, content[:1])
            raise KeyboardInterrupt
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put_files({"json": b"new", "pdf": b"new"}, tmp_path)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("bulletin.json", "old")]
