from __future__ import annotations

from pathlib import Path

import pytest

from agents.reports.document import Bulletin
from agents.reports.files import write_files
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
