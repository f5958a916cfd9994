from __future__ import annotations

from dataclasses import replace
from datetime import date

from agents.reports.scheme import network
from agents.reports.tally import Period
from agents.statistics.units import members, store_network
from tests.agents.statistics.books import Connection


async def test_a_network_is_kept_as_its_file_says_and_in_its_order(connection: Connection) -> None:
    file = network("jiangsu")
    assert await store_network(connection, "jiangsu", file) == 13
    period = Period(date(2014, 11, 1), date(2014, 12, 1))
    assert await members(connection, "jiangsu", period) == tuple(m.unit for m in file)


async def test_a_unit_is_a_member_only_in_the_months_of_its_membership(
    connection: Connection,
) -> None:
    first, *rest = network("jiangsu")
    await store_network(connection, "jiangsu", (replace(first, until=date(2015, 3, 1)), *rest))
    march = Period(date(2015, 3, 1), date(2015, 3, 1))
    assert len(await members(connection, "jiangsu", march.earlier(1))) == 13
    assert first.unit not in await members(connection, "jiangsu", march)
