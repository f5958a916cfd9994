from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agents.database import queries
from agents.reports.scheme import network
from agents.reports.tally import Period, Standing
from agents.statistics.counts import disagreements, merge
from agents.statistics.intake import (
    accept,
    is_late,
    receive,
    reported,
    send_back,
    versions,
)
from agents.statistics.submissions import Line, Submission, SubmissionRefused, sign
from agents.statistics.units import store_network
from tests.agents.statistics.books import IN_TIME, Connection, take_in

OCTOBER = date(2016, 10, 1)
PERIOD = Period(OCTOBER, OCTOBER)
FIRST = Submission(
    "jiangsu",
    OCTOBER,
    "12320-2016",
    Standing.COMPLETE,
    6,
    "",
    (Line("C01", "on_the_spot", 3), Line("C02", "open", 1), Line("T01", "transferred", 2)),
)
SECOND = replace(
    FIRST,
    total=9,
    lines=(Line("C01", "on_the_spot", 3), Line("C02", "open", 4), Line("J01", "open", 2)),
)


@pytest.fixture
async def books(connection: Connection) -> Connection:
    await store_network(connection, "national", network("national"))
    return connection


async def months(connection: Connection) -> Counter[Any]:
    rows = await connection.fetch("SELECT unit, code, settlement, n FROM month_count WHERE n <> 0")
    return Counter({tuple(row)[:-1]: row["n"] for row in rows})


async def test_nothing_is_counted_until_a_person_accepts_it(books: Connection) -> None:
    receipt = await receive(books, FIRST, sent_by="unit", now=IN_TIME)
    await merge(books)
    assert await months(books) == Counter()
    await accept(books, receipt.submission_id, by="centre")
    await merge(books)
    assert (await months(books)).total() == 6


async def test_restating_a_month_changes_exactly_the_cells_that_differ(books: Connection) -> None:
    await take_in(books, [FIRST])
    await merge(books)
    receipt = await receive(books, SECOND, sent_by="unit", now=IN_TIME)
    assert receipt.version == 2
    assert await accept(books, receipt.submission_id, by="centre") == 1
    changed = await books.fetch("SELECT code, settlement, n FROM count_change ORDER BY 1")
    assert [tuple(row) for row in changed] == [
        ("C02", "open", 3),
        ("J01", "open", 2),
        ("T01", "transferred", -2),
    ]
    await merge(books)
    assert (await months(books)).total() == 9
    assert await disagreements(books) == []
    kept = await books.fetch("SELECT version, state, document FROM submission ORDER BY version")
    assert [(row["version"], row["state"]) for row in kept] == [(1, "replaced"), (2, "accepted")]
    assert kept[0]["document"] == FIRST.document()


async def test_what_is_sent_back_never_counts_and_another_version_may_come(
    books: Connection,
) -> None:
    first = await receive(books, FIRST, sent_by="unit", now=IN_TIME)
    await send_back(books, first.submission_id, by="centre", reason="总数待核")
    row = next(r for r in await reported(books, "national", "12320-2016", PERIOD) if r.version)
    assert (row.unit, row.standing, row.returned) == ("jiangsu", Standing.MISSING, True)
    for again in (
        accept(books, first.submission_id, by="centre"),
        send_back(books, first.submission_id, by="centre", reason="再退"),
    ):
        with pytest.raises(SubmissionRefused, match="returned"):
            await again
    second = await receive(books, SECOND, sent_by="unit", now=IN_TIME)
    assert await accept(books, second.submission_id, by="centre") is None
    kept = await versions(books, "jiangsu", OCTOBER, "12320-2016")
    assert [(one.version, one.state, one.return_reason) for one in kept] == [
        (2, "accepted", None),
        (1, "returned", "总数待核"),
    ]
    row = next(r for r in await reported(books, "national", "12320-2016", PERIOD) if r.version)
    assert (row.standing, row.returned, row.counted_here) == (Standing.COMPLETE, False, False)


async def test_the_same_content_twice_is_one_version(books: Connection) -> None:
    once = await receive(books, FIRST, sent_by="unit", now=IN_TIME)
    again = await receive(books, FIRST, sent_by="unit", now=IN_TIME)
    assert (again.submission_id, again.repeated) == (once.submission_id, True)
    await accept(books, once.submission_id, by="centre")
    with pytest.raises(SubmissionRefused, match="accepted"):
        await accept(books, once.submission_id, by="centre")


async def test_a_unit_with_a_key_must_sign(books: Connection) -> None:
    key = bytes(range(32))
    public = Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
    await queries.set_unit_key(books, unit="jiangsu", public_key=public)
    with pytest.raises(SubmissionRefused, match="signature"):
        await receive(books, FIRST, sent_by="unit", now=IN_TIME)
    receipt = await receive(books, FIRST, sent_by="unit", now=IN_TIME, signature=sign(FIRST, key))
    assert receipt.version == 1


async def test_who_has_reported_who_has_not_and_who_was_late(books: Connection) -> None:
    late = datetime(2016, 11, 6, tzinfo=UTC)
    zero = replace(FIRST, unit="xizang", total=0, lines=())
    total = replace(zero, unit="tianjin", standing=Standing.PARTIAL, total=16508, reason="调试")
    await take_in(books, [FIRST, zero, total])
    await receive(books, replace(FIRST, unit="hunan"), sent_by="unit", now=late)
    found = {r.unit: r for r in await reported(books, "national", "12320-2016", PERIOD)}
    assert len(found) == 31
    assert found["jiangsu"].standing is Standing.COMPLETE
    assert (found["xizang"].standing, found["xizang"].total) == (Standing.COMPLETE, 0)
    assert (found["tianjin"].standing, found["tianjin"].reason) == (Standing.PARTIAL, "调试")
    assert (found["hunan"].standing, found["hunan"].late) == (Standing.MISSING, True)
    assert found["qinghai"].version is None


def test_a_month_is_late_after_the_due_day_of_the_next() -> None:
    assert not is_late(date(2016, 12, 1), datetime(2017, 1, 5, 23, tzinfo=UTC))
    assert is_late(date(2016, 12, 1), datetime(2017, 1, 6, tzinfo=UTC))


async def test_a_unit_counted_from_its_own_requests_cannot_be_counted_twice(
    books: Connection,
) -> None:
    await queries.set_unit_reporting(books, unit="jiangsu", reports_by="requests")
    receipt = await receive(books, FIRST, sent_by="unit", now=IN_TIME)
    with pytest.raises(SubmissionRefused, match="counted here"):
        await accept(books, receipt.submission_id, by="centre")
    with pytest.raises(SubmissionRefused, match="a unit of the network"):
        await receive(books, replace(FIRST, unit="nowhere"), sent_by="unit", now=IN_TIME)
