from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from agents.statistics import issue_drafts, issue_runs, issue_worker, issues
from agents.web.bulletin_words import MOST_SAID, WORDS, misprint, refused, said, why


def test_every_reason_has_words() -> None:
    sources = [
        Path(module.__file__ or "").read_text("utf-8")
        for module in (issue_drafts, issue_runs, issue_worker, issues)
    ]
    codes = {code for text in sources for code in re.findall(r'IssueRefused\(\s*"(\w+)"', text)}
    assert codes
    assert codes - {"unknown"} <= set(WORDS)
    assert set(issue_worker.CODES.values()) <= set(WORDS)


def test_what_is_missing_is_named() -> None:
    named = {"months": ["2016-10"], "units": ["天津市", "江苏省"]}
    words = "2016-10 没有已统计的数据；未上报单位：天津市、江苏省。"
    assert why("failed", "nothing_counted", named) == words
    assert "没有登记上报单位" in said("nothing_counted", {"months": ["2016-10"], "units": []})
    assert why("done", "", {}) == why("cancelled", "", {}) == ""
    assert "可重新开始" in why("lost", "", {})


def test_whoever_was_second_is_told_who_was_first() -> None:
    named = {"by": "s1", "at": datetime(2026, 11, 22, 2, 5, tzinfo=UTC), "version": 3}
    refusal = refused(issues.IssueRefused("written_by_another", "x", named))
    assert refusal.status_code == 409
    assert "s1 已于 11-22 10:05 保存第 3 版文字" in (refusal.text or "")
    assert refused(issues.IssueRefused("unknown", "x")).status_code == 404


def test_what_cannot_be_printed_is_named_with_its_place() -> None:
    many = [{"path": "column.1.article.0.title", "at": at, "what": "U+000B"} for at in range(1, 6)]
    words = said("misprinted", {"misprints": many})
    assert words.startswith("文字不能印出：第 2 栏第 1 篇标题第 1 字是控制字符 U+000B，请删除；")
    assert words.count("U+000B") == MOST_SAID
    assert misprint("publishers.0", 2, "U+0001").startswith("编发单位第 1 行第 2 字")
    assert misprint("copies", 0, "100000") == "份数 100000 过大，应不超过 99999"
    refusal = refused(issues.IssueRefused("misprinted", "x", {"misprints": many}))
    assert refusal.status_code == 422


def test_no_word_of_ours_in_another_tongue_is_shown() -> None:
    named = {"months": ["2016-10"], "units": [], "by": "s1", "at": "", "version": 1}
    for code in set(WORDS) - {"misprinted"}:
        words = said(code, named | {"detail": "expected, came"})
        assert "expected" not in words, code
