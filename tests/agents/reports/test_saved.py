"""Saved reports: whose they are, who opens them, and what becomes of one that is put away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import asyncpg
import pytest

from agents.database import queries
from agents.reports import saved
from agents.reports.periods import Relative
from agents.reports.saved import NameTaken, TooMany, Wish
from tests.agents.statistics.books import Connection

WISH = Wish("昨日来电", "day", Relative.YESTERDAY, queue="consult")
NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)


@pytest.fixture
async def people(connection: Connection) -> Connection:
    for person in ("chief", "other"):
        await connection.execute(
            "INSERT INTO user_account (person, name, role, created_by)"
            " VALUES ($1, '王班长', 'supervisor', '')",
            person,
        )
    return connection


async def test_a_report_is_opened_by_its_owner_and_once_shared_by_all(people: Connection) -> None:
    number = await saved.save(people, "chief", WISH)
    assert [one.wish for one in await saved.all_for(people, "chief")] == [WISH]
    assert await saved.one_for(people, number, "other") is None
    assert await saved.all_for(people, "other") == []
    assert await saved.change(people, number, "chief", replace(WISH, shared=True))
    opened = await saved.one_for(people, number, "other")
    assert opened is not None
    assert (opened.owner, opened.owner_name, opened.wish.shared) == ("chief", "王班长", True)
    assert not await saved.change(people, number, "other", WISH)
    assert not await saved.delete(people, number, "other")


async def test_a_name_is_given_once_by_each(people: Connection) -> None:
    number = await saved.save(people, "chief", WISH)
    await saved.save(people, "other", WISH)
    with pytest.raises(NameTaken):
        await saved.save(people, "chief", replace(WISH, report="hour"))
    second = await saved.save(people, "chief", replace(WISH, name="上月"))
    with pytest.raises(NameTaken):
        await saved.change(people, second, "chief", WISH)
    assert await saved.delete(people, number, "chief")
    assert await saved.change(people, second, "chief", WISH)
    with pytest.raises(NameTaken):
        await saved.restore(people, number, "chief", NOW)


async def test_a_report_that_was_put_away_comes_back_and_is_not_mailed_for_that_time(
    people: Connection,
) -> None:
    number = await saved.save(people, "chief", WISH)
    schedule = await queries.make_schedule(
        people,
        saved_id=number,
        owner="chief",
        every="day",
        on_day=0,
        at=time(8),
        recipients=["a@example.cn"],
        form="csv",
        short_text=True,
        next_due=NOW - timedelta(days=3),
    )
    assert await saved.delete(people, number, "chief")
    assert await saved.all_for(people, "chief") == []
    assert [row async for row in queries.due_schedules(people, now=NOW)] == []
    assert await saved.restore(people, number, "chief", NOW)
    assert not await saved.restore(people, number, "chief", NOW)
    due = await people.fetchval(
        "SELECT next_due FROM report_schedule WHERE schedule_id = $1", schedule
    )
    assert due == datetime(2026, 11, 23, tzinfo=UTC)
    assert len(await saved.all_for(people, "chief")) == 1


async def test_nobody_keeps_more_than_can_be_looked_through(
    people: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "MOST", 2)
    for name in "ab":
        await saved.save(people, "chief", replace(WISH, name=name))
    with pytest.raises(TooMany):
        await saved.save(people, "chief", WISH)


async def test_a_name_is_not_endless(people: Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await saved.save(people, "chief", replace(WISH, name="长" * 61))


def test_a_wish_is_run_for_the_days_before_the_day() -> None:
    assert saved.today(datetime(2026, 11, 21, 17, tzinfo=UTC)) == date(2026, 11, 22)
    filters = WISH.filters(date(2026, 11, 22))
    assert (filters.first, filters.last) == (date(2026, 11, 21), date(2026, 11, 21))
    assert filters.queue == "consult"
