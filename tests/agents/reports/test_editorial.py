from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agents.reports.document import Column
from agents.reports.editorial import Editorial, load_editorial, parse_editorial, written_date
from agents.reports.scheme import scheme
from ivr.errors import DefinitionInvalid

HEAD: dict[str, Any] = {
    "title": "12320工作简报",
    "issue": 12,
    "total_issue": 66,
    "dated": date(2016, 1, 20),
    "publishers": ["某市12320管理中心"],
}


def editorial(**more: Any) -> Editorial:  # noqa: ANN401 - any key of the file
    return parse_editorial(HEAD | more)


def test_the_compiled_columns_take_the_place_that_is_kept_for_them() -> None:
    written = editorial(
        column=[
            {"name": "甲", "article": [{"title": "一", "text": "一行\n二行\n\n第二段"}]},
            {"statistics": True},
            {"name": "乙"},
        ]
    )
    columns = written.columns((Column("受理分析", ()), Column("数据分析", ())))
    assert [column.name for column in columns] == ["甲", "受理分析", "数据分析", "乙"]
    assert [b.text for b in columns[0].articles[0].blocks if hasattr(b, "text")] == [
        "一行 二行",
        "第二段",
    ]


@pytest.mark.parametrize("marks", [0, 2])
def test_an_issue_has_one_place_for_its_statistics(marks: int) -> None:
    written = editorial(column=[{"name": "甲"}] + [{"statistics": True}] * marks)
    with pytest.raises(DefinitionInvalid, match=f"came {marks}"):
        written.columns(())


def test_numbers_of_issues_and_dates_are_written_as_each_bulletin_does() -> None:
    assert editorial().masthead(scheme("jiangsu-2014").form).issue == "第十二期（总第66期）"
    assert editorial().masthead(scheme("national-2016").form).dated == "二〇一六年一月二十日"
    assert written_date(date(2016, 11, 10), "chinese") == "二〇一六年十一月十日"
    assert written_date(date(2016, 11, 10), "digits") == "2016年11月10日"


def test_a_wrong_key_is_named_with_what_came() -> None:
    with pytest.raises(DefinitionInvalid, match=r"issue: .* came 0"):
        editorial(issue=0)
    with pytest.raises(DefinitionInvalid, match=r"copys: .*"):
        editorial(copys=3)


def test_an_editorial_is_a_file_and_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "issue.toml"
    with pytest.raises(DefinitionInvalid, match="readable"):
        load_editorial(path)
    path.write_text("title = ", encoding="utf-8")
    with pytest.raises(DefinitionInvalid, match="expected TOML"):
        load_editorial(path)
    path.write_text(
        'title = "简报"\nissue = 1\ntotal_issue = 1\ndated = 2016-01-02\npublishers = ["甲"]\n',
        encoding="utf-8",
    )
    assert load_editorial(path).imprint().printed_on == "2016年1月2日印发"
