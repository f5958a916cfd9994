"""From the counts in a real database to a whole issue, and months that nobody has counted."""

from __future__ import annotations

import pytest

from agents.reports.document import Bulletin, blocks
from agents.reports.editorial import Editorial
from agents.reports.scheme import Scheme, network, scheme
from agents.reports.tally import Period
from agents.statistics import compilation
from agents.statistics.counts import recount
from agents.statistics.history import import_requests
from agents.statistics.issues import Draft, IssueRefused
from agents.statistics.units import store_network
from ivr.database import Pool
from tests.agents.reports import printed
from tests.agents.reports.conftest import editorial_2014, editorial_2016
from tests.agents.statistics.books import (
    Connection,
    history_2014,
    national_books,
    national_requests,
    ranking_2014,
    take_in,
)

OCTOBER = Period(printed.OCTOBER, printed.OCTOBER)


async def compile_issue(
    pool: Pool, shown: Scheme, period: Period, editorial: Editorial
) -> Bulletin:
    async with pool.acquire() as connection:
        gathered = await compilation.gather(connection, shown, period)
    return compilation.compiled(gathered, shown, Draft(editorial))


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


async def test_a_month_that_nobody_has_counted_is_refused_with_who_has_not_reported(
    connection: Connection, pool: Pool
) -> None:
    await store_network(connection, "national", network("national"))
    with pytest.raises(IssueRefused, match=r"2016-10.*江苏省") as refusal:
        await compiled(pool)
    assert refusal.value.code == "nothing_counted"
    assert refusal.value.named["months"] == ["2016-10"]
    assert len(refusal.value.named["units"]) == len(network("national"))
