from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from agents.reports.document import Bulletin, blocks
from agents.reports.scheme import network, scheme
from agents.reports.tally import Period
from agents.statistics.counts import recount
from agents.statistics.history import import_requests
from agents.statistics.issues import (
    IssueRefused,
    IssueState,
    compile_issue,
    keep_draft,
    kept_issue,
    move_on,
)
from agents.statistics.units import store_network
from ivr.database import Pool
from tests.agents.reports import printed
from tests.agents.reports.conftest import editorial_2014, editorial_2016
from tests.agents.statistics.books import (
    Connection,
    history_2014,
    months_of_2016,
    national_books,
    national_requests,
    ranking_2014,
    take_in,
)

OCTOBER = Period(printed.OCTOBER, printed.OCTOBER)


async def compiled(pool: Pool) -> Bulletin:
    return await compile_issue(pool, scheme("national-2016"), OCTOBER, editorial_2016())


async def test_the_national_issue_comes_out_of_264478_rows_of_requests(
    connection: Connection, pool: Pool, national: Bulletin
) -> None:
    await national_requests(connection)
    await recount(pool)
    assert list(blocks(await compiled(pool))) == list(blocks(national))


async def test_the_national_issue_from_31_submissions_is_the_one_from_single_requests(
    connection: Connection, pool: Pool, national: Bulletin
) -> None:
    await national_books(connection)
    issue = await compiled(pool)
    assert list(blocks(issue)) == list(blocks(national))
    assert issue.watermark.startswith("草稿 12320-2016 264478件次 ")


async def test_the_provincial_issue_from_imported_history_is_the_one_from_single_requests(
    connection: Connection, pool: Pool, province: Bulletin
) -> None:
    shown = scheme("jiangsu-2014")
    await store_network(connection, "jiangsu", network("jiangsu"))
    await store_network(connection, "national", network("national"))
    async with connection.transaction():
        await import_requests(
            connection, history_2014(), shown.taxonomy, name="2014.csv", by="test"
        )
    await take_in(connection, ranking_2014())
    period = Period(printed.NOVEMBER, printed.DECEMBER)
    issue = await compile_issue(pool, shown, period, editorial_2014())
    assert list(blocks(issue)) == list(blocks(province))


async def test_two_networks_in_one_database_do_not_mix(
    connection: Connection, pool: Pool, national: Bulletin
) -> None:
    await national_books(connection)
    await connection.execute(
        "INSERT INTO count_change VALUES ('2016-10-05', '12320-2016', 'self', 'C01', 'phone', "
        "'inbound', 'open', 7)"
    )
    assert list(blocks(await compiled(pool))) == list(blocks(national))


async def test_a_published_issue_is_frozen_whatever_is_restated_later(
    connection: Connection, pool: Pool
) -> None:
    await national_books(connection)
    before = await compiled(pool)
    number = await keep_draft(connection, before, issue=113, by="编辑")
    assert await keep_draft(connection, before, issue=113, by="编辑") == number
    with pytest.raises(IssueRefused, match="cannot become published"):
        await move_on(connection, number, IssueState.PUBLISHED, by="主任")
    await move_on(connection, number, IssueState.REVIEW, by="编辑")
    with pytest.raises(IssueRefused, match="another must publish"):
        await move_on(connection, number, IssueState.PUBLISHED, by="编辑")
    published = await move_on(connection, number, IssueState.PUBLISHED, by="主任")
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


async def test_an_issue_that_is_not_there_cannot_be_moved(connection: Connection) -> None:
    with pytest.raises(IssueRefused, match="No issue 5"):
        await move_on(connection, 5, IssueState.REVIEW, by="编辑")
    with pytest.raises(IssueRefused, match="No issue 5"):
        await kept_issue(connection, 5)
