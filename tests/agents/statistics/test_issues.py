from __future__ import annotations

from dataclasses import replace
from typing import Final

import asyncpg
import pytest

from agents.reports.document import Bulletin
from agents.statistics.issues import (
    Draft,
    IssueRefused,
    IssueState,
    final,
    keep_compiled,
    keep_draft,
    kept_issue,
    may_publish,
    move_on,
    publish,
    send_back,
)
from ivr.database import Pool
from tests.agents.reports.conftest import editorial_2016
from tests.agents.statistics.books import Connection, months_of_2016, national_books, take_in
from tests.agents.statistics.test_compilation import compiled

DRAFT: Final = Draft(editorial_2016())
FILES: Final = {"json": b"{}", "pdf": b"%PDF"}


async def draft_of(connection: Connection, bulletin: Bulletin) -> int:
    return await keep_draft(connection, bulletin, DRAFT, by="编辑", files=FILES)


async def test_a_published_issue_is_frozen_whatever_is_restated_later(
    connection: Connection, pool: Pool
) -> None:
    await national_books(connection)
    before = await compiled(pool)
    number = await draft_of(connection, before)
    assert await draft_of(connection, before) == number
    with pytest.raises(IssueRefused, match="cannot become published"):
        await move_on(connection, number, IssueState.PUBLISHED, by="主任")
    await move_on(connection, number, IssueState.REVIEW, by="编辑")
    with pytest.raises(IssueRefused, match="another must publish"):
        await move_on(connection, number, IssueState.PUBLISHED, by="编辑")
    reviewed = await may_publish(connection, number, by="主任")
    published = await publish(connection, number, reviewed, FILES, by="主任")
    assert published.watermark == before.watermark.removeprefix("草稿 ")

    jiangsu = next(s for s in months_of_2016() if s.unit == "jiangsu")
    first, *rest = jiangsu.lines
    more = replace(first, count=first.count + 1)
    await take_in(connection, [replace(jiangsu, total=jiangsu.total + 1, lines=(more, *rest))])
    after = await compiled(pool)
    assert "264479件次" in after.watermark
    assert await kept_issue(connection, number) == published
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is published"):
        await connection.execute("UPDATE bulletin SET document = ''")
    for change in ("UPDATE bulletin_file SET content = ''", "DELETE FROM bulletin_file"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is published"):
            await connection.execute(change)
    # The restated month is an issue of its own beside it.
    assert await draft_of(connection, after) > number


async def test_an_issue_that_is_not_there_cannot_be_moved(connection: Connection) -> None:
    with pytest.raises(IssueRefused, match="No issue 5"):
        await move_on(connection, 5, IssueState.REVIEW, by="编辑")
    with pytest.raises(IssueRefused, match="No issue 5"):
        await kept_issue(connection, 5)


async def test_what_was_compiled_anew_while_its_files_were_made_is_not_published(
    connection: Connection, national: Bulletin
) -> None:
    number = await draft_of(connection, national)
    await move_on(connection, number, IssueState.REVIEW, by="编辑")
    other = replace(national, watermark="草稿 另一稿")
    with pytest.raises(IssueRefused, match="compiled anew") as refusal:
        await publish(connection, number, other, FILES, by="主任")
    assert refusal.value.code == "changed_meanwhile"
    assert await kept_issue(connection, number) == national


async def test_an_issue_that_is_sent_back_is_a_draft_that_says_why(
    connection: Connection, national: Bulletin
) -> None:
    number = await draft_of(connection, national)
    with pytest.raises(IssueRefused, match="not in review"):
        await send_back(connection, number, by="主任", reason="稿件未核")
    await move_on(connection, number, IssueState.REVIEW, by="编辑")
    await send_back(connection, number, by="主任", reason="稿件未核")
    row = await connection.fetchrow("SELECT state, return_reason FROM bulletin")
    assert row is not None
    assert (row["state"], row["return_reason"]) == ("draft", "稿件未核")
    await move_on(connection, number, IssueState.REVIEW, by="编辑")
    assert await connection.fetchval("SELECT return_reason FROM bulletin") == ""


async def test_only_a_document_with_the_newest_text_is_reviewed(
    connection: Connection, national: Bulletin
) -> None:
    number = await draft_of(connection, national)
    await connection.execute("UPDATE bulletin SET version = version + 1")
    with pytest.raises(IssueRefused, match="compile it again") as refusal:
        await move_on(connection, number, IssueState.REVIEW, by="编辑")
    assert refusal.value.code == "not_compiled"
    known = Draft(DRAFT.editorial, bulletin_id=number, version=2)
    assert await keep_compiled(connection, national, known, by="编辑", files={}) == number
    await move_on(connection, number, IssueState.REVIEW, by="编辑")


async def test_a_compilation_keeps_nothing_when_the_draft_was_sent_on_or_begun_meanwhile(
    connection: Connection, national: Bulletin
) -> None:
    number = await draft_of(connection, national)
    changed = replace(national, watermark="草稿 后到")
    with pytest.raises(IssueRefused, match="meanwhile"):
        await keep_compiled(connection, changed, DRAFT, by="编辑", files={})
    await move_on(connection, number, IssueState.REVIEW, by="编辑")
    late = Draft(DRAFT.editorial, bulletin_id=number)
    with pytest.raises(IssueRefused, match="meanwhile"):
        await keep_compiled(connection, changed, late, by="编辑", files={})
    assert await kept_issue(connection, number) == national
    assert final(national).watermark == national.watermark
