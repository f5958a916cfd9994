from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import asyncpg
import pytest

from agents.reports.document import Bulletin
from agents.statistics.issues import (
    Draft,
    IssueRefused,
    add_files,
    final,
    keep,
    kept_files,
    kept_issue,
    may_publish,
    publish,
    send_back,
    send_to_review,
)
from ivr.database import Pool
from tests.agents.reports.conftest import editorial_2016
from tests.agents.statistics.books import Connection, months_of_2016, national_books, take_in
from tests.agents.statistics.test_compilation import compiled

DRAFT: Final = Draft(editorial_2016())
WAIT_SECONDS: Final = 30.0
FILES: Final = {"json": b"{}", "pdf": b"%PDF"}


async def draft_of(connection: Connection, bulletin: Bulletin) -> int:
    return await keep(connection, bulletin, DRAFT, by="编辑", files=FILES)


async def test_a_published_issue_is_frozen_whatever_is_restated_later(
    connection: Connection, pool: Pool
) -> None:
    await national_books(connection)
    before = await compiled(pool)
    number = await draft_of(connection, before)
    again = replace(DRAFT, bulletin_id=number)
    assert await keep(connection, before, again, by="编辑", files=FILES) == number
    with pytest.raises(IssueRefused, match="cannot become published"):
        await may_publish(connection, number, by="主任")
    await send_to_review(connection, number, by="编辑")
    with pytest.raises(IssueRefused, match="another must publish"):
        await may_publish(connection, number, by="编辑")
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
        await send_to_review(connection, 5, by="编辑")
    with pytest.raises(IssueRefused, match="No issue 5"):
        await kept_issue(connection, 5)


async def test_what_was_compiled_anew_while_its_files_were_made_is_not_published(
    connection: Connection, national: Bulletin
) -> None:
    number = await draft_of(connection, national)
    await send_to_review(connection, number, by="编辑")
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
    await send_to_review(connection, number, by="编辑")
    await send_back(connection, number, by="主任", reason="稿件未核")
    row = await connection.fetchrow("SELECT state, return_reason FROM bulletin")
    assert row is not None
    assert (row["state"], row["return_reason"]) == ("draft", "稿件未核")
    await send_to_review(connection, number, by="编辑")
    assert await connection.fetchval("SELECT return_reason FROM bulletin") == ""


async def test_only_a_document_with_the_newest_text_is_reviewed(
    connection: Connection, national: Bulletin
) -> None:
    number = await draft_of(connection, national)
    await connection.execute("UPDATE bulletin SET version = version + 1")
    with pytest.raises(IssueRefused, match="compile it again") as refusal:
        await send_to_review(connection, number, by="编辑")
    assert refusal.value.code == "not_compiled"
    known = Draft(DRAFT.editorial, bulletin_id=number, version=2)
    assert await keep(connection, national, known, by="编辑", files={}) == number
    await send_to_review(connection, number, by="编辑")


async def test_a_compilation_keeps_nothing_when_the_draft_was_sent_on_or_begun_meanwhile(
    connection: Connection, national: Bulletin
) -> None:
    number = await draft_of(connection, national)
    changed = replace(national, watermark="草稿 后到")
    with pytest.raises(IssueRefused, match="meanwhile"):
        await keep(connection, changed, DRAFT, by="编辑", files={})
    await send_to_review(connection, number, by="编辑")
    late = Draft(DRAFT.editorial, bulletin_id=number)
    with pytest.raises(IssueRefused, match="meanwhile"):
        await keep(connection, changed, late, by="编辑", files={})
    assert await kept_issue(connection, number) == national
    assert final(national).watermark == national.watermark


async def published(connection: Connection, bulletin: Bulletin) -> int:
    number = await draft_of(connection, bulletin)
    await send_to_review(connection, number, by="编辑")
    reviewed = await may_publish(connection, number, by="主任")
    await publish(connection, number, reviewed, FILES, by="主任")
    return number


async def test_an_issue_from_before_files_were_kept_gets_them_once_whatever_its_state(
    connection: Connection, national: Bulletin
) -> None:
    number = await published(connection, national)
    with pytest.raises(IssueRefused, match="has its files"):
        await add_files(connection, number, FILES)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute("DELETE FROM bulletin_file")
    await connection.execute("SET session_replication_role = origin")
    await add_files(connection, number, FILES)
    assert await kept_files(connection, number) == FILES
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is published"):
        await connection.execute("UPDATE bulletin_file SET content = ''")


async def test_no_file_moves_into_a_published_issue(
    connection: Connection, national: Bulletin
) -> None:
    number = await published(connection, national)
    draft = await draft_of(connection, national)
    assert draft > number
    await connection.execute(
        "UPDATE bulletin_file SET form = 'xlsx' WHERE form = 'pdf' AND bulletin_id = $1", draft
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is published"):
        await connection.execute(
            "UPDATE bulletin_file SET bulletin_id = $1 WHERE form = 'xlsx'", number
        )


async def test_no_file_is_changed_while_its_issue_is_published(
    connection: Connection, pool: Pool, national: Bulletin
) -> None:
    number = await draft_of(connection, national)
    async with pool.acquire() as other:
        publishing = other.transaction()
        await publishing.start()
        await other.execute(
            "UPDATE bulletin SET state = 'published', published_at = now() WHERE bulletin_id = $1",
            number,
        )
        changing = asyncio.ensure_future(connection.execute("DELETE FROM bulletin_file"))
        await until_somebody_waits(pool)
        await publishing.commit()
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is published"):
            await changing


async def until_somebody_waits(pool: Pool) -> None:
    """Wait until a statement of this database waits for another's lock."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await pool.fetchval(  # noqa: ASYNC110 - another session waits
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)


async def test_of_two_who_begin_the_same_months_at_once_the_second_is_refused(
    connection: Connection, pool: Pool, national: Bulletin
) -> None:
    async with pool.acquire() as other:
        beginning = other.transaction()
        await beginning.start()
        await keep(other, national, DRAFT, by="同事", files=FILES)
        second = asyncio.ensure_future(draft_of(connection, national))
        await until_somebody_waits(pool)
        await beginning.commit()
        with pytest.raises(IssueRefused, match="begun by another"):
            await second
    assert await connection.fetchval("SELECT changed_by FROM bulletin") == "同事"
    with pytest.raises(IssueRefused, match="begun by another"):
        await draft_of(connection, national)


async def test_review_and_return_are_in_the_audit_whoever_asks_for_them(
    connection: Connection, national: Bulletin
) -> None:
    number = await draft_of(connection, national)
    await send_to_review(connection, number, by="编辑")
    await send_back(connection, number, by="主任", reason="稿件未核")
    noted = await connection.fetch("SELECT actor, action FROM audit ORDER BY seq")
    assert [tuple(row) for row in noted] == [
        ("编辑", "bulletin.reviewed"),
        ("主任", "bulletin.returned"),
    ]
